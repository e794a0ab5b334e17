"""The story is played as a newcomer plays it, and cannot claim more than it saw."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.demo.narration import Narrator

PLAYED_WITHIN_S = 240
LAST_LINE = re.compile(r"^demo: (\d+) of (\d+) as expected, in (\d+\.\d) s after set-up$")
# The length that the issue allows the story; it is told in about a quarter of that.
STORY_S_MAX = 90.0
CHAPTER = re.compile(r"^\n(?!demo: )(\S.+)$", re.MULTILINE)
REFUSED = re.compile(r": refused: .+ \[[A-Z0-9]+-\d+, (text|reading|policy)\] ")


@pytest.mark.timeout(PLAYED_WITHIN_S + 30)
def test_demo_is_as_expected_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    """`accord demo` plays every chapter of the issue and exits 0 only because every line was as expected."""
    played = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--dir", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=PLAYED_WITHIN_S,
        check=False,
    )

    last = LAST_LINE.match(played.stdout.strip().splitlines()[-1])
    assert played.returncode == 0, played.stdout + played.stderr
    assert last is not None
    assert last[1] == last[2]
    assert float(last[3]) < STORY_S_MAX
    for told in ("CZKZ Art. 11(2)", "hit: STOLEN", "no-hit", "SIGKILL", "key-compromised", "byte for byte"):
        assert told in played.stdout
    refusals = [line for line in played.stdout.splitlines() if "refused" in line]
    assert "over its own TLS: refused: " in played.stdout
    assert [line for line in refusals if not REFUSED.search(line)] == []
    # What is recorded after the verification would be verified by nobody.
    assert "ledger entry" not in played.stdout.partition("verifies the whole ledger")[2]
    assert CHAPTER.findall(played.stdout)[-1] == "Afterwards: everything can be proved"


def test_one_line_that_is_not_as_expected_fails_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0 only if every line was as expected."""
    narrator = Narrator()
    narrator.line("cz-police", "asks", "accepted", True)
    narrator.line("cz-police", "asks", "refused", False)

    assert narrator.close() == 1
    last = LAST_LINE.match(capsys.readouterr().out.splitlines()[-1])
    assert last is not None
    assert last.group(1, 2) == ("1", "2")
