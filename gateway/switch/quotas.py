"""Quotas: what one authority may ask of us in a span of time.

Buckets leak on a monotonic clock that the caller supplies. A refusal is `CapacityError`:
nothing was recorded, the same bytes may come again.
"""

from gateway.domain.errors import CapacityError
from gateway.switch.limits import SwitchLimits
from gateway.wire.buckets import TokenBucket as TokenBucket


class Quotas:
    """Messages and bytes of every authority; authorities come from the directory, so the table is bounded."""

    def __init__(self, limits: SwitchLimits) -> None:
        """Start with every authority's buckets full."""
        self._limits = limits
        self._buckets: dict[str, tuple[TokenBucket, TokenBucket]] = {}

    def take(self, authority: str, size_bytes: int, now_ms: int, count: int = 1) -> None:
        """Book `count` submissions of `size_bytes` in all, or nothing.

        Raises:
            CapacityError: the authority has used up its share for now.
        """
        buckets = self._buckets.get(authority)
        if buckets is None:
            limits = self._limits
            buckets = self._buckets[authority] = (
                TokenBucket(limits.messages_per_s, limits.messages_burst, now_ms),
                TokenBucket(limits.bytes_per_s, limits.bytes_burst, now_ms),
            )
        messages, octets = buckets
        if not messages.take(count, now_ms):
            raise CapacityError("messages of an authority", messages.wait_s(count))
        if not octets.take(size_bytes, now_ms):
            messages.give(count)
            raise CapacityError("bytes of an authority", octets.wait_s(size_bytes))

    def give(self, authority: str, size_bytes: int, count: int) -> None:
        """Give back what was booked for submissions that are booked again one by one."""
        messages, octets = self._buckets[authority]
        messages.give(count)
        octets.give(size_bytes)
