"""Changing the key set, and grants that only the central node can make."""

import json
from pathlib import Path

import pytest

from tests.cli.demo_folder import Desk, call, said


@pytest.fixture
def fresh(desk: Desk) -> list[tuple[Path, str]]:
    """Three new directory keys: file and public half."""
    found = []
    for number in range(3):
        folder = desk.federation / f"new-{number}"
        assert call("keys", "generate", "--role", "directory", "--out", folder).exit_code == 0
        shown = said(call("keys", "show", "--role", "directory", folder / "directory.pem"))
        found.append((folder / "directory.pem", shown.split()[-1]))
    return found


def rotate(desk: Desk, fresh: list[tuple[Path, str]], *keys: Path) -> str:
    """Run the command with these private keys and return what it said."""
    words = ["directory", "rotate", "--source", desk.source, "--threshold", "2"]
    words += [word for _, public in fresh for word in ("--public", public)]
    return said(call(*words, *[word for key in keys for word in ("--key", key)]))


def test_new_key_set_takes_two_of_the_old_and_two_of_the_new(desk: Desk, fresh: list[tuple[Path, str]]) -> None:
    """Neither the old keepers alone nor the new ones alone can change who keeps the directory."""
    verify = ["directory", "verify", desk.edition(2), "--key-set", desk.folder / "key-set.json"]
    text = rotate(desk, fresh, desk.key(1), desk.key(2))
    assert "needs 2 more of the new directory keys" in text
    assert call(*verify).exit_code == 65

    call("directory", "sign", desk.edition(2), "--key", fresh[0][0])
    assert call(*verify).exit_code == 65
    completed = call("directory", "sign", desk.edition(2), "--key", fresh[2][0])
    assert "complete" in said(completed)
    assert call("directory", "verify", desk.edition(2), "--previous", desk.edition(1)).exit_code == 0
    pinned = desk.federation / "gateway" / "directory" / "key-set.json"
    assert call("directory", "verify", desk.edition(2), "--key-set", pinned).exit_code == 0


def test_new_keys_alone_change_nothing(desk: Desk, fresh: list[tuple[Path, str]]) -> None:
    """Whoever holds only new keys holds nothing."""
    text = rotate(desk, fresh, *(path for path, _ in fresh))
    pinned = desk.federation / "gateway" / "directory" / "key-set.json"
    result = call("directory", "verify", desk.edition(2), "--key-set", pinned)

    assert "needs 2 more of the old directory keys" in text
    assert result.exit_code == 65


def test_after_rotation_only_the_new_keys_count(desk: Desk, fresh: list[tuple[Path, str]]) -> None:
    """The old keepers' signatures are worth nothing under the new key set."""
    rotate(desk, fresh, desk.key(1), desk.key(2), fresh[0][0], fresh[1][0])
    desk.build(1, 2)
    refused = call("directory", "verify", desk.edition(3))
    desk.edition(3).unlink()
    built = call(
        "directory", "build", "--source", desk.source, "--key", fresh[1][0], "--key", fresh[2][0]
    )  # fmt: skip

    assert refused.exit_code == 65
    assert "complete" in said(built)
    assert call("directory", "verify", desk.edition(3)).exit_code == 0


def test_key_set_is_not_changed_by_editing_the_source(desk: Desk, fresh: list[tuple[Path, str]]) -> None:
    """A change of the key set is a step of its own, never a side effect."""
    text = desk.source.read_text()
    desk.source.write_text(text.replace("threshold = 2", "threshold = 1"))
    result = desk.build()

    assert result.exit_code == 65
    assert "accord directory rotate" in said(result)


def test_rotation_keeps_what_people_wrote(desk: Desk, fresh: list[tuple[Path, str]]) -> None:
    """Only the key_set table is rewritten; a rotation that fails leaves the file as it was."""
    before = desk.source.read_text()
    rotate(desk, fresh, desk.key(1), desk.key(2), fresh[0][0], fresh[1][0])
    after = desk.source.read_text()
    lines = set(before.splitlines()) - set(after.splitlines())

    assert len(lines) == 1
    assert lines.pop().startswith("keys = [")
    assert "this is the key set already" in rotate(desk, fresh)
    assert desk.source.read_text() == after


GRANTS = """
network = "accord-demo"
issuer = "interpol-gs"
number = {number}

[[grants]]
authority = "caricc"
database = "travel-documents"
level = "confidential"
purposes = ["prevention"]
expires_on = {expires}
"""


def sign_grants(
    desk: Desk, key: Path, number: int, expires: str = "2026-12-31", follows: Path | None = None
) -> tuple[int, str]:
    """Run `directory grants` on a source of this number; return exit code and words."""
    source = desk.federation / "grants.toml"
    source.write_text(GRANTS.format(number=number, expires=expires))
    more = () if follows is None else ("--follows", follows)
    result = call("directory", "grants", source, "--key", key, "--out", desk.folder / "grants.json", *more)
    return result.exit_code, said(result)


def pinned_grants_key(desk: Desk) -> str:
    """Return the public grants key that the gateway pins."""
    return next(line for line in desk.config.read_text().splitlines() if line.startswith("grants_key")).split('"')[1]


def test_grants_of_the_central_node_are_taken_over(desk: Desk) -> None:
    """What the General Secretariat signs is in the next edition (CA-12)."""
    code, text = sign_grants(desk, desk.federation / "central" / "keys" / "grants.pem", 2)
    assert code == 0, text
    desk.build()
    result = call("directory", "verify", desk.edition(2), "--grants-key", pinned_grants_key(desk))

    assert result.exit_code == 0, said(result)


def test_grants_under_another_key_are_refused(desk: Desk, tmp_path: Path) -> None:
    """Whoever keeps the directory, with every directory key in hand, cannot raise an access level (CA-12)."""
    call("keys", "generate", "--role", "grants", "--out", tmp_path / "own")
    assert sign_grants(desk, tmp_path / "own" / "grants.pem", 2)[0] == 0
    desk.build()
    result = call("directory", "verify", desk.edition(2), "--grants-key", pinned_grants_key(desk))
    installed = call("directory", "install", desk.edition(2), "--config", desk.config)

    for refused in (result, installed):
        assert refused.exit_code == 65
        assert "another key than the one pinned for the central node" in said(refused)


def test_grants_key_is_rotated_under_the_old_one(desk: Desk, tmp_path: Path) -> None:
    """wire.md: a gateway that pinned the old key believes the new one, and the old one no more."""
    old = desk.federation / "central" / "keys" / "grants.pem"
    call("keys", "generate", "--role", "grants", "--out", tmp_path)
    code, text = sign_grants(desk, tmp_path / "grants.pem", 2, follows=old)
    assert code == 0, text
    desk.build()
    installed = call("directory", "install", desk.edition(2), "--config", desk.config)
    assert installed.exit_code == 0, said(installed)
    code, text = sign_grants(desk, old, 3)

    assert code == 65
    assert "is not the one that the last succession names" in text


def test_older_grants_are_refused(desk: Desk) -> None:
    """Grants are numbered and never go back: not at the central node's desk, not after an edition with newer ones."""
    key = desk.federation / "central" / "keys" / "grants.pem"
    older = (desk.folder / "grants.json").read_bytes()
    sign_grants(desk, key, 2)
    code, text = sign_grants(desk, key, 2)
    assert (code, "never go back" in text) == (65, True)

    desk.build()
    (desk.folder / "grants.json").write_bytes(older)
    desk.build()
    words = ["--previous", desk.edition(2), "--grants-key", pinned_grants_key(desk)]
    result = call("directory", "verify", desk.edition(3), *words)
    assert result.exit_code == 65
    assert "grants 1 are older than 2" in said(result)


def test_file_that_holds_no_grants_is_refused(desk: Desk) -> None:
    """A directory is not built around something that is no grants document."""
    (desk.folder / "grants.json").write_text(json.dumps({"h": "x"}))
    result = desk.build()

    assert result.exit_code == 78
    assert "holds no signed grants" in said(result)
