"""Padding: the length of a ciphertext says little of its content (S-13, Padmé).

Sizes are rounded up so that only the upper bits of a length show: at most 12 % are added, and O(log log n) bits leak.
"""

from gateway.crypto.digests import u32
from gateway.domain.errors import FormatError

_PREFIX_BYTES = 4


def padme_size(size: int) -> int:
    """Return the Padmé size for `size` bytes: never smaller, and its own Padmé size."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    free_bits = exponent - exponent.bit_length()
    mask = (1 << free_bits) - 1
    return (size + mask) & ~mask


def pad(plaintext: bytes, size_min_bytes: int = 0) -> bytes:
    """Return `plaintext` behind its length, zeros after it, of a Padmé size of at least `size_min_bytes`."""
    size = padme_size(max(_PREFIX_BYTES + len(plaintext), size_min_bytes))
    return (u32(len(plaintext)) + plaintext).ljust(size, b"\x00")


def unpad(padded: bytes) -> bytes:
    """Return the plaintext in `padded`.

    Raises:
        FormatError: another size than Padmé's, a length beyond the end, or something else than zeros after it.
    """
    end = _PREFIX_BYTES + int.from_bytes(padded[:_PREFIX_BYTES], "big")
    if len(padded) < _PREFIX_BYTES or end > len(padded) or padme_size(len(padded)) != len(padded):
        raise FormatError("padding is not of a padme size, or its length field lies")
    if padded.count(0, end) != len(padded) - end:
        raise FormatError("padding holds something else than zeros")
    return padded[_PREFIX_BYTES:end]
