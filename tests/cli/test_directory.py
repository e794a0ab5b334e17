"""`accord directory`: from the source to an edition that k of n keys signed, and what is refused on the way."""

import json
import re
import shutil
from pathlib import Path

import pytest

from gateway.app.editions import read_unverified
from tests.cli.demo_folder import Desk, call, said

ADHERENCE = '\n[[adherences]]\nagreement = "cis-2001"\nparty = "CZ"\n'
SIGNATORY = f'\n[[signatories]]\nauthority = "caricc"\nkey = "{"A" * 22}"\noffice = "head"\n'
BLOCK = '\n[[blocks]]\nparty = "CZ"\nlaw = "a law"\ndirections = ["send"]\n'
LISTS = "kinds = []\nsubjects = []\npurposes = []\ncategories = []\n"


def test_edition_follows_the_one_before(desk: Desk) -> None:
    """The next edition has the next number, names its predecessor's digest, and verifies after it."""
    assert desk.build().exit_code == 0
    result = call("directory", "verify", desk.edition(2), "--previous", desk.edition(1))
    shown = json.loads(said(call("directory", "show", "--json", desk.edition(2))))

    assert result.exit_code == 0, said(result)
    assert shown["number"] == 2
    assert shown["previous_sha256"] in said(call("directory", "show", desk.edition(1)))


def test_edition_signed_by_too_few_is_refused_until_another_signs(desk: Desk) -> None:
    """One of two signatures is none; a second keeper adds theirs later, alone (k of n)."""
    built = desk.build(1)
    assert "needs 1 more of the old directory keys" in said(built)
    refused = call("directory", "verify", desk.edition(2))
    assert refused.exit_code == 65
    assert "1 of the pinned directory keys signed, 2 must" in said(refused)

    signed = call("directory", "sign", desk.edition(2), "--key", desk.key(3))
    assert "complete" in said(signed)
    assert call("directory", "verify", desk.edition(2)).exit_code == 0


def test_one_keeper_cannot_sign_twice(desk: Desk) -> None:
    """The same key again adds nothing to the count."""
    desk.build(1)
    again = call("directory", "sign", desk.edition(2), "--key", desk.key(1))

    assert "signed by 1" in said(again)
    assert call("directory", "verify", desk.edition(2)).exit_code == 65


def test_nothing_is_built_on_an_edition_that_is_not_complete(desk: Desk) -> None:
    """A number is given once: two editions of one number would be an alarm everywhere."""
    desk.build(1)
    result = desk.build(1, 2)

    assert result.exit_code == 65
    assert "edition 2 needs 1 more of the old directory keys" in said(result)
    assert not desk.edition(3).exists()


def test_threat_E22_edition_of_foreign_keys_is_refused(desk: Desk, made_once: Path, tmp_path: Path) -> None:
    """A directory with substituted keys, signed by keys that nobody pinned, convinces nobody (E22)."""
    assert call("init", "--demo", tmp_path / "evil").exit_code == 0
    evil = tmp_path / "evil" / "directory" / "editions" / "000001.accord"
    result = call("directory", "verify", evil, "--key-set", desk.folder / "key-set.json")

    assert result.exit_code == 65
    assert "0 of the pinned directory keys signed, 2 must" in said(result)


def test_property_P09_older_edition_is_refused(desk: Desk) -> None:
    """Once edition 2 is known, edition 1 never comes back, though its signatures are good (P-09)."""
    desk.build()
    result = call("directory", "verify", desk.edition(1), "--previous", desk.edition(2))

    assert result.exit_code == 65
    assert "directory edition 1 is older than 2, which is in use" in said(result)


def test_expired_edition_is_refused(desk: Desk) -> None:
    """An edition that nobody renewed stops counting: nobody can keep an old one alive."""
    result = call("directory", "verify", desk.edition(1), "--at", "2099-01-01")

    assert result.exit_code == 65
    assert "directory edition 1 has expired" in said(result)


def test_two_editions_of_one_number_are_an_alarm(desk: Desk, tmp_path: Path) -> None:
    """Keepers who sign two editions of one number are found out by whoever sees both."""
    desk.build()
    shutil.move(desk.edition(2), tmp_path / "first")
    desk.append('\n[[revocations]]\nauthority = "md-police"\n')
    desk.build()
    result = call("directory", "verify", desk.edition(2), "--previous", tmp_path / "first")

    assert result.exit_code == 65
    assert "alarm: there are two editions of number 2" in said(result)


def test_edition_of_another_network_is_refused(desk: Desk) -> None:
    """Nothing of one federation counts in another."""
    result = call("directory", "verify", desk.edition(1), "--network", "other-net")

    assert result.exit_code == 65
    assert "another network" in said(result)


@pytest.mark.parametrize("content", [b"", b"\x00", b"{}", b"\x81" * 50_000, b"not an edition"])
def test_file_that_is_no_edition_is_refused(desk: Desk, tmp_path: Path, content: bytes) -> None:
    """Whatever lies there ends in an exit code and words."""
    path = tmp_path / "edition.accord"
    path.write_bytes(content)
    for words in (["verify", path, "--key-set", desk.folder / "key-set.json"], ["show", path]):
        result = call("directory", *words)
        assert result.exit_code in (65, 78)
        assert "remedy" in said(result)


def test_difference_is_told_by_name(desk: Desk) -> None:
    """A keeper reads what changed before signing: by authority and key, not by position."""
    shown = json.loads(said(call("directory", "show", "--json", desk.edition(1))))
    spki = shown["authorities"][0]["endpoints"][0]["spki_sha256"]
    call("directory", "revoke", "--source", desk.source, "--certificate", spki)
    desk.build()
    result = call("directory", "diff", desk.edition(1), desk.edition(2))

    assert result.exit_code == 1
    assert said(result) == f"  authorities[am-police].endpoints[{spki}].revoked: false -> true\n"
    assert call("directory", "diff", desk.edition(1), desk.edition(1)).exit_code == 0


def test_revoked_key_is_compromised_in_the_next_edition(desk: Desk) -> None:
    """A revocation names the moment from which a key is not believed; its entry stays listed."""
    shown = json.loads(said(call("directory", "show", "--json", desk.edition(1))))
    kid = shown["authorities"][0]["keys"][0]["kid"]
    words = ["directory", "revoke", "--source", desk.source, "--key", kid]
    result = call(*words, "--from", "2026-01-02T03:04:05Z")
    desk.build()
    after = json.loads(said(call("directory", "show", "--json", desk.edition(2))))
    entry = next(key for key in after["authorities"][0]["keys"] if key["kid"] == kid)

    assert result.exit_code == 0, said(result)
    assert (entry["status"], entry["invalid_from_ms"]) == ("compromised", 1_767_323_045_000)


def test_revoked_authority_is_marked(desk: Desk) -> None:
    """A whole authority is taken out by one line."""
    assert call("directory", "revoke", "--source", desk.source, "--authority", "md-police").exit_code == 0
    desk.build()

    assert "authority  md-police of MD, up to restricted  REVOKED" in said(call("directory", "show", desk.edition(2)))


@pytest.mark.parametrize(
    "words", [["--key", "A" * 22], ["--certificate", "A" * 43], ["--authority", "nobody"]], ids=lambda words: words[0]
)
def test_revocation_of_nothing_is_refused_and_leaves_no_trace(desk: Desk, words: list[str]) -> None:
    """A typing error must not pass for a revocation, nor block the next edition."""
    before = desk.source.read_bytes()
    result = call("directory", "revoke", "--source", desk.source, *words)

    assert result.exit_code == 78
    assert "remedy" in said(result)
    assert desk.source.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('\n[[authorities]]\nid = "x-police"\nparty = "XX"\ntitle = "X"\nclearance = "open"\n', "no party `XX`"),
        ('\n[[adherences]]\nagreement = "no-such"\nparty = "CZ"\n', "no agreement `no-such`"),
        ('\n[[parties]]\nid = "CZ"\nkind = "state"\ntitle = "Again"\n', "`parties` lists `CZ` twice"),
        ('\n[[parties]]\nid = "XX"\nkynd = "state"\ntitle = "X"\n', "did you mean `kind`?"),
        ('\n[[revocations]]\nkey = "AAAAAAAAAAAAAAAAAAAAAA"\nauthority = "caricc"\n', "must name one of"),
        ('\n[[revocations]]\nstatus = "superseded"\n', "must name one of"),
        ('\n[[authorities]]\nid = "x-police"\nparty = "CZ"\ntitle = "X"\nclearance = "very"\n', "clearance"),
        (
            f'{ADHERENCE}consented = [{{ party = "XX", received_on = 2024-01-01 }}]\n',
            "consented[0].party`: there is",
        ),
        (f'{SIGNATORY}towards = ["nobody"]\n', "].towards`: there is no authority `nobody`"),
        (f'{BLOCK}{LISTS}parties = ["XX"]\n', "blocks[0].parties`: there is no party `XX`"),
    ],
)
def test_source_that_contradicts_itself_is_refused(desk: Desk, text: str, what: str) -> None:
    """A mistake in directory.toml is named by table and remedy, before anything is signed."""
    desk.append(text)
    result = desk.build()

    assert result.exit_code == 78
    assert what in said(result)
    assert not desk.edition(2).exists()


def test_private_directory_key_open_to_others_is_refused(desk: Desk) -> None:
    """A key that others can read signs nothing more until somebody looked at it."""
    desk.key(1).chmod(0o644)
    result = desk.build()

    assert result.exit_code == 78
    assert "others can read it" in said(result)


def test_relay_link_is_not_built_and_the_remedy_is_told(desk: Desk) -> None:
    """Nothing reads the relay object of wire.md: the word is refused before an edition is made (ADR 0005)."""
    desk.append(f'\n[[endpoints]]\nauthority = "caricc"\nspki_sha256 = "{"A" * 43}"\nlink = "relay"\n')
    result = desk.build()

    assert result.exit_code == 78
    assert ".link`: relay links are not in use" in said(result)
    assert "list it as `endpoint` under its own authority, or as `broker`" in said(result)
    assert not desk.edition(2).exists()


def test_lists_are_sorted_and_languages_stay_as_written(desk: Desk) -> None:
    """A keeper writes lists in any order and the edition has one; the order of languages is a preference (ADR 0005)."""
    lists = 'kinds = ["reply", "request"]\nsubjects = []\npurposes = []\ncategories = []\nparties = ["KZ", "AM"]\n'
    desk.append(f'\n[[blocks]]\nparty = "CZ"\nlaw = "a law"\ndirections = ["send", "receive"]\n{lists}')
    text = desk.source.read_text()
    desk.source.write_text(re.sub(r"(?m)^languages = .*$", 'languages = ["ru", "en"]', text))
    built = desk.build()

    assert built.exit_code == 0, said(built)
    edition = read_unverified(desk.edition(2).read_bytes()).edition
    assert (edition.blocks[0].directions, edition.blocks[0].parties) == (("receive", "send"), ("AM", "KZ"))
    assert {authority.languages for authority in edition.authorities} == {("ru", "en")}
