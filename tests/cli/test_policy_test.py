"""`accord policy test`: what a lawyer writes is judged, and whatever is wrong is said so that a lawyer can mend it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.demo_folder import call, said

FEDERATION = Path(__file__).resolve().parents[2] / "config" / "policy-tests" / "federation.toml"
HEAD = f'federation = "{FEDERATION}"\n'
PLAIN = """
[[case]]
title = "A plain request passes"
at = 2026-06-15
expect = "permit"
message = { from = "cz-police", to = ["kz-mvd"], agreement = "cz-kz", kind = "request" }
"""
THIRD_PARTY = """
[[case]]
title = "Art. 11(2): what the Czech police gave goes to nobody else"
at = 2026-06-15
expect = ["CZ-33"]

[case.message]
from = "kz-mvd"
to = ["caricc"]
agreement = "caricc-membership"
kind = "spontaneous"
sources = ["czech"]

[[case.source]]
name = "czech"
from = "cz-police"
to = ["kz-mvd"]
agreement = "cz-kz"
"""


def judged(folder: Path, text: str, *words: object) -> tuple[int, str]:
    """Return exit code and words for a file of this text."""
    path = folder / "mine.toml"
    path.write_text(HEAD + text)
    result = call("policy", "test", path, *words)
    return result.exit_code, said(result)


def test_cases_that_come_out_as_expected_end_in_0(tmp_path: Path) -> None:
    """One line a case, and how many there were."""
    code, text = judged(tmp_path, PLAIN + THIRD_PARTY)

    assert code == 0, text
    assert "ok    A plain request passes" in text
    assert "2 cases in 1 files, none failed" in text


def test_case_that_should_pass_and_is_refused_fails_with_its_reasons(tmp_path: Path) -> None:
    """65, and every reason with sentence, article and basis: the lawyer sees who objected and why."""
    code, text = judged(tmp_path, THIRD_PARTY.replace('["CZ-33"]', '"permit"'))

    assert code == 65
    assert "it should pass and is refused" in text
    assert "CZ-33 consent-missing [caricc]: The provider has not consented" in text
    assert "CZKZ Art. 11(2) (text)" in text


def test_sentences_of_a_failed_case_are_told_in_russian_on_demand(tmp_path: Path) -> None:
    """The same registry speaks both languages."""
    _, text = judged(tmp_path, THIRD_PARTY.replace('["CZ-33"]', '"permit"'), "--language", "ru")

    assert "Предоставившая Сторона не дала согласия" in text


def test_case_that_should_be_refused_and_passes_fails(tmp_path: Path) -> None:
    """A rule that went missing is found by the case that expects it."""
    code, text = judged(tmp_path, PLAIN.replace('"permit"', '["CZ-45"]'))

    assert code == 65
    assert "it should be refused and passes" in text
    assert "CZ-45 is not among the reasons" in text


def test_refusal_by_another_rule_is_not_the_one_expected(tmp_path: Path) -> None:
    """Refused is not enough: it must be by this rule; an id that nothing carries is told apart."""
    code, text = judged(tmp_path, THIRD_PARTY.replace("CZ-33", "CZ-45"))
    _, unknown = judged(tmp_path, THIRD_PARTY.replace("CZ-33", "XY-99"))

    assert code == 65
    assert "CZ-45 is not among the reasons\n" in text
    assert "XY-99 is not among the reasons (no clause of the loaded agreements has this id)" in unknown


UNMARKED = """
[[case]]
title = "2001: a request without its elements passes, flagged"
at = 2026-06-15
expect = "permit"
flags = ["C1-08"]

[case.message]
from = "am-police"
to = ["md-police"]
agreement = "cis-2001"
kind = "request"
form = { "element.a" = false }
"""


def test_flag_that_is_expected_must_be_there_and_another_is_shown(tmp_path: Path) -> None:
    """A `should` flags: its absence fails the case; a flag that nobody asked about is told and fails nothing."""
    kept = UNMARKED.replace('form = { "element.a" = false }', "")

    assert judged(tmp_path, UNMARKED)[0] == 0
    code, text = judged(tmp_path, kept)
    assert (code, "C1-08 is not among the flags" in text) == (65, True)
    code, text = judged(tmp_path, UNMARKED.replace('flags = ["C1-08"]', ""))
    assert (code, "also flagged: C1-08" in text) == (0, True)


def test_json_says_everything(tmp_path: Path) -> None:
    """A program reads title, outcome, reasons and what is wrong."""
    code, text = judged(tmp_path, PLAIN + THIRD_PARTY, "--json")
    (report,) = json.loads(text)
    plain, third = report["cases"]

    assert code == 0
    assert (plain["passed"], plain["permitted"], plain["expected"]) == (True, True, None)
    assert [reason["rule"] for reason in third["reasons"]] == ["CZ-33"]
    assert third["wrong"] == []


WRONG: list[tuple[str, tuple[str, ...]]] = [
    ("", ("no `[[case]]`",)),
    ("[case]\ntitle = 'x'", ("write `[[case]]`, with two brackets",)),
    ("[[case]]\n[[case", ("is no TOML",)),
    (PLAIN.replace("expect", "expects"), ("case 1 `A plain request passes`", "`expects`", "did you mean `expect`?")),
    (PLAIN.replace("kind =", "knd ="), ("`message.knd`", "did you mean `kind`?")),
    (PLAIN.replace('expect = "permit"\n', ""), ("key `expect` is missing",)),
    (PLAIN.replace('"permit"', '"deny"'), ("key `expect`: invalid enum value 'deny'",)),
    (PLAIN.replace("2026-06-15", "'soon'"), ("key `at`",)),
    (PLAIN.replace('["kz-mvd"]', "[]"), ("key `message.to`",)),
    (PLAIN + PLAIN, ("two cases are called `A plain request passes`",)),
    (THIRD_PARTY.replace('name = "czech"', 'name = "slovak"'), ("there is no source `czech`", "[[case.source]]")),
    (THIRD_PARTY.replace('sources = ["czech"]', ""), ("source `czech` is cited by nothing",)),
    (THIRD_PARTY.replace('sources = ["czech"]', 'sources = ["czech"]\nconsents = ["x"]'), ("no consent `x`",)),
    (THIRD_PARTY + THIRD_PARTY[THIRD_PARTY.index("[[case.source]]") :], ("two of [[case.source]] are called `czech`",)),
    (PLAIN.replace('"cz-kz"', '"cz-sk"'), ("message.purposes: ", "under `cz-sk`", "state `purposes`")),
    (PLAIN + 'directory = { without = ["authorities/nobody"] }', ("no `authorities/nobody`", "authorities/kz-mvd")),
    (PLAIN + 'directory = { adherences = [{ agreement = "cz-kz", party = "XX" }] }', ("there is no party `XX`",)),
    (PLAIN + 'link = { endpoint = "moon" }', ("has no endpoint `moon`",)),
    (PLAIN + 'law = [{ agreement = "cz-sk" }]', ("there is no agreement `cz-sk`",)),
    (PLAIN.replace("kind =", 'signed_by = ["somebody"], kind ='), ("has no signatory `somebody`",)),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=lambda value: "" if isinstance(value, tuple) else None)
def test_whatever_is_wrong_names_file_case_key_and_remedy(text: str, told: tuple[str, ...], tmp_path: Path) -> None:
    """A malformed file is 65, nothing of it is run, and its author knows what to mend."""
    code, answer = judged(tmp_path, text)

    assert code == 65
    assert "mine.toml" in answer
    assert "remedy: " in answer
    assert all(words in answer for words in told), answer


def test_file_that_is_not_there_is_66(tmp_path: Path) -> None:
    """Apart from a case that failed."""
    assert call("policy", "test", tmp_path / "nothing.toml").exit_code == 66


def test_missing_federation_is_told(tmp_path: Path) -> None:
    """The file names its federation; one that is not there is the file's mistake."""
    path = tmp_path / "mine.toml"
    path.write_text(PLAIN)
    result = call("policy", "test", path)

    assert result.exit_code == 65
    assert "federation.toml` does not exist" in said(result)


def test_folder_means_every_file_but_its_federation(tmp_path: Path) -> None:
    """The federation holds no case of its own."""
    (tmp_path / "federation.toml").write_text(FEDERATION.read_text())
    (tmp_path / "a.toml").write_text(PLAIN)
    (tmp_path / "b.toml").write_text(THIRD_PARTY)
    result = call("policy", "test", tmp_path, "--json")
    reports: list[dict[str, Any]] = json.loads(said(result))

    assert [Path(report["file"]).name for report in reports] == ["a.toml", "b.toml"]
