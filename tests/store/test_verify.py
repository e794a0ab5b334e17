"""What `ledger verify` finds, and that it tells what was changed from what cannot be read."""

import asyncio
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import LedgerError
from gateway.store.interface import ConsentUse
from gateway.store.sqlite.connection import open_for_reading
from gateway.store.sqlite.engine import DATABASE, MIGRATIONS, SPOOL, SqliteStore
from gateway.store.sqlite.migrate import steps
from gateway.store.sqlite.scrub import scrub_tile
from gateway.store.verdict import Report, VerificationError
from gateway.store.verify import COMPARED, verify_ledger
from tests.store.running import ENGINES, Running
from tests.store.samples import (
    BRAVO,
    CHARLIE,
    NETWORK,
    NOW_MS,
    ORIGIN,
    acknowledge,
    admit,
    admit_statement,
    consent,
    edition,
    fail,
    message,
    revocation,
)
from tests.store.test_contract_admission import text

# Copies are made here: the tests verify a thousand times.
MEMORY = Path("/dev/shm")

UNCHECKED = {
    # How often we tried and where a body lies binds nobody.
    ("delivery", "attempts"),
    ("delivery", "slot"),
    ("delivery", "wraps_bytes"),
}


@dataclass(frozen=True)
class Ledger:
    """A closed data directory, and what an administrator with a database shell can do to it."""

    path: Path
    public: bytes

    def verify(self) -> Report:
        """Verify as an auditor would: who it must be comes from outside."""
        scratch = MEMORY if MEMORY.is_dir() else None
        return verify_ledger(self.path, network=NETWORK, origin=ORIGIN, public=self.public, scratch=scratch)

    def rows(self, *query: str) -> list[tuple[Any, ...]]:
        """Read what the words of a query ask for."""
        with closing(sqlite3.connect(self.path / DATABASE)) as connection:
            return connection.execute(" ".join(query)).fetchall()

    def change(self, *statement: str, values: tuple[object, ...] = ()) -> None:
        """Write exactly one row."""
        with closing(sqlite3.connect(self.path / DATABASE)) as connection, connection:
            assert connection.execute(" ".join(statement), values).rowcount == 1

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that verification answers for."""
        return {table: self.rows("SELECT", ", ".join(checked(table)), "FROM", table) for table in TABLES}


async def fill(running: Running) -> None:
    """One of everything that a ledger can hold: sixteen leaves, six deliveries owed."""
    sent = [message(n, recipients=(BRAVO, CHARLIE)) for n in range(4)]
    statement = admit_statement(consent(50, [text(sent[0].header_sha256)]))
    use = ConsentUse(statement.statement.sha256, None)
    await running.commit(edition(), *[admit(each) for each in sent], statement)
    await running.commit(
        admit(message(9, originator=BRAVO, recipients=(CHARLIE,)), consents=[use]),
        admit_statement(revocation(statement)),
        admit(message(5), "purpose-outside"),
        admit(message(1, body=b"other")),
        admit(message(6), "peer-not-originator", against=CHARLIE),
    )
    await running.commit(acknowledge(*sent[:3]), fail(3, CHARLIE), acknowledge(sent[0], status="handed-over"))
    accepts = message(70, kind="acceptance", sources=[text(sent[1].header_sha256)])
    await running.commit(admit(accepts), admit(message(71), "purpose-outside"))


async def fill_more(running: Running) -> None:
    """The same kinds of leaves beyond the last complete tile."""
    sent = [message(900 + n, recipients=(BRAVO, CHARLIE)) for n in range(2)]
    statement = admit_statement(consent(950, [text(sent[0].header_sha256)]))
    await running.commit(edition(2), *[admit(each) for each in sent], statement)
    await running.commit(admit_statement(revocation(statement)), acknowledge(sent[0]))
    await running.commit(acknowledge(sent[0], status="destroyed"), admit(message(990), "late"))


def make(path: Path, beyond: int) -> Ledger:
    """A closed directory with one of everything, then so many messages, then most kinds once more."""

    async def fill_and_close() -> bytes:
        running = Running(ENGINES["sqlite"], path)
        await fill(running)
        if beyond:
            await running.commit(*[admit(message(100 + n)) for n in range(beyond)])
            await fill_more(running)
        # A start writes the digests that wait in memory.
        await running.reopen()
        await running.close()
        return running.key.public

    return Ledger(path / "data", asyncio.run(fill_and_close()))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Ledger]:
    """A short ledger, and one on both sides of a complete tile; tests work on copies."""
    return {tiled: make(tmp_path_factory.mktemp("ledger"), 300 if tiled else 0) for tiled in (False, True)}


@pytest.fixture
def ledger(originals: dict[bool, Ledger], tmp_path: Path) -> Ledger:
    """A short ledger to damage."""
    return copied(originals[False], tmp_path)


@pytest.fixture
def tiled(originals: dict[bool, Ledger], tmp_path: Path) -> Ledger:
    """A longer one to damage."""
    return copied(originals[True], tmp_path)


def copied(original: Ledger, path: Path) -> Ledger:
    """A copy of its own for one test."""
    shutil.copytree(original.path, path / "data")
    return Ledger(path / "data", original.public)


async def test_untouched_ledger_verifies_closed_and_in_use(tmp_path: Path) -> None:
    """Every record, tile, checkpoint and row agrees; a gateway that runs meanwhile goes on."""
    running = Running(ENGINES["sqlite"], tmp_path)
    ledger = Ledger(tmp_path / "data", running.key.public)
    await fill(running)
    live = ledger.verify()
    assert (await running.one(admit(message(9_999)))).permitted
    await running.close()
    closed = ledger.verify()

    assert (live.entries, closed.entries, live.checkpoint.size) == (16, 17, 16)
    assert (live.owed, closed.owed) == (6, 7)
    assert closed.checkpoints == live.checkpoints + 1


async def test_threat_O5_backdated_entry_is_found_even_under_the_right_key(tmp_path: Path) -> None:
    """O5: whoever holds the key can sign a record with an earlier time, and it stands out where it stands."""
    running = Running(ENGINES["sqlite"], tmp_path)
    await running.one(admit(message(1), at_ms=NOW_MS))
    store = running.store
    assert isinstance(store, SqliteStore)
    store._committer._memory.last_at_ms = 0
    await running.one(admit(message(2), at_ms=NOW_MS - 1))
    await running.close()

    with pytest.raises(VerificationError, match="leaf 1: its time is before"):
        Ledger(tmp_path / "data", running.key.public).verify()


def columns(table: str) -> list[str]:
    """The columns of a table."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for _, _, sql in steps(MIGRATIONS):
            connection.executescript(sql)
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def checked(table: str) -> list[str]:
    """The columns that verification answers for."""
    return [column for column in columns(table) if (table, column) not in UNCHECKED]


TABLES = ("entry", "tile", "checkpoint", "identity", *[name for name, _, _ in COMPARED])
CELLS = [(table, column) for table in TABLES for column in checked(table)]


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_threat_O1_edit_of_any_column_is_found_and_named(
    originals: dict[bool, Ledger], tmp_path: Path, table: str, column: str
) -> None:
    """O1: whatever cell somebody edits, first row or last, it is found as tampering and what was edited is named."""
    ledger = copied(originals[table in {"entry", "tile"}], tmp_path)
    names = columns(table)
    for order in ("ASC", "DESC") if table == "entry" else ("DESC",):
        wanted = ("SELECT", ", ".join(names), "FROM", table, "WHERE", column, "IS NOT NULL")
        row = ledger.rows(*wanted, "ORDER BY 1", order, "LIMIT 1")[0]
        old = row[names.index(column)]
        new = altered(old)
        here = " AND ".join(f"{name} IS ?" for name in names)
        ledger.change("UPDATE", table, "SET", column, "= ? WHERE", here, values=(new, *row))
        with pytest.raises(VerificationError) as found:
            ledger.verify()
        leaves = [int(number) for number in re.findall(r"leaf (\d+)", str(found.value))]
        assert leaves or table in {"checkpoint", "identity", "tile"}, str(found.value)
        if table == "entry" and column != "leaf":
            assert leaves[0] <= row[0] <= leaves[-1], str(found.value)
        there = tuple(new if name == column else value for name, value in zip(names, row, strict=True))
        ledger.change("UPDATE", table, "SET", column, "= ? WHERE", here, values=(old, *there))


def altered(old: object) -> object:
    """Another value of the same type, as near as can be."""
    if isinstance(old, bytes):
        middle = len(old) // 2
        return old[:middle] + bytes([old[middle] ^ 1]) + old[middle + 1 :]
    if isinstance(old, str):
        return old[:-1] + ("x" if old[-1] != "x" else "y")
    return old + 1_000_003 if isinstance(old, int) else 0


@pytest.mark.parametrize("table", TABLES)
def test_threat_O1_missing_row_is_found(tiled: Ledger, table: str) -> None:
    """O1: a row that is gone is missed, wherever it stood; what a ledger says cannot be thinned out.

    Digests alone may end before the ledger does: the next start makes the last of them.
    """
    order = "ORDER BY leaf" if table == "digest" else "ORDER BY 1 DESC"
    row = tiled.rows("SELECT * FROM", table, order, "LIMIT 1")[0]
    here = " AND ".join(f"{name} IS ?" for name in columns(table))
    tiled.change("DELETE FROM", table, "WHERE", here, values=row)

    with pytest.raises(VerificationError):
        tiled.verify()


def test_threat_O1_background_scrub_names_the_leaf(tiled: Ledger) -> None:
    """O1, D5: the slice that looks at a tile again finds an edited salt, record and header."""
    with closing(open_for_reading(tiled.path / DATABASE)) as connection:
        assert [scrub_tile(connection, number) for number in range(2)] == [True, False]
    for column, leaf in (("salt", 1), ("record", 255), ("object", 200)):
        old = tiled.rows("SELECT", column, "FROM entry WHERE leaf =", str(leaf))[0][0]
        tiled.change("UPDATE entry SET", column, "= ? WHERE leaf = ?", values=(altered(old), leaf))
        connection = open_for_reading(tiled.path / DATABASE)
        with closing(connection), pytest.raises(VerificationError, match=f"leaf {leaf}:"):
            scrub_tile(connection, leaf // 256)
        tiled.change("UPDATE entry SET", column, "= ? WHERE leaf = ?", values=(old, leaf))


def test_rewritten_ledger_under_another_key_is_found(ledger: Ledger) -> None:
    """Whose ledger it must be comes from outside: one that is sound in itself under a foreign key is no evidence."""
    with pytest.raises(VerificationError, match="not the one of"):
        Ledger(ledger.path, bytes(32)).verify()


def test_body_that_is_owed_and_altered_is_found(ledger: Ledger) -> None:
    """The spool is held against the headers that were signed; a wrap counts like the ciphertext."""
    slot, length = ledger.rows("SELECT slot, ciphertext_bytes FROM delivery WHERE outcome IS NULL AND position = 0")[0]
    for offset in (0, length + 40):
        with (ledger.path / SPOOL).open("r+b") as spool:
            spool.seek(slot * 4_096 + offset)
            byte = spool.read(1)[0]
            spool.seek(slot * 4_096 + offset)
            spool.write(bytes([byte ^ 1]))
        with pytest.raises(VerificationError, match="is owed is not the one"):
            ledger.verify()
        with (ledger.path / SPOOL).open("r+b") as spool:
            spool.seek(slot * 4_096 + offset)
            spool.write(bytes([byte]))
    ledger.verify()


def test_what_cannot_be_read_is_told_from_what_was_changed(ledger: Ledger, tmp_path: Path) -> None:
    """Exit 74 is not 65: no file, no database, a torn one and a missing spool are no tampering."""
    torn = ledger.path / DATABASE
    content = torn.read_bytes()
    for damaged in (
        b"",
        b"no database",
        content[: len(content) // 2],
        content[:5_000] + bytes(8_192) + content[13_192:],
    ):
        torn.write_bytes(damaged)
        with pytest.raises(LedgerError):
            ledger.verify()
    torn.write_bytes(content)
    (ledger.path / SPOOL).unlink()
    with pytest.raises(OSError, match="spool"):
        ledger.verify()
    with pytest.raises(LedgerError, match="holds no ledger"):
        Ledger(tmp_path / "nowhere", ledger.public).verify()


def test_threat_D5_no_bit_flip_passes_for_a_sound_ledger(ledger: Ledger) -> None:
    """D5: of every 997th bit, each flip that changes a table is found, as tampering or as unreadable."""
    database = ledger.path / DATABASE
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        # Small pages leave little empty space, where a flip changes nothing.
        connection.executescript("PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM;")
    sound, expected = database.read_bytes(), ledger.content()
    passed = found = 0
    for bit in range(0, len(sound) * 8, 997):
        flipped = bytearray(sound)
        flipped[bit // 8] ^= 1 << bit % 8
        database.write_bytes(flipped)
        try:
            ledger.verify()
        except (VerificationError, LedgerError, OSError):
            found += 1
        else:
            passed += 1
            assert ledger.content() == expected, f"bit {bit} changed a table and was not found"

    assert found > passed
