"""The numbers of one connection: which come next, which are open, how many bytes wait for judgement.

Without IO. Numbers count from 0 over submissions and acknowledgements together; an endpoint that
skips, repeats or outruns its window breaks the protocol.
"""

from collections.abc import Iterable, Sequence

from gateway.domain.errors import PeerError
from gateway.domain.session import Answer


class Window:
    """What was submitted on one connection and has no answer yet.

    `unjudged_bytes`: bytes handed to the switch. `open`: numbers whose answer was not written yet, so
    that a peer that does not read its answers cannot make us keep more than a window of them.
    """

    __slots__ = ("_sizes", "next_number", "open", "size", "unjudged_bytes")

    def __init__(self, size: int) -> None:
        """Allow `size` open numbers."""
        self.size = size
        self.next_number = 0
        self.open = 0
        self.unjudged_bytes = 0
        self._sizes: dict[int, int] = {}

    def claim(self, first: int, count: int) -> None:
        """Open `count` numbers from `first` on.

        Raises:
            PeerError: the numbers do not continue, or the window has no room for them.
        """
        if first != self.next_number:
            raise PeerError(f"number {first} came where {self.next_number} is next")
        if self.open + count > self.size:
            raise PeerError(f"{self.open + count} numbers are without answer, the window is {self.size}")
        self.next_number += count
        self.open += count

    def hand_over(self, first: int, sizes_bytes: Sequence[int]) -> None:
        """Book the bytes of the numbers from `first` on, which the switch is about to judge."""
        self._sizes.update(zip(range(first, first + len(sizes_bytes)), sizes_bytes, strict=True))
        self.unjudged_bytes += sum(sizes_bytes)

    def judged(self, answers: Sequence[Answer]) -> int:
        """Book answers; return how many bytes they free."""
        return self.forget([answer.number for answer in answers])

    def forget(self, numbers: Iterable[int]) -> int:
        """Return how many bytes the numbers occupied that will not be judged any more, or have been."""
        sizes = self._sizes
        freed_bytes = sum([sizes.pop(number, 0) for number in numbers])
        self.unjudged_bytes -= freed_bytes
        return freed_bytes

    @property
    def unanswered(self) -> int:
        """How many numbers were handed over and have no answer yet."""
        return len(self._sizes)

    def waits(self, number: int) -> bool:
        """Tell whether a number that was handed over has no answer yet."""
        return number in self._sizes

    def written(self, count: int) -> None:
        """Close numbers whose answers were handed to the connection."""
        self.open -= count
