"""What the demo prints: one line an event, and whether it was as the law wants it."""

import sys
import time

from msgspec import Struct

WIDTH_WHO = 26


class Tally(Struct):
    """How many lines were shown, and how many were as expected."""

    shown: int = 0
    expected: int = 0


class Narrator:
    """Prints the story line by line and keeps count."""

    def __init__(self) -> None:
        """Count from zero, and time from now."""
        self.tally = Tally()
        self._begun = time.monotonic()

    def chapter(self, title: str) -> None:
        """Print the head of a part of the story."""
        print(f"\n{title}", flush=True)

    def note(self, text: str) -> None:
        """Print a line that claims nothing."""
        print(f"       {text}", flush=True)

    def line(self, who: str, what: str, outcome: str, as_expected: bool) -> None:
        """Print one event: who, what, the outcome (for a refusal with its article), and whether it had to be so."""
        self.tally.shown += 1
        self.tally.expected += as_expected
        mark = "ok" if as_expected else "NO"
        print(f"{self._elapsed_s():5.1f}s {mark}  {who:<{WIDTH_WHO}} {what}: {outcome}", flush=True)

    def close(self) -> int:
        """Print the count and how long the story took since its set-up, and return the exit code."""
        count = f"demo: {self.tally.expected} of {self.tally.shown} as expected"
        print(f"\n{count}, in {self._elapsed_s():.1f} s after set-up", flush=True)
        sys.stdout.flush()
        return 0 if self.tally.expected == self.tally.shown else 1

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._begun
