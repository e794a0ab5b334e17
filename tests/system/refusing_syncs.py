"""Run `accord` in a process for which, from SIGUSR2 on, the kernel fails every sync: the disk is dying.

The filter is the kernel's own (seccomp), so that neither our code nor SQLite is changed for it.
"""

import ctypes
import errno
import platform
import signal
import struct
import sys

# Of the architecture: its name in the kernel's audit, and the numbers of fsync, fdatasync and seccomp.
NUMBERS = {"x86_64": (0xC000003E, 74, 75, 317), "aarch64": (0xC00000B7, 82, 83, 277)}
PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER, FILTER_FLAG_TSYNC = 38, 1, 1
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.EIO


class Program(ctypes.Structure):
    """A `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_syncs(*_: object) -> None:
    """Have every fsync and fdatasync of every thread fail with EIO from now on."""
    audit, fsync, fdatasync, seccomp = NUMBERS[platform.machine()]
    # Where the kernel keeps the architecture (4) and the number of a call (0); then jumps over so many lines.
    lines = (
        (LOAD_WORD, 0, 0, 4),
        (JUMP_IF_EQUAL, 0, 4, audit),
        (LOAD_WORD, 0, 0, 0),
        (JUMP_IF_EQUAL, 1, 0, fsync),
        (JUMP_IF_EQUAL, 0, 1, fdatasync),
        (RETURN, 0, 0, FAIL),
        (RETURN, 0, 0, ALLOW),
    )
    program = Program(len(lines), b"".join(struct.pack("HBBI", *line) for line in lines))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(
        seccomp, SECCOMP_SET_MODE_FILTER, FILTER_FLAG_TSYNC, ctypes.byref(program)
    ):
        sys.exit(f"seccomp: {errno.errorcode[ctypes.get_errno()]}")


if __name__ == "__main__":
    from gateway.cli.main import main

    signal.signal(signal.SIGUSR2, refuse_syncs)
    main()
