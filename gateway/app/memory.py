"""What the C library does with memory that is freed: it keeps it, for the next batch needs as much again.

By default glibc maps a block of more than 128 KiB afresh and gives it back at once. Frames and writes of that size come
hundreds of times a second, and each would cost a page fault for every 4 KiB.
"""

import ctypes

# Parameters of mallopt(3): number, then value in bytes. Larger blocks than a frame are mapped on their own.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = (-1, 64 * 1024 * 1024), (-3, 4 * 1024 * 1024)


def keep_freed() -> bool:
    """Keep up to 64 MiB of freed memory in the process; False where the C library is not glibc and decides itself."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(*_TRIM_THRESHOLD) and mallopt(*_MMAP_THRESHOLD))
