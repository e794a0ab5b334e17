"""A bound in bytes that many connections share."""

from collections.abc import Callable


class Budget:
    """Bytes that are taken and given back; never more than `bytes_max` at once, save by force."""

    __slots__ = ("_refused", "bytes_max", "bytes_taken")

    def __init__(self, bytes_max: int, refused: Callable[[], None] | None = None) -> None:
        """Start with nothing taken; `refused` is called whenever bytes are not given."""
        self.bytes_max = bytes_max
        self.bytes_taken = 0
        self._refused = refused

    def take(self, size_bytes: int, *, force: bool = False, quietly: bool = False) -> bool:
        """Take bytes if the bound allows, or by force; tell whether they were taken.

        `quietly`: nobody is turned away if they are not, because less is asked for next.
        """
        if self.bytes_taken + size_bytes > self.bytes_max and not force:
            if self._refused is not None and not quietly:
                self._refused()
            return False
        self.bytes_taken += size_bytes
        return True

    def give(self, size_bytes: int) -> None:
        """Give bytes back."""
        self.bytes_taken -= size_bytes
