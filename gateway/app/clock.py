"""The only clock. Everything below `app` is told the time."""

import time


def wall_ms() -> int:
    """Return milliseconds since the Unix epoch: for evidence, never for timers."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return milliseconds that never go back: for timers, never for evidence."""
    return time.monotonic_ns() // 1_000_000
