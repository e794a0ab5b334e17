"""Bring a database to the newest schema: numbered files, forward only, each with its checksum.

A file that was applied and has changed since, or a database that is newer than this program, stops the start:
guessing there would rewrite evidence.
"""

import hashlib
import sqlite3
from importlib import resources

from gateway.domain.errors import ConfigurationError

JOURNAL = """CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT"""


def steps(package: str) -> list[tuple[int, str, str]]:
    """Return (number, file name, SQL) of every `NNNN*.sql` in `package`, in order."""
    files = [file for file in resources.files(package).iterdir() if file.name.endswith(".sql")]
    return sorted((int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)


def digest(sql: str) -> str:
    """Return the checksum of a step, as it is kept with what was applied."""
    return hashlib.sha256(sql.encode()).hexdigest()


def migrate(connection: sqlite3.Connection, package: str) -> int:
    """Apply what is missing, each step in one transaction; return the number of the newest step.

    Raises:
        ConfigurationError: the database is newer than this program, or a step that was applied differs.
    """
    connection.execute(JOURNAL)
    applied = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT number, name, sha256 FROM migration")}
    known = steps(package)
    newest = max(number for number, _, _ in known)
    if applied and max(applied) > newest:
        raise ConfigurationError(
            f"the database has schema {max(applied)}, this program knows {newest}", "run the newer program"
        )
    for number, name, sql in known:
        sha256 = digest(sql)
        if number not in applied:
            _apply(connection, number, name, sql, sha256)
        elif applied[number] != (name, sha256):
            raise ConfigurationError(
                f"schema step `{name}` is not the one that was applied", "install the released program again"
            )
    return newest


def check_current(connection: sqlite3.Connection, package: str) -> None:
    """Return if the database has exactly the schema of `package`, without changing it.

    Raises:
        ConfigurationError: it has another.
        sqlite3.Error: it has none.
    """
    applied = connection.execute("SELECT number, name, sha256 FROM migration ORDER BY number").fetchall()
    known = [(number, name, digest(sql)) for number, name, sql in steps(package)]
    if applied != known:
        raise ConfigurationError("the database has another schema than this program", "use the program that wrote it")


def _apply(connection: sqlite3.Connection, number: int, name: str, sql: str, sha256: str) -> None:
    note = f"INSERT INTO migration VALUES ({number}, '{name}', '{sha256}')"  # noqa: S608  our own file names
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\n;{note};\nPRAGMA user_version={number};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
