"""How a failed command ends: one line of what is wrong, one of what to do, and an exit code (S-15).

0 ok · 1 unexpected · 2 usage · 65 data invalid or verification failed · 66 input missing · 69 a service
is unavailable · 73 cannot create · 74 input or output · 75 try again · 77 refused · 78 configuration.
"""

import errno
import sys

import click

from gateway.domain.errors import (
    CapacityError,
    ConfigurationError,
    FormatError,
    GatewayError,
    LedgerError,
    PeerError,
    RecipientError,
    SignatureError,
    TrustError,
)
from gateway.store.verdict import VerificationError

DATA_INVALID = 65
INPUT_MISSING = 66
UNAVAILABLE = 69
CANNOT_CREATE = 73
INPUT_OUTPUT = 74
TRY_AGAIN = 75
REFUSED = 77
CONFIGURATION = 78

# What to do, where the error itself does not say.
_KINDS: tuple[tuple[type[GatewayError], int, str | None], ...] = (
    (
        RecipientError,
        DATA_INVALID,
        "name one that the newest edition lists (`accord directory show` tells), or have whoever keeps the directory"
        " list it with a key in force",
    ),
    (FormatError, DATA_INVALID, "check what was given; where it came from outside, ask its sender for a new copy"),
    (SignatureError, DATA_INVALID, "ask whoever made it to sign again, with a key in force"),
    (
        VerificationError,
        DATA_INVALID,
        "keep it as it is, as evidence, and start no gateway on it; collect what endpoints have seen"
        " (`accord endpoint seen`) and restore a backup that verifies:"
        ' docs/operations.md, "A ledger that does not verify"',
    ),
    (TrustError, DATA_INVALID, "nothing was taken over; get the newest, fully signed one from whoever keeps it"),
    (LedgerError, INPUT_OUTPUT, "stop here, keep the data folder as it is, and run `accord ledger verify` on a copy"),
    (CapacityError, TRY_AGAIN, "try again later"),
    (PeerError, UNAVAILABLE, "run `accord check --connect URL`"),
)

_MISSING = (INPUT_MISSING, "give the path of what exists")
_NO_RIGHT = (REFUSED, "run it as the user whose file it is, or give it to this user (`chown`, then mode 0600)")
_FULL = (INPUT_OUTPUT, "make room on that disk, then run it again")
_SYSTEM: dict[int | None, tuple[int, str]] = {
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.EISDIR: (INPUT_OUTPUT, "give a file, not a folder"),
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: (INPUT_OUTPUT, "give a place on a disk that can be written"),
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EADDRINUSE: (INPUT_OUTPUT, "stop whoever listens there (`ss -ltnp` shows who), or set another port"),
}


class CommandError(GatewayError):
    """A command cannot do what was asked; `code` is the exit code, `remedy` what the operator does next."""

    def __init__(self, what: str, remedy: str, code: int) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.code = code


def report(error: BaseException) -> int | None:
    """Tell the operator what went wrong and return the exit code; None: not ours to explain."""
    if isinstance(error, BaseExceptionGroup):
        return _report_worst(error)
    if isinstance(error, CommandError):
        _say(error.what, error.remedy)
        return error.code
    if isinstance(error, ConfigurationError):
        _say(error.what, error.remedy)
        return CONFIGURATION
    if isinstance(error, GatewayError):
        code, remedy = next(((code, text) for kind, code, text in _KINDS if isinstance(error, kind)), (1, None))
        _say(str(error), remedy)
        return code
    if isinstance(error, OSError):
        code, remedy = _of_system(error)
        _say(told(error), remedy)
        return code
    return None


def _report_worst(group: BaseExceptionGroup[BaseException]) -> int | None:
    """A TaskGroup wraps what its tasks raise; every part is told, the ledger decides the code."""
    codes = [report(part) for part in group.exceptions]
    if None in codes:
        return None
    known = [code for code in codes if code is not None]
    return INPUT_OUTPUT if INPUT_OUTPUT in known else known[0]


def told(error: OSError) -> str:
    """Return what the system said, in one line, with the file."""
    where = f": `{error.filename}`" if error.filename else ""
    return f"{(error.strerror or str(error)).lower()}{where}"


def _of_system(error: OSError) -> tuple[int, str]:
    """Return the exit code of what the system refused, and what to do about it."""
    if error.errno in _SYSTEM:
        return _SYSTEM[error.errno]
    if isinstance(error, ConnectionError | TimeoutError):
        return UNAVAILABLE, "see that it runs and that the address is right: `accord check --connect URL`"
    return INPUT_OUTPUT, "look at the disk and at the kernel's log (`dmesg`), then run it again"


def _say(what: str, remedy: str | None) -> None:
    click.echo(f"accord: {what}", err=True)
    if remedy:
        click.echo(f"  remedy: {remedy}", err=True)
    sys.stderr.flush()
