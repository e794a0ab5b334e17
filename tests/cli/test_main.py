"""The table of commands, and how commands end."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from gateway.cli import failures
from gateway.cli.main import COMMANDS, Commands
from gateway.domain.errors import (
    CapacityError,
    ConfigurationError,
    FormatError,
    LedgerError,
    PeerError,
    RecipientError,
    SignatureError,
    TrustError,
)
from gateway.store.verdict import VerificationError
from tests.cli.demo_folder import call, said


def test_help_lists_every_command() -> None:
    """What there is can be read without knowing it."""
    text = said(call("--help"))

    assert all(f"  {name} " in text for name in COMMANDS)


def test_help_imports_no_command() -> None:
    """Start stays fast: listing the commands loads neither crypto nor network code."""
    script = (
        "import sys\nfrom gateway.cli.main import accord\n"
        "try: accord(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('aiohttp', 'nacl', 'cryptography', 'rich') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines()[-1] == "[]"


def test_unknown_command_is_a_usage_error() -> None:
    """A typing error costs nothing and is told."""
    result = call("chekc")

    assert result.exit_code == 2
    assert "No such command 'chekc'" in said(result)


ENDINGS = [
    (FormatError("bytes are wrong"), 65, "bytes are wrong"),
    (RecipientError("recipient `nobody` is not in edition 1"), 65, "remedy: name one that the newest edition lists"),
    (SignatureError("nobody signed"), 65, "nobody signed"),
    (TrustError("edition 1 is older"), 65, "nothing was taken over"),
    (VerificationError("leaf 7: it was changed"), 65, "remedy: keep it as it is, as evidence"),
    (CapacityError("spool", 3), 75, "retry after 3 s"),
    (ConfigurationError("key `a` is wrong", "set it"), 78, "remedy: set it"),
    (LedgerError("the disk failed"), 74, "the disk failed"),
    (PeerError("the peer left"), 69, "the peer left"),
    (failures.CommandError("no such file", "give one", 66), 66, "remedy: give one"),
    (FileNotFoundError(2, "No such file or directory", "/x"), 66, "no such file or directory: `/x`"),
    (PermissionError(13, "Permission denied", "/x"), 77, "permission denied: `/x`"),
    (ConnectionRefusedError(111, "Connection refused"), 69, "connection refused"),
    (OSError(5, "Input/output error", "/x"), 74, "input/output error"),
    (FileNotFoundError(2, "No such file or directory", "/Data/X"), 66, "remedy: give the path of what exists"),
    (IsADirectoryError(21, "Is a directory", "/Data/X"), 74, "is a directory: `/Data/X`"),
    (PermissionError(13, "Permission denied", "/x"), 77, "remedy: run it as the user whose file it is"),
    (OSError(28, "No space left on device", "/x"), 74, "remedy: make room on that disk"),
    (OSError(30, "Read-only file system", "/x"), 74, "remedy: give a place on a disk that can be written"),
    (OSError(98, "Address already in use"), 74, "remedy: stop whoever listens there"),
    (TimeoutError(110, "Connection timed out"), 69, "remedy: see that it runs"),
    (BaseExceptionGroup("tasks", [PeerError("gone"), LedgerError("the disk failed")]), 74, "the disk failed"),
]


@pytest.mark.parametrize(("error", "code", "text"), ENDINGS, ids=lambda value: type(value).__name__)
def test_error_ends_in_its_exit_code_and_a_remedy(error: Exception, code: int, text: str) -> None:
    """Whose error it is decides the exit code; the operator reads words, never a traceback (S-15)."""
    result = _ending_in(error)

    assert result.exit_code == code
    assert text in said(result)
    assert "\n  remedy: " in said(result)
    assert "Traceback" not in said(result)


def test_error_of_ours_is_not_hidden() -> None:
    """A mistake in the program keeps its traceback: somebody has to mend it."""
    result = _ending_in(ZeroDivisionError("a bug"))

    assert isinstance(result.exception, ZeroDivisionError)


def _ending_in(error: Exception) -> "click.testing.Result":
    from click.testing import CliRunner

    @click.group(cls=_Failing)
    def group() -> None:
        """Hold one command."""

    @click.command()
    def fail() -> Iterator[None]:
        raise error

    group.fail = fail  # type: ignore[attr-defined]  # a group that looks commands up by attribute
    return CliRunner().invoke(group, ["fail"])


class _Failing(Commands):
    """The real group, with one command of the test's."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = getattr(self, cmd_name, None)
        assert isinstance(found, click.Command)
        return found
