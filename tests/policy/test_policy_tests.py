"""Every policy test that is shipped, and the properties of the runner that no single case can show."""

from pathlib import Path

import pytest

from gateway.app.policy_cases import run_file
from gateway.app.policy_files import case_files
from gateway.domain.clause import Subjects, Survival
from gateway.policy.house import ARTICLES
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


# These two never refuse by themselves: a successor that is no law here, and a label that ACC-11 judges.
SILENT = {("cz-kz", "supersession"), ("internal-kz", "third-party"), ("interpol-membership", "third-party")}


def test_every_clause_in_force_is_broken_by_some_case() -> None:
    """Not only every rule: every clause, by its article. Open lists, and what passes after an end, refuse nothing."""
    spoken = {(each.rule, each.article) for _, case in OUTCOMES for each in (*case.reasons, *case.flags)}
    unbroken = [
        (agreement.id, clause.rule, clause.article)
        for agreement in law().agreements.values()
        for clause in agreement.clauses
        if clause.effect != "record"
        and not isinstance(clause, Survival)
        and not (isinstance(clause, Subjects) and not clause.closed)
        and (agreement.id, str(clause.__struct_config__.tag)) not in SILENT
        and (clause.rule, clause.article) not in spoken
    ]

    assert unbroken == []


def test_every_rule_of_our_own_is_broken_by_some_case() -> None:
    """ACC-13 is said of what was admitted long before, ACC-15 in the name of LI-02."""
    broken = {each.rule for _, case in OUTCOMES for each in case.reasons if each.rule in case.shows}

    assert {*ARTICLES, "LI-02"} - broken == {"ACC-13", "ACC-15"}


def test_every_case_that_is_refused_names_its_article_in_plain_words() -> None:
    """A title is what a lawyer reads: it names an article, or whose demand it is, not only an id."""
    bare = [case.title for name, case in OUTCOMES if name not in ("house", "operator") and ":" not in case.title]

    assert bare == []
