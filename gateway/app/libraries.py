"""What C libraries of the gateway's process do by default, costs time, and helps nobody here.

Both are set once, before the process opens anything; where they cannot be set, everything works as well and slower.
"""

import _sqlite3
import ctypes

# Parameters of mallopt(3): number, then value in bytes. Larger blocks than a frame are mapped on their own.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = (-1, 64 * 1024 * 1024), (-3, 4 * 1024 * 1024)
# Options of sqlite3_config: no lock inside a connection; no count of the memory that is in use.
_MULTITHREAD, _MEMSTATUS = 2, 9
_OK = 0


def keep_freed() -> bool:
    """Keep up to 64 MiB of freed memory in the process; False where the C library is not glibc and decides itself.

    By default glibc maps a block of more than 128 KiB afresh and gives it back at once. Frames and writes of that size
    come hundreds of times a second, and each would cost a page fault for every 4 KiB.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(*_TRIM_THRESHOLD) and mallopt(*_MMAP_THRESHOLD))


def without_locks() -> bool:
    """Have SQLite take no lock of its own in each of its calls; False where it cannot be told.

    Call it before the process opens a database. From then on no connection may be used by two threads at the same time,
    which no connection of ours is: the writer's belongs to the loop or to the thread, never to both
    (`store.sqlite.writer`), and readers stay on theirs. Source: https://sqlite.org/threadsafe.html, "Multi-thread".
    """
    try:
        library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        shutdown, configure, initialize = library.sqlite3_shutdown, library.sqlite3_config, library.sqlite3_initialize
    except (AttributeError, OSError):
        return False
    # It takes settings only while it is shut down, and Python starts it when the module is loaded.
    results = [shutdown(), configure(_MULTITHREAD), configure(_MEMSTATUS, 0), initialize()]
    return all(result == _OK for result in results)
