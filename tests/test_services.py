"""What tests do where a borrowed program is missing."""

import subprocess
from pathlib import Path

import pytest

from tests.services import require_program
from tools import services


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither PATH nor `.services/` holds anything."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(services, "FOLDER", tmp_path / ".services")


@pytest.mark.usefixtures("bare_machine")
def test_missing_program_skips_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer without the program sees which one is missing and how to get it."""
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="`promtool` is missing: run `make services`"):
        require_program("promtool")


@pytest.mark.usefixtures("bare_machine")
def test_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything is promised to run, a silent skip would be a lie."""
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="`promtool` is missing"):
        require_program("promtool")


@pytest.mark.usefixtures("bare_machine")
def test_machine_without_debian_tools_says_so() -> None:
    """The message names the tool, so that a user of another system knows what to do."""
    with pytest.raises(services.UnavailableError, match="`apt-get` is missing"):
        services.fetch_program(services.PROGRAMS["promtool"])


def test_promtool_runs() -> None:
    """What was found or unpacked starts, with its libraries."""
    done = subprocess.run([require_program("promtool"), "--version"], capture_output=True, text=True, check=True)

    assert "promtool" in done.stdout + done.stderr
