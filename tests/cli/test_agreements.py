"""`accord agreements`: who is bound by what, what governs a pair, and who else is a partner; offline, from files."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.demo_folder import Desk, call, said

DAY = "2026-01-01"


def words(federation: Path, *given: object) -> tuple[object, ...]:
    """Return words that ask about the demo's edition on one day, unless others are given."""
    return ("--config", federation / "gateway" / "gateway.toml", "--at", DAY, *given)


@pytest.mark.parametrize(
    "place",
    [
        ("--config", "gateway/gateway.toml"),
        ("--directory", "directory/directory.toml"),
        ("--directory", "directory/editions/000001.accord"),
    ],
    ids=["config", "source", "edition"],
)
def test_status_is_the_same_from_settings_source_and_edition(made_once: Path, place: tuple[str, str]) -> None:
    """Offline: a gateway's settings, the directory's source and a signed edition tell the same table."""
    result = call("agreements", "status", place[0], made_once / place[1], "--at", DAY)

    assert result.exit_code == 0, said(result)
    assert "CZ         bound         2020-05-01  as stated in the directory (CZ-42, CZKZ Art. 18(1))" in said(result)
    assert "period 2022-03-14 to 2027-03-13" in said(result)


def test_status_as_json_says_more(made_once: Path) -> None:
    """A program reads the moment, every instrument and every party."""
    told = json.loads(said(call("agreements", "status", *words(made_once), "--json")))
    parties = {each["agreement"]: {party["party"]: party for party in each["parties"]} for each in told["instruments"]}

    assert told["at_ms"] == 1_767_225_600_000
    assert parties["cis-2001"]["UA"]["reservations"] == ["5-e"]
    assert parties["cis-2018"]["AM"]["state"] == "bound"


def test_status_shows_suspension_exit_and_reservation_to_people(desk: Desk) -> None:
    """CZ-41, CZ-43: what restricts a party stands below its row, with the count."""
    text = desk.source.read_text().replace(
        'party = "KZ"\nsigned_on = 2019-09-10',
        'party = "KZ"\nsuspensions = [{ delivered_on = 2025-12-01, kinds = ["request"] }]\n'
        "exit = { received_on = 2025-12-01 }\nsigned_on = 2019-09-10",
    )
    desk.source.write_text(text)
    told = said(call("agreements", "status", "--directory", desk.source, "--at", DAY))

    assert "until 2026-06-01: 6 months after receipt on 2025-12-01 (CZ-43, CZKZ Art. 18(2))" in told
    assert "suspended from 2025-12-17 to its revocation, request: 15 days from delivery (CZ-41, CZKZ Art. 17)" in told
    assert "reservation 5-e" in told


def test_governing_instrument_is_named_and_the_others_say_why_not(made_once: Path) -> None:
    """C8-36: parties or authorities; 2001 governs Armenia and Moldova, 2018 does not, by its own article: 0."""
    for pair in (("AM", "MD"), ("am-police", "md-police"), ("AM", "md-police")):
        result = call("agreements", "governing", *pair, *words(made_once))

        assert result.exit_code == 0, said(result)
        assert "governs: cis-2001" in said(result)
        assert "not: cis-2018" in said(result)
        assert "CIS2018 Art. 16, Art. 17(1) (rule C8-35, text)" in said(result)


def test_no_instrument_governs_kazakhstan_and_moldova_about_drugs(made_once: Path) -> None:
    """Trap 13: where every instrument says why not, the answer is a refusal: 77."""
    asked = ("KZ", "MD", *words(made_once, "--subject", "narcotic-drugs", "--json"))
    result = call("agreements", "governing", *asked)
    told = json.loads(said(result))
    reasons = {each["agreement"]: each["why_not"] for each in told["answers"]}

    assert result.exit_code == 77
    assert not any(each["governs"] for each in told["answers"])
    assert reasons["cis-2001"][0]["rule"] == "C1-02"
    assert reasons["cis-2001"][0]["basis"] == "reading"
    assert told["question"] == {"first": "KZ", "second": "MD", "kind": "request", "subjects": ["narcotic-drugs"]}


def test_answer_depends_on_kind_and_speaks_russian(made_once: Path) -> None:
    """CZ-02: legal assistance is left out of the Czech-Kazakh agreement, in the reader's language."""
    result = call(
        "agreements", "governing", "CZ", "KZ", *words(made_once, "--kind", "legal-assistance", "--language", "ru")
    )

    assert result.exit_code == 77
    assert "legal-assistance-excluded" in said(result)
    assert "CZKZ Art. 1(2) (rule CZ-02, text)" in said(result)
    assert any(0x0400 <= ord(letter) <= 0x04FF for letter in said(result))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (("CZ", "kz-mvdd"), "did you mean `kz-mvd`?"),
        (("CZ", "Atlantis"), "there is no party or authority `Atlantis`"),
        (("CZ", "KZ", "--subject", "narcotic-drug"), "did you mean `narcotic-drugs`?"),
        (("CZ", "KZ", "--kind", "reqest"), "did you mean `request`?"),
    ],
)
def test_unknown_word_is_bad_input(made_once: Path, given: tuple[str, ...], what: str) -> None:
    """Nobody is told that nothing governs because of a slip: 65, with what was probably meant."""
    result = call("agreements", "governing", *given, *words(made_once))

    assert result.exit_code == 65
    assert what in said(result)


def test_missing_files_and_words_have_their_own_codes(made_once: Path, tmp_path: Path) -> None:
    """66 where a file is not there, 65 where it is no such file, 2 where the question is not complete."""
    broken = tmp_path / "directory.toml"
    broken.write_text("[federation")

    assert call("agreements", "status").exit_code == 2
    assert call("agreements", "status", "--directory", tmp_path / "none.toml").exit_code == 66
    assert call("agreements", "status", "--config", tmp_path / "none.toml").exit_code == 66
    assert call("agreements", "partners", "--file", tmp_path / "none.toml").exit_code == 66
    assert call("agreements", "partners", "--file", broken).exit_code == 65
    assert call("agreements", "status", "--directory", broken).exit_code == 65
    assert call("agreements", "status", *words(made_once, "--agreements", tmp_path / "no")).exit_code == 66


def test_contradiction_in_the_source_is_bad_input(desk: Desk) -> None:
    """C1-23: what may not be built is not told either; file, key and remedy are."""
    desk.source.write_text(
        desk.source.read_text().replace(
            'agreement = "cis-2001"\nparty = "MD"',
            'agreement = "cis-2001"\nexit = { received_on = 2025-10-01, chosen_on = 2025-12-01 }\nparty = "MD"',
        )
    )
    result = call("agreements", "status", "--directory", desk.source)

    assert result.exit_code == 65
    assert "adherences[cis-2001/MD].exit.chosen_on" in said(result)
    assert "2026-04-01 at the earliest" in said(result)


def test_other_texts_than_the_editions_are_refused(made_once: Path, tmp_path: Path) -> None:
    """What an edition lists by digest is asked under these texts and no others."""
    folder = shutil.copytree(made_once / "agreements", tmp_path / "agreements")
    with (folder / "cz-kz.toml").open("a") as file:
        file.write("# one more line\n")
    result = call("agreements", "status", *words(made_once, "--agreements", folder))

    assert result.exit_code == 65
    assert "lists other texts of: cz-kz" in said(result)


def test_partners_are_listed_with_what_they_are_worth(made_once: Path) -> None:
    """LI-01 to LI-08: the register that is shipped, secondary, without classes; as JSON too."""
    told = said(call("agreements", "partners"))
    as_json = json.loads(said(call("agreements", "partners", "--json")))

    assert "source: secondary" in told
    assert "sadc: no class stated; page: Regional international organisations" in told
    assert "[database-access, stolen-motor-vehicles]" in told
    assert len(as_json["partner"]) == int(told.split()[0])
