"""A bound in bytes that many connections share."""


class Budget:
    """Bytes that are taken and given back; never more than `bytes_max` at once, save by force."""

    __slots__ = ("bytes_max", "bytes_taken")

    def __init__(self, bytes_max: int) -> None:
        """Start with nothing taken."""
        self.bytes_max = bytes_max
        self.bytes_taken = 0

    def take(self, size_bytes: int, *, force: bool = False) -> bool:
        """Take bytes if the bound allows, or by force; tell whether they were taken."""
        if self.bytes_taken + size_bytes > self.bytes_max and not force:
            return False
        self.bytes_taken += size_bytes
        return True

    def give(self, size_bytes: int) -> None:
        """Give bytes back."""
        self.bytes_taken -= size_bytes
