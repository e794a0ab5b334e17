"""Quotas: what one authority may ask of us in a span of time.

Buckets leak on a monotonic clock that the caller supplies. A refusal is `CapacityError`:
nothing was recorded, the same bytes may come again.
"""

from gateway.domain.errors import CapacityError
from gateway.switch.limits import SwitchLimits
from gateway.wire.buckets import TokenBucket as TokenBucket


class Quotas:
    """The shares of every authority; authorities come from the directory, so the tables are bounded."""

    def __init__(self, limits: SwitchLimits) -> None:
        """Start with every authority's buckets full."""
        self._limits = limits
        self._buckets: dict[str, tuple[TokenBucket, TokenBucket]] = {}
        self._acknowledging: dict[str, tuple[TokenBucket, TokenBucket]] = {}

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
        _take(buckets, count, size_bytes, now_ms, "messages of an authority", "bytes of an authority")

    def give(self, authority: str, size_bytes: int, count: int) -> None:
        """Give back what was booked for submissions that are booked again one by one."""
        messages, octets = self._buckets[authority]
        messages.give(count)
        octets.give(size_bytes)

    def take_acknowledgements(self, authority: str, size_bytes: int, now_ms: int) -> None:
        """Book one signed batch of acknowledgements of `size_bytes`.

        Raises:
            CapacityError: the authority has used up its share for now.
        """
        buckets = self._acknowledging.get(authority)
        if buckets is None:
            limits = self._limits
            buckets = self._acknowledging[authority] = (
                TokenBucket(limits.acknowledgements_per_s, limits.acknowledgements_burst, now_ms),
                TokenBucket(limits.acknowledgement_bytes_per_s, limits.acknowledgement_bytes_burst, now_ms),
            )
        names = "acknowledgements of an authority", "bytes of acknowledgements of an authority"
        _take(buckets, 1, size_bytes, now_ms, *names)


def _take(
    buckets: tuple[TokenBucket, TokenBucket], count: int, size_bytes: int, now_ms: int, of_items: str, of_bytes: str
) -> None:
    items, octets = buckets
    if not items.take(count, now_ms):
        raise CapacityError(of_items, items.wait_s(count))
    if not octets.take(size_bytes, now_ms):
        items.give(count)
        raise CapacityError(of_bytes, octets.wait_s(size_bytes))
