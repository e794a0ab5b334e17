"""Which bound turns submissions away: one log line a bound and minute, never one a message."""

from gateway.telemetry.logs import get_logger

# Whoever is turned away comes back within seconds; an operator reads once a minute.
EVERY_MS = 60_000


class BoundLog:
    """Counts what was turned away and names the bound; bounds come from our code, so the table is small."""

    def __init__(self, component: str) -> None:
        """Log for one part."""
        self._log = get_logger(component)
        # By bound: when it was told last, and how often it was met since.
        self._told: dict[str, tuple[int, int]] = {}

    def reached(self, bound: str, retry_after_s: int, now_ms: int, authority: str | None = None) -> None:
        """Note one submission that was turned away at `now_ms` (monotonic); `authority` handed it in."""
        told_ms, times = self._told.get(bound, (now_ms - EVERY_MS, 0))
        if now_ms - told_ms < EVERY_MS:
            self._told[bound] = (told_ms, times + 1)
            return
        self._told[bound] = (now_ms, 0)
        self._log.warning(
            "bound-reached", bound=bound, authority=authority, messages_n=times + 1, retry_after_s=retry_after_s
        )
