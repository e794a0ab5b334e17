"""`accord policy coverage`: the register of rules, held to clauses, functions and policy tests; it cannot lie."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.app.coverage import Row, coverage, exists, unknown_ids
from gateway.app.policy_cases import run_file
from gateway.app.policy_files import case_files
from gateway.cli.policy_coverage import REGISTER, printed
from gateway.cli.policy_test import POLICY_TESTS
from gateway.policy.agreements import Law
from gateway.policy.trial import Outcome
from gateway.settings.rules_register import RegisteredRule, RulesRegister, read_register
from tests.cli.demo_folder import call, said
from tests.policy.world import law

ROOT = Path(__file__).resolve().parents[2]
REGISTERED = read_register(REGISTER)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[Outcome, ...]]:
    """What came of every policy test that is shipped."""
    return {f"config/policy-tests/{path.name}": run_file(path, law())[1] for path in case_files((POLICY_TESTS,))}


def row_of(rule: str, rows: tuple[Row, ...]) -> Row:
    """Return the row of a rule."""
    return next(row for row in rows if row.id == rule)


def without(rule: str) -> Law:
    """Return the law without the clauses of a rule."""
    return Law(
        {
            name: replace(each, clauses=tuple(clause for clause in each.clauses if clause.rule != rule))
            for name, each in law().agreements.items()
        },
        law().digests,
    )


def changed(rule: str, **changes: object) -> RulesRegister:
    """Return the register with one rule told differently."""
    rules = (replace(each, **changes) if each.id == rule else each for each in REGISTERED.rules)
    return RulesRegister(tuple(rules))


def test_no_rule_to_enforce_is_open_and_nothing_is_claimed_that_cannot_be_found(
    outcomes: dict[str, tuple[Outcome, ...]],
) -> None:
    """Every rule in force has its code, a case that keeps it and one that breaks it; no gap, no fault."""
    rows = coverage(REGISTERED, law(), outcomes)

    assert [(row.id, row.faults) for row in rows if row.faults] == []
    assert [row.id for row in rows if row.is_gap] == []
    assert unknown_ids(REGISTERED, law(), outcomes) == ()


def test_register_is_whole() -> None:
    """Sections 1.1 to 1.5, LI, and the traps of 1.7, without a gap in any: 157 rules and 17 traps."""
    counts = {"CA": 30, "CZ": 49, "LI": 8, "C8": 40, "C1": 30}
    whole = {f"{section}-{number:02}" for section, count in counts.items() for number in range(1, count + 1)}
    whole |= {f"1.7-{number}" for number in range(1, 18)}

    assert {rule.id for rule in REGISTERED.rules} == whole
    assert len(REGISTERED.rules) == 174


def test_rule_that_is_not_for_admission_says_why() -> None:
    """A rule of kind E elsewhere than on admission or routing is not left out in silence: its row gives the reason."""
    elsewhere = [rule for rule in REGISTERED.rules if "E" in rule.kind and not rule.is_enforced]

    assert elsewhere
    assert all(rule.reason for rule in elsewhere)


def test_clause_that_goes_leaves_its_rule_open(outcomes: dict[str, tuple[Outcome, ...]]) -> None:
    """Take the clause of CZ-45 out of the law: its rule is a gap at once, whatever anybody wrote."""
    rows = coverage(REGISTERED, without("CZ-45"), outcomes)

    assert row_of("CZ-45", rows).status == "open"
    assert [row.id for row in rows if row.is_gap] == ["CZ-45"]


def test_rule_without_a_case_is_a_fault(outcomes: dict[str, tuple[Outcome, ...]]) -> None:
    """CZ-02 with the cases that break it only, and without any: each lack is told."""
    broken = {
        name: tuple(case for case in cases if not (case.permitted and "CZ-02" in case.shows))
        for name, cases in outcomes.items()
    }

    assert row_of("CZ-02", coverage(REGISTERED, law(), broken)).faults == (
        "no policy test shows a message that keeps it",
    )
    assert row_of("CZ-02", coverage(REGISTERED, law(), {})).faults == (
        "no policy test shows a message that keeps it",
        "no policy test shows a message that breaks it",
    )


def test_case_that_failed_shows_nothing(outcomes: dict[str, tuple[Outcome, ...]]) -> None:
    """Only a case that came out as expected counts."""
    failed = {name: tuple(replace(case, passed=False) for case in cases) for name, cases in outcomes.items()}

    assert row_of("CZ-02", coverage(REGISTERED, law(), failed)).tests == ()


LIES = [
    ({"status": "in force", "by": ("gateway/policy/rules/form.py:nothing",)}, "CZ-14", "is not there"),
    ({"status": "in force", "by": ("gateway/nowhere.py",)}, "CZ-14", "is not there"),
    ({"status": "in force", "by": ("gateway/policy/rules/form.py:form",)}, "CZ-45", "take `status` and `by` out"),
    ({"basis": "policy"}, "CZ-45", "a clause calls `text` what rests on `policy` only"),
    ({"status": "in force", "by": ("gateway/policy/rules/form.py:form",), "reason": ""}, "CZ-14", "no policy test"),
]


@pytest.mark.parametrize(("told", "rule", "fault"), LIES)
def test_register_that_claims_what_cannot_be_found_is_caught(
    told: dict[str, object], rule: str, fault: str, outcomes: dict[str, tuple[Outcome, ...]]
) -> None:
    """Code that is not there, a status beside the clauses, our policy as the treaty's word, a rule without tests."""
    faults = row_of(rule, coverage(changed(rule, **told), law(), outcomes)).faults

    assert any(fault in each for each in faults), faults


def test_id_that_no_register_knows_is_told(outcomes: dict[str, tuple[Outcome, ...]]) -> None:
    """A rule taken out of the register is missed by the clause and by the tests that cite it."""
    fewer = RulesRegister(tuple(rule for rule in REGISTERED.rules if rule.id != "CZ-45"))

    assert any("`CZ-45`, which is in no register" in each for each in unknown_ids(fewer, law(), outcomes))


def test_places_of_the_register_exist() -> None:
    """`by` and `tests` name files that are there; a test that stands for a policy test cites the rule."""
    for rule in REGISTERED.rules:
        assert all(exists(place) for place in rule.by), rule.id
        assert all((ROOT / place.partition(":")[0]).is_file() for place in (*rule.by, *rule.tests)), rule.id
        assert all(rule.id in (ROOT / place.partition(":")[0]).read_text() for place in rule.tests), rule.id


BAD = [
    ('[[rule]]\nid = "CZ-77x"', "key `rule[0].id`"),
    ("", "key `rule` is missing"),
    ("rule = 3", "key `rule`"),
]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_malformed_register_names_file_and_key(text: str, told: str, tmp_path: Path) -> None:
    """Bad input ends in one line that says where."""
    path = tmp_path / "rules.toml"
    path.write_text(text or "# nothing\n")

    with pytest.raises(Exception, match=r"rules\.toml") as caught:
        read_register(path)
    assert told in str(caught.value)


RULE = RegisteredRule("CZ-14", "cz-kz", "9(1)", "E", "text", "urgent", "workflow")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ((replace(RULE, status="open"),), "open needs a reason"),
        ((replace(RULE, status="supported"),), "nothing makes it supported"),
        ((replace(RULE, status="open", reason="x"),) * 2, "is listed twice"),
    ],
)
def test_register_that_leaves_something_unsaid_is_refused(
    rules: tuple[RegisteredRule, ...], told: str, tmp_path: Path
) -> None:
    """Open without a reason, supported by nothing, listed twice."""
    keys = ("id", "instrument", "article", "kind", "basis", "text", "concerns", "status", "reason")
    path = tmp_path / "rules.toml"
    path.write_text(
        "\n".join(
            "[[rule]]\n" + "".join(f'{key} = "{value}"\n' for key in keys if (value := getattr(rule, key)))
            for rule in rules
        )
    )

    with pytest.raises(Exception, match=told):
        read_register(path)


def test_command_prints_every_rule_and_ends_in_0() -> None:
    """All of them, each with what covers it; the last lines count."""
    result = call("policy", "coverage")
    text = said(result)

    assert result.exit_code == 0, text
    assert all(f"\n{rule.id} " in f"\n{text}" for rule in REGISTERED.rules)
    assert "none of them not in force" in text


def test_command_ends_in_65_where_a_clause_is_missing(tmp_path: Path) -> None:
    """An operator who takes a clause out of a file hears which rule is open now."""
    for path in (ROOT / "config" / "agreements").glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "cz-kz.toml").read_text()
    start = text.index('[[clause]]\ncheck = "destruction-deadline"')
    end = text.find("[[clause]]", start + 1)
    (tmp_path / "cz-kz.toml").write_text(text[:start] + (text[end:] if end > 0 else ""))
    result = call("policy", "coverage", "--agreements", tmp_path)

    assert result.exit_code == 65
    assert "CZ-28: is to be enforced on admission and is open" in said(result)


def test_json_holds_every_row() -> None:
    """A program reads the same."""
    rows = json.loads(said(call("policy", "coverage", "--json")))

    assert [row["id"] for row in rows] == [rule.id for rule in REGISTERED.rules]
    assert {row["status"] for row in rows} == {"in force", "recorded", "supported", "open"}


def test_tables_of_sources_are_printed_from_the_register(outcomes: dict[str, tuple[Outcome, ...]]) -> None:
    """docs/sources.md keeps no second truth: `accord policy coverage --into docs/sources.md` would change nothing."""
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")

    assert printed(page, coverage(REGISTERED, law(), outcomes)) == page


def test_page_without_its_marker_is_left_alone(tmp_path: Path) -> None:
    """Printing never guesses where."""
    page = tmp_path / "page.md"
    page.write_text("# A page\n")
    result = call("policy", "coverage", "--into", page)

    assert (result.exit_code, page.read_text()) == (65, "# A page\n")
