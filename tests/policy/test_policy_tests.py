"""Every policy test that is shipped, and the properties of the runner that no single case can show."""

from pathlib import Path

import pytest

from gateway.app.policy_cases import run_file
from gateway.app.policy_files import case_files
from gateway.policy.trial import Outcome
from tests.policy.world import law

FOLDER = Path(__file__).parents[2] / "config" / "policy-tests"
OUTCOMES = [(path.stem, case) for path in case_files((FOLDER,)) for case in run_file(path, law())[1]]


@pytest.mark.parametrize(
    "case", [case for _, case in OUTCOMES], ids=[f"{name}: {case.title}" for name, case in OUTCOMES]
)
def test_shipped_case_comes_out_as_its_author_says(case: Outcome) -> None:
    """A lawyer's word on the texts is a test like any other; a flag that nobody asked about is a mistake here."""
    assert case.wrong == ()
    assert case.unexpected == ()


def test_every_trap_passes_on_one_side_and_stops_on_the_other() -> None:
    """rules.md 1.7: traps 1 to 17, each with a case that passes and one that does not."""
    shown = {(rule, case.permitted) for name, case in OUTCOMES if name == "traps" for rule in case.shows}

    assert {(f"1.7-{number}", permitted) for number in range(1, 18) for permitted in (True, False)} <= shown


def test_every_case_that_is_refused_names_its_article_in_plain_words() -> None:
    """A title is what a lawyer reads: it names an article, or whose demand it is, not only an id."""
    bare = [case.title for name, case in OUTCOMES if name not in ("house", "operator") and ":" not in case.title]

    assert bare == []
