"""The settings that durability rests on are asserted, and files belong to nobody else."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.sqlite import connection as opening
from gateway.store.sqlite.connection import library, open_for_reading, open_for_writing
from gateway.store.sqlite.engine import APPLICATION_ID, MIGRATIONS
from gateway.store.sqlite.migrate import check_current, migrate, steps

EXPECTED = {
    "journal_mode": "wal",
    "synchronous": 2,
    "wal_autocheckpoint": 0,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,
    "secure_delete": 1,
    "journal_size_limit": 64 * 1024 * 1024,
    "busy_timeout": 5_000,
}


def test_threat_D3_commits_are_synced_in_full(tmp_path: Path) -> None:
    """D3: write-ahead log, synchronous=FULL and nothing weaker, read back from the connection that writes."""
    with closing(open_for_writing(tmp_path / "a.db", 1)) as connection:
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in EXPECTED}

    assert found == EXPECTED


def test_setting_that_does_not_hold_stops_the_start(tmp_path: Path) -> None:
    """What SQLite keeps at another value is no store of ours: a database in memory has no write-ahead log."""
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(LedgerError, match="journal_mode"):
        opening._set(connection, opening.WRITER_PRAGMAS)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Database and log are made with mode 0600, whatever the umask."""
    with closing(open_for_writing(tmp_path / "a.db", 1)) as connection:
        connection.execute("CREATE TABLE t (x INTEGER) STRICT")
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert modes == {0o600}


def test_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """Two parts never share a file by mistake."""
    open_for_writing(tmp_path / "a.db", 1).close()
    with pytest.raises(ConfigurationError, match="another program"):
        open_for_writing(tmp_path / "a.db", 2)


def test_reader_cannot_write(tmp_path: Path) -> None:
    """Exactly one connection writes: that keeps us outside SQLite's WAL-reset defect."""
    with (
        closing(open_for_writing(tmp_path / "a.db", 1)) as writer,
        closing(open_for_reading(tmp_path / "a.db")) as reader,
    ):
        writer.execute("CREATE TABLE t (x INTEGER) STRICT")
        for statement in ("INSERT INTO t VALUES (1)", "PRAGMA wal_checkpoint(TRUNCATE)", "DROP TABLE t"):
            with pytest.raises(sqlite3.OperationalError):
                reader.execute(statement)


def test_version_is_told_with_its_defect() -> None:
    """`accord check` says which SQLite runs and warns where it has the defect."""
    assert library().startswith(sqlite3.sqlite_version)
    assert ("WAL-reset" in library()) == (sqlite3.sqlite_version_info < (3, 44, 6))


class TestMigrations:
    """Forward only, each step with its checksum."""

    def test_steps_are_applied_once(self, tmp_path: Path) -> None:
        """A second start finds everything done; every table is STRICT."""
        with closing(open_for_writing(tmp_path / "a.db", APPLICATION_ID)) as connection:
            assert migrate(connection, MIGRATIONS) == migrate(connection, MIGRATIONS) == len(steps(MIGRATIONS))
            check_current(connection, MIGRATIONS)
            tables = connection.execute(
                "SELECT sql FROM sqlite_schema WHERE type = 'table' AND sql NOT NULL"
            ).fetchall()

        assert all("STRICT" in sql for (sql,) in tables)

    def test_newer_database_and_changed_step_stop_the_start(self, tmp_path: Path) -> None:
        """An older program does not touch what a newer one wrote, and released steps never change."""
        with closing(open_for_writing(tmp_path / "a.db", APPLICATION_ID)) as connection:
            migrate(connection, MIGRATIONS)
            connection.execute("INSERT INTO migration VALUES (99, '0099.sql', 'x')")
            with pytest.raises(ConfigurationError, match="schema 99"):
                migrate(connection, MIGRATIONS)
            connection.execute("DELETE FROM migration WHERE number = 99")
            connection.execute("UPDATE migration SET sha256 = 'x'")
            for check in (migrate, check_current):
                with pytest.raises(ConfigurationError):
                    check(connection, MIGRATIONS)
