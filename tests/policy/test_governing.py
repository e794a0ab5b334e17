"""Which instrument governs a pair, and of every other one why not, by the same rules that judge messages."""

import pytest

from gateway.domain.directory import Exit, Suspension
from gateway.policy.governing import Answer, Question, governing
from gateway.policy.ground import Ground
from tests.policy.lawful import ground_of
from tests.policy.world import NOW, adherence, at, bound_except, decide, directory, header, judge, law


def ask(
    first: str, second: str, at_ms: int = NOW, ground: Ground | None = None, kind: str = "request", subject: str = ""
) -> dict[str, Answer]:
    """Return the answers by instrument; no subject: about none in particular."""
    question = Question(first, second, kind, (subject,) if subject else ())
    return {answer.agreement: answer for answer in governing(ground or Ground(directory(), law()), question, at_ms)}


def governs(answers: dict[str, Answer]) -> list[str]:
    """Return which instruments govern."""
    return [name for name, answer in answers.items() if answer.governs]


def test_every_instrument_answers_with_rule_article_and_basis() -> None:
    """C8-36, trap 4: Armenia and Moldova are governed by 2001; each of the others says why not."""
    answers = ask("AM", "MD")
    newer = answers["cis-2018"].why_not[0]

    assert governs(answers) == ["cis-2001"]
    assert set(answers) == set(law().agreements)
    assert (newer.code, newer.rule, newer.article, newer.basis) == (
        "agreement-not-in-force",
        "C8-35",
        "CIS2018 Art. 16, Art. 17(1)",
        "text",
    )
    assert "MD not bound" in (newer.detail or "")
    assert "MD: no status is recorded (C8-35, CIS2018 Art. 16, Art. 17(1))" in answers["cis-2018"].notes
    assert all(answer.governs or answer.why_not for answer in answers.values())


def test_superseded_pair_names_its_successor() -> None:
    """C8-36: between two parties of 2018 the older one has ended, by the article of the newer."""
    reason = ask("AM", "KZ")["cis-2001"].why_not[0]

    assert (reason.code, reason.rule, reason.article) == ("agreement-superseded", "C8-36", "CIS2018 Art. 17(2)")
    assert governs(ask("AM", "KZ")) == ["cis-2018"]


@pytest.mark.parametrize(
    ("first", "second", "about", "expected"),
    [
        ("CZ", "KZ", {}, ["cz-kz"]),
        ("CZ", "KZ", {"kind": "legal-assistance"}, []),
        ("CZ", "KZ", {"subject": "malware"}, ["cz-kz"]),
        ("INTERPOL", "CARICC", {"subject": "narcotic-drugs"}, ["caricc-2012"]),
        ("INTERPOL", "CARICC", {"subject": "motor-vehicles"}, []),
        ("AM", "KZ", {"kind": "preservation"}, ["cis-2018"]),
        ("AM", "MD", {"kind": "preservation"}, []),
        ("KZ", "KZ", {}, ["internal-kz"]),
        ("KZ", "CARICC", {}, ["caricc-membership"]),
        ("KZ", "RU", {}, []),
        ("KG", "KZ", {}, []),
    ],
)
def test_kind_and_subject_decide_with_the_pair(
    first: str, second: str, about: dict[str, str], expected: list[str]
) -> None:
    """CZ-02, CA-04, C8-11, trap 13: no instrument governs what it leaves out, nor a pair that it is not for."""
    kind, subject = about.get("kind", "request"), about.get("subject", "")
    assert governs(ask(first, second, kind=kind, subject=subject)) == expected
    assert governs(ask(second, first, kind=kind, subject=subject)) == expected


def test_answer_follows_the_day() -> None:
    """CZ-42, CZ-43, CZ-41: before, during and after; what is disputable stands in the notes."""
    given = Suspension("2026-03-01", None, ("notice",), ())
    entries = bound_except("cz-kz", "KZ", adherence("cz-kz", "KZ", exit=Exit("2026-01-10", None), suspensions=(given,)))
    ground = ground_of(law(), entries)
    days = ("2019-12-31", "2026-03-16", "2026-03-17", "2026-07-10", "2026-07-11")
    answers = {day: ask("CZ", "KZ", at(day), ground)["cz-kz"] for day in days}

    assert [answer.governs for answer in answers.values()] == [False, True, True, True, False]
    assert answers["2026-03-16"].notes == (
        "disputable: 2026-03-16 is day 15 itself after the suspension by KZ: it works, or not yet (CZ-41)",
    )
    assert answers["2026-03-17"].notes == ("suspended by KZ for notice",)
    assert "the last of 6 months" in answers["2026-07-10"].notes[0]
    assert "only protective kinds still pass" in answers["2026-07-11"].notes[0]
    assert not ask("CZ", "KZ", at("2026-03-17"), ground, kind="notice")["cz-kz"].governs
    assert ask("CZ", "KZ", at("2026-07-11"), ground, kind="recall")["cz-kz"].governs


def test_answers_are_those_of_the_judge() -> None:
    """One voice: where no instrument is said to govern a request, none permits one, and the reverse."""
    ground = judge().ground
    for first in ("am-police", "cz-police", "kz-mvd", "md-police", "caricc", "interpol-gs"):
        for second in ("by-police", "kz-police", "ru-police", "caricc", "interpol-gs"):
            if first == second:
                continue
            one, other = (ground.directory.authorities[name].party for name in (first, second))
            for name, answer in ask(one, other, ground=ground).items():
                decision = decide(header(first, second, name))
                assert answer.governs == decision.permitted, (first, second, name, decision.reasons)
