"""A quantity that refills with time; the clock is the caller's."""


class TokenBucket:
    """A quantity that refills at `rate_per_s` up to `burst`."""

    __slots__ = ("_burst", "_level", "_rate_per_ms", "_seen_ms")

    def __init__(self, rate_per_s: float, burst: float, now_ms: int) -> None:
        """Start full."""
        self._rate_per_ms = rate_per_s / 1_000
        self._burst = burst
        self._level = burst
        self._seen_ms = now_ms

    def take(self, amount: float, now_ms: int) -> bool:
        """Take `amount` if it is there; take nothing otherwise."""
        if now_ms != self._seen_ms:
            self._level = min(self._burst, self._level + (now_ms - self._seen_ms) * self._rate_per_ms)
            self._seen_ms = now_ms
        if amount > self._level:
            return False
        self._level -= amount
        return True

    def give(self, amount: float) -> None:
        """Give back what was taken and not used."""
        self._level = min(self._burst, self._level + amount)

    def wait_s(self, amount: float) -> int:
        """Seconds until `amount` will be there, rounded up."""
        missing = max(0.0, amount - self._level)
        return max(1, -int(-missing // (self._rate_per_ms * 1_000)))
