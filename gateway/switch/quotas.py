"""Quotas: what one authority may ask of us in a span of time.

Buckets leak on a monotonic clock that the caller supplies. A refusal is `CapacityError`:
nothing was recorded, the same bytes may come again.
"""

from gateway.domain.errors import CapacityError
from gateway.switch.limits import SwitchLimits
from gateway.wire.buckets import TokenBucket as TokenBucket


class _Shares:
    """One kind of thing, in items and bytes, for every authority; the directory bounds their number."""

    def __init__(self, items: str, octets: str, rates: tuple[float, float, float, float]) -> None:
        """`rates` are items a second and at once, bytes a second and at once."""
        self._items, self._octets = items, octets
        self._rates = rates
        self._buckets: dict[str, tuple[TokenBucket, TokenBucket]] = {}

    def take(self, authority: str, count: int, size_bytes: int, now_ms: int) -> None:
        buckets = self._buckets.get(authority)
        if buckets is None:
            per_s, burst, bytes_per_s, bytes_burst = self._rates
            buckets = TokenBucket(per_s, burst, now_ms), TokenBucket(bytes_per_s, bytes_burst, now_ms)
            self._buckets[authority] = buckets
        items, octets = buckets
        if not items.take(count, now_ms):
            raise CapacityError(self._items, items.wait_s(count))
        if not octets.take(size_bytes, now_ms):
            items.give(count)
            raise CapacityError(self._octets, octets.wait_s(size_bytes))

    def give(self, authority: str, count: int, size_bytes: int) -> None:
        items, octets = self._buckets[authority]
        items.give(count)
        octets.give(size_bytes)


class Quotas:
    """The shares of every authority; they start full."""

    def __init__(self, limits: SwitchLimits) -> None:
        """Keep to the rates of `limits`."""
        self._messages = _Shares(
            "messages of an authority",
            "bytes of an authority",
            (limits.messages_per_s, limits.messages_burst, limits.bytes_per_s, limits.bytes_burst),
        )
        self._acknowledgements = _Shares(
            "acknowledgements of an authority",
            "bytes of acknowledgements of an authority",
            (
                limits.acknowledgements_per_s,
                limits.acknowledgements_burst,
                limits.acknowledgement_bytes_per_s,
                limits.acknowledgement_bytes_burst,
            ),
        )

    def take(self, authority: str, size_bytes: int, count: int, now_ms: int) -> None:
        """Book `count` submissions of `size_bytes` in all, or nothing.

        Raises:
            CapacityError: the authority has used up its share for now.
        """
        self._messages.take(authority, count, size_bytes, now_ms)

    def give(self, authority: str, size_bytes: int, count: int) -> None:
        """Give back what was booked for submissions that are booked again one by one."""
        self._messages.give(authority, count, size_bytes)

    def take_acknowledgements(self, authority: str, size_bytes: int, now_ms: int) -> None:
        """Book one signed batch of acknowledgements of `size_bytes`.

        Raises:
            CapacityError: the authority has used up its share for now.
        """
        self._acknowledgements.take(authority, 1, size_bytes, now_ms)
