"""`accord ledger`: proofs for others, and a verification that tells tampering from what cannot be read."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.crypto.digests import decode_base64url
from gateway.crypto.receipt import verify_receipt
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from gateway.store.frozen import freeze
from tests.app.processes import running
from tests.cli.demo_folder import call, copied, said

ORIGIN = "gateway.accord-demo.example"
REMEDY_CHANGED = "remedy: keep it as it is, as evidence"
REMEDY_UNREADABLE = "remedy: this says nothing of tampering"


@pytest.fixture(scope="module")
def recorded(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A federation whose gateway took one message, still owed, and stopped."""
    federation = copied(made_once, tmp_path_factory.mktemp("recorded") / "demo")
    with running(federation) as gateway:
        config = federation / "endpoints" / "cz-police" / "endpoint.toml"
        words = ["--to", "kz-mvd", "--agreement", "cz-kz", "--purpose", "prevention", "--subject", "narcotic-drugs"]
        sent = call("send", "--config", config, *words, "--text", "Who holds passport 123?")
        assert sent.exit_code == 0, said(sent)
        assert gateway.end() == 0
    return federation


@pytest.fixture
def ledger(recorded: Path, tmp_path: Path) -> list[object]:
    """The words that name a copy of the ledger to an auditor: edition and data folder."""
    data = shutil.copytree(recorded / "gateway" / "data", tmp_path / "data")
    return ["--directory", recorded / "gateway" / "directory" / "edition.accord", "--data-dir", data]


def change(ledger: list[object], statement: str) -> None:
    """Do to a copy what somebody with the disk in his hands could do."""
    with closing(sqlite3.connect(Path(str(ledger[-1])) / "ledger.db", isolation_level=None)) as database:
        assert database.execute(statement).rowcount > 0


def test_untouched_ledger_verifies_by_settings_and_by_edition(recorded: Path, ledger: list[object]) -> None:
    """The operator names settings, the auditor an edition and a copy; both read the same."""
    own = call("ledger", "verify", "--json", "--config", recorded / "gateway" / "gateway.toml")
    others = call("ledger", "verify", "--json", *ledger)

    assert (own.exit_code, others.exit_code) == (0, 0), said(own) + said(others)
    assert said(own) == said(others)
    assert json.loads(said(own))["entries"] == 2
    assert json.loads(said(own))["owed"] == 1


def test_verification_leaves_the_copy_as_it_was(ledger: list[object]) -> None:
    """Evidence is not written on: every file has its bytes afterwards."""
    data = Path(str(ledger[-1]))
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    call("ledger", "verify", *ledger)

    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET record = replace(record, 'permitted', 'refused--') WHERE leaf = 1",
        "UPDATE entry SET salt = zeroblob(32) WHERE leaf = 0",
        "DELETE FROM entry WHERE leaf = 1",
        "UPDATE delivery SET recipient = 'caricc'",
        "DELETE FROM checkpoint WHERE size = 2",
    ],
)
def test_threat_O1_changed_row_is_found(ledger: list[object], statement: str) -> None:
    """Whoever edits a row, or takes one out, is found out: 65, with what was changed (O1)."""
    if "replace(record" in statement:
        statement = statement.replace("replace(record", "CAST(replace(CAST(record AS TEXT)").replace(
            "--')", "--') AS BLOB)"
        )
    change(ledger, statement)
    result = call("ledger", "verify", *ledger)

    assert result.exit_code == 65, said(result)
    assert REMEDY_CHANGED in said(result)


@pytest.mark.parametrize(
    ("words", "statement"),
    [
        (["prove", 1], "UPDATE entry SET salt = zeroblob(32) WHERE leaf = 1"),
        (["prove", 1, "--newest"], "UPDATE entry SET salt = zeroblob(32) WHERE leaf = 1"),
        (["prove", 1], "UPDATE entry SET salt = zeroblob(32) WHERE leaf = 0"),
        (["prove", 1], "DELETE FROM entry WHERE leaf = 1"),
        (["prove", 1, "--newest"], "DELETE FROM entry WHERE leaf = 1"),
        (["checkpoint"], "UPDATE checkpoint SET note = CAST(replace(CAST(note AS TEXT), 'demo', 'omed') AS BLOB)"),
        (["checkpoint"], "UPDATE checkpoint SET note = zeroblob(9)"),
        (["prove", 1], "UPDATE checkpoint SET note = zeroblob(9)"),
    ],
)
def test_threat_O1_nothing_is_proved_from_changed_rows(
    ledger: list[object], words: list[object], statement: str
) -> None:
    """A receipt or checkpoint that does not hold is not handed out: 65, as from the verification (O1)."""
    change(ledger, statement)
    result = call("ledger", *words, *ledger)

    assert result.exit_code == 65, said(result)
    assert REMEDY_CHANGED in said(result)
    assert "tlog-proof" not in said(result)


@pytest.mark.parametrize("damage", ["missing", "garbage", "truncated", "a folder"])
def test_ledger_that_cannot_be_read_is_told_apart(ledger: list[object], damage: str) -> None:
    """A broken disk is no forgery: 74."""
    path = Path(str(ledger[-1])) / "ledger.db"
    if damage == "missing":
        path.unlink()
    elif damage == "a folder":
        path.unlink()
        path.mkdir()
    elif damage == "garbage":
        path.write_bytes(b"no database at all " * 1_000)
    else:
        path.write_bytes(path.read_bytes()[:4_096])
        for log in path.parent.glob("ledger.db-*"):
            log.unlink()
    for words in (["verify"], ["checkpoint"], ["prove", 1]):
        result = call("ledger", *words, *ledger)

        assert result.exit_code == 74, said(result)
        assert REMEDY_UNREADABLE in said(result)


@pytest.mark.parametrize("damage", ["missing", "a folder"])
def test_bodies_that_cannot_be_read_are_no_tampering(ledger: list[object], damage: str) -> None:
    """A copy without the bodies that are owed is no whole copy: 74, and what to copy."""
    spool = Path(str(ledger[-1])) / "spool"
    spool.unlink()
    if damage == "a folder":
        spool.mkdir()
    result = call("ledger", "verify", *ledger)

    assert result.exit_code == 74, said(result)
    assert "the ledger cannot be read" in said(result)
    assert ("copy the whole data folder" if damage == "missing" else REMEDY_UNREADABLE) in said(result)


def test_missing_scratch_folder_says_nothing_of_the_ledger(ledger: list[object], tmp_path: Path) -> None:
    """Where no copy can be made nothing was verified: 74, never 65 or 66."""
    result = call("ledger", "verify", "--scratch", tmp_path / "none", *ledger)

    assert result.exit_code == 74, said(result)
    assert f"no copy can be made in `{tmp_path / 'none'}` (no such file or directory)" in said(result)


@pytest.mark.parametrize("words", [["verify"], ["checkpoint"], ["prove", "1"]])
@pytest.mark.parametrize("closed", ["ledger.db", "."])
def test_ledger_of_another_user_is_unreadable(ledger: list[object], words: list[str], closed: str) -> None:
    """Whoever may not read it has found nothing: 74 with the remedy, and not 77, which means refused."""
    (Path(str(ledger[-1])) / closed).chmod(0)
    result = subprocess.run(
        [*without_privilege(), sys.executable, "-m", "gateway", "ledger", *words, *map(str, ledger)],
        capture_output=True,
        text=True,
        check=False,
    )
    (Path(str(ledger[-1])) / closed).chmod(0o700)

    assert result.returncode == 74, result.stderr
    assert "remedy: " in result.stderr
    assert "Traceback" not in result.stderr


def without_privilege() -> list[str]:
    """Return what to put before a command so that the rights of files hold for it, too, where we are root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("`setpriv` is missing, and root reads every file")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_ledger_of_another_gateway_is_not_taken_for_this_one(ledger: list[object], tmp_path: Path) -> None:
    """Whose ledger it must be is said by the edition, never by the directory that is examined."""
    assert call("init", "--demo", tmp_path / "other").exit_code == 0
    edition = tmp_path / "other" / "gateway" / "directory" / "edition.accord"
    result = call("ledger", "verify", "--directory", edition, "--data-dir", ledger[-1])

    assert result.exit_code == 65
    assert f"is not the one of `{ORIGIN}` under this key" in said(result)


def test_checkpoint_is_the_one_that_verifies(ledger: list[object]) -> None:
    """What is read out over the phone is the head of what was verified."""
    told = json.loads(said(call("ledger", "verify", "--json", *ledger)))

    assert said(call("ledger", "checkpoint", *ledger)) == told["checkpoint"]["note"]
    assert told["checkpoint"]["note"].splitlines()[:2] == [ORIGIN, "2"]


@pytest.mark.parametrize("newest", [False, True])
def test_proof_is_good_for_anybody_with_the_public_key(recorded: Path, ledger: list[object], newest: bool) -> None:
    """A receipt from the ledger verifies like the one that was handed out (S-04)."""
    settings = load(recorded / "gateway" / "gateway.toml", GatewaySettings).values
    out = Path(str(ledger[-1])).parent / "receipt"
    words = ["--newest"] if newest else []
    result = call("ledger", "prove", 1, *words, "--out", out, *ledger)
    shown = json.loads(said(call("directory", "show", "--json", recorded / "gateway" / "directory" / "edition.accord")))
    public = decode_base64url(shown["gateways"][0]["checkpoint_public"])
    receipt = verify_receipt(
        out.read_bytes(), object_sha256=None, gateways={ORIGIN: public}, network=settings.gateway.network
    )

    assert result.exit_code == 0
    assert (receipt.index, receipt.record.outcome) == (1, "permitted")


def test_entry_that_is_not_there_cannot_be_proved(ledger: list[object]) -> None:
    """There is no proof of what was never recorded."""
    result = call("ledger", "prove", 2, *ledger)

    assert result.exit_code == 65
    assert "has leaves 0 to 1, not 2" in said(result)


def test_frozen_ledger_is_released_only_if_it_contains_what_peers_hold(recorded: Path, ledger: list[object]) -> None:
    """A restored older copy is not continued; the newest one is (G4)."""
    data = Path(str(ledger[-1]))
    note = said(call("ledger", "checkpoint", *ledger)).encode()
    assert call("ledger", "reconcile", *ledger).exit_code == 78

    freeze(data, "a peer holds a checkpoint that this ledger does not contain", note)
    good = call("ledger", "reconcile", *ledger)
    assert good.exit_code == 0, said(good)
    assert "contains checkpoint 2" in said(good)


def test_register_tells_provision_and_scope(ledger: list[object]) -> None:
    """Who gave what to whom, under which instrument, for what: without a word of content (CZ-31)."""
    lines = [json.loads(line) for line in said(call("ledger", "register", "--json", *ledger)).splitlines()]

    assert [(line["act"], line["originator"], line["recipient"], line["agreement"]) for line in lines] == [
        ("provision", "cz-police", "kz-mvd", "cz-kz")
    ]
    assert "passport" not in said(call("ledger", "register", *ledger))
