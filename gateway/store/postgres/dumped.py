"""Verify what was copied out of PostgreSQL without any server: every ledger in the files, and every body that is owed.

What the other tables say follows from all ledgers together; that is verified when the copy is restored, before anything
of it is committed.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.errors import FormatError, LedgerError
from gateway.domain.message import Header
from gateway.store.backup import Head
from gateway.store.postgres.dumping import SHAPE, Shape
from gateway.store.postgres.exporting import OWN
from gateway.store.sqlite.engine import MIGRATIONS
from gateway.store.sqlite.migrate import migrate
from gateway.store.verdict import Report, VerificationError
from gateway.store.walking import Walk, names

# The file format of `COPY … (FORMAT binary)`: signature, flags, length of an extension; a count before every row.
SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER_BYTES = len(SIGNATURE) + 8
NUMBERS = frozenset("number log leaf level size turn".split())
TEXTS = frozenset(["origin"])

Value = int | str | bytes | None


def verify_dump(
    folder: Path, heads: tuple[Head, ...], *, network: str, keys: Mapping[str, bytes], scratch: Path | None
) -> list[Report]:
    """Return what the files in `folder` prove of each ledger in `heads`, by its key in `keys`.

    Raises:
        VerificationError: something was changed; the text names the leaf.
        LedgerError: a file cannot be read.
    """
    try:
        shape = msgspec.json.decode((folder / SHAPE).read_bytes(), type=Shape)
        with tempfile.TemporaryDirectory(prefix="accord-verify-", dir=scratch) as name:
            numbers = {_text(row[1]): _number(row[0]) for row in _rows(folder, shape, "log", ("number", "origin"))}
            if set(numbers) != {head.origin for head in heads}:
                raise VerificationError("the ledgers in the backup are not those that its manifest names")
            paths = _unpack(folder, shape, Path(name), numbers)
            owed = _check_bodies(folder, shape, paths)
            return [_walk(paths[numbers[head.origin]], network, head, keys[head.origin], owed) for head in heads]
    except (msgspec.MsgspecError, sqlite3.Error, KeyError, IndexError, FormatError) as error:
        raise LedgerError(f"the tables in `{folder}` cannot be read ({error})") from error


def _unpack(folder: Path, shape: Shape, scratch: Path, numbers: dict[str, int]) -> dict[int, Path]:
    """Write entries, tiles and checkpoints of every ledger into a file of its own."""
    paths = {number: scratch / f"log-{number}.db" for number in numbers.values()}
    opened = {number: _new(path) for number, path in paths.items()}
    try:
        for statement, query in OWN:
            columns = query.removeprefix("SELECT ").split(" FROM ")[0].split(", ")
            table = query.split(" FROM ")[1].split()[0]
            for log, *values in _rows(folder, shape, table, ("log", *columns)):
                opened[_number(log)].execute(statement, values)
        for connection in opened.values():
            connection.execute("COMMIT")
    finally:
        for connection in opened.values():
            connection.close()
    return paths


def _walk(path: Path, network: str, head: Head, public: bytes, owed: int) -> Report:
    with closing(sqlite3.connect(path)) as connection:
        newest, checkpoints = Walk(connection, network, head.origin, public, lambda *_: None).run()
    return Report(entries=newest.size, checkpoints=checkpoints, owed=owed, checkpoint=newest)


def _check_bodies(folder: Path, shape: Shape, paths: dict[int, Path]) -> int:
    """Return how many bodies there are, once each is the one that its header names."""
    count = 0
    opened = {number: sqlite3.connect(path) for number, path in paths.items()}
    try:
        for log, leaf, ciphertext in _rows(folder, shape, "body", ("log", "leaf", "ciphertext")):
            with names(f"leaf {_number(leaf)}"):
                row = opened[_number(log)].execute("SELECT object FROM entry WHERE leaf = ?", (leaf,)).fetchone()
                if encode_base64url(sha256(_raw(ciphertext))) != decode(row[0], Header).body.sha256:
                    raise VerificationError("the body that is owed is not the one it was")
            count += 1
    finally:
        for connection in opened.values():
            connection.close()
    return count


def _rows(folder: Path, shape: Shape, table: str, wanted: tuple[str, ...]) -> Iterator[list[Value]]:
    """Yield the wanted columns of every row of a table's file."""
    columns = shape.columns[table]
    places = [(columns.index(name), name) for name in wanted]
    with (folder / f"{table}.copy").open("rb") as file:
        if not file.read(HEADER_BYTES).startswith(SIGNATURE):
            raise FormatError(f"`{table}.copy` is no copy of a table")
        while (count := int.from_bytes(file.read(2), "big", signed=True)) > 0:
            fields: list[bytes | None] = []
            for _ in range(count):
                length = int.from_bytes(file.read(4), "big", signed=True)
                fields.append(None if length < 0 else file.read(length))
            yield [_value(name, fields[place]) for place, name in places]


def _value(name: str, raw: bytes | None) -> Value:
    if raw is None:
        return None
    if name in NUMBERS:
        return int.from_bytes(raw, "big", signed=True)
    return raw.decode() if name in TEXTS else raw


def _raw(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Value) -> int:
    return value if isinstance(value, int) else -1


def _new(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    migrate(connection, MIGRATIONS)
    connection.execute("BEGIN")
    return connection
