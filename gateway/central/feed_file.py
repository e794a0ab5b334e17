"""An owner's list of documents as a file: CSV with a heading, or JSON lines, one change a line.

Columns are the fields of a change: `number, type, status` at the least (CZ-08), then `issuing_state, review_by,
conditions, withheld_from, action`. A line without `action` puts; `withdraw` takes off the record. Lists are
separated by spaces, dates are days (UTC). The first line that is wrong stops everything: nothing is sent.
"""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from msgspec import Struct

from gateway.central.bodies import CHANGES_MAX, Change, Changes, Put, write
from gateway.central.documents import DATABASE, fold_number
from gateway.domain.errors import FormatError

COLUMNS = frozenset("action number type status issuing_state review_by conditions withheld_from".split())
# One message carries at most this many lines; its reply names each of them.
LINES_A_MESSAGE = CHANGES_MAX


class Line(Struct, frozen=True):
    """One change, and where it stands in the file (counted from one)."""

    line: int
    change: Change


def read_feed(text: str) -> list[Line]:
    """Return the changes of a file, CSV or JSON lines by its first character.

    Raises:
        FormatError: a line is no change; the text names the line, never what stands there.
    """
    rows = _json_rows(text) if text.lstrip().startswith("{") else _csv_rows(text)
    lines = [Line(number, _change(number, row)) for number, row in rows]
    if not lines:
        raise FormatError("the file holds no change")
    return lines


def in_messages(lines: list[Line]) -> list[list[Line]]:
    """Return the lines, divided as messages carry them."""
    return [lines[first : first + LINES_A_MESSAGE] for first in range(0, len(lines), LINES_A_MESSAGE)]


def body(lines: list[Line]) -> bytes:
    """Return the body of the message that carries `lines`."""
    return write(Changes(DATABASE, tuple(line.change for line in lines)))


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        if set(reader.fieldnames or ()) - COLUMNS:
            raise FormatError(f"unknown columns; known are: {', '.join(sorted(COLUMNS))}")
        for row in reader:
            if None in row or None in row.values():
                raise FormatError(f"line {reader.line_num}: more or fewer fields than the heading")
            yield reader.line_num, {name: value for name, value in row.items() if value}
    except csv.Error as error:
        raise FormatError(f"line {reader.line_num}: {error}") from None


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise FormatError(f"line {number}: no JSON") from None
        if not isinstance(row, dict) or set(row) - COLUMNS:
            raise FormatError(f"line {number}: no object of these fields: {', '.join(sorted(COLUMNS))}")
        yield number, row


def _change(number: int, row: dict[str, Any]) -> Change:
    fields = dict(row)
    try:
        for name in ("conditions", "withheld_from"):
            if isinstance(fields.get(name), str):
                fields[name] = fields[name].split()
        if "review_by" in fields:
            fields["review_by_ms"] = _end_of(fields.pop("review_by"))
        fields.setdefault("action", "put")
        change: Change = msgspec.convert(fields, Change)
        fold_number(change.number)
    except (msgspec.ValidationError, FormatError, TypeError, ValueError) as error:
        # A message of msgspec names fields and types, of ours neither number nor value.
        raise FormatError(f"line {number}: {str(error)[0].lower()}{str(error)[1:]}") from None
    return change


def _end_of(day: object) -> int:
    """Return the end of a day: a record may be shown through the day by which its owner reviews it."""
    if not isinstance(day, str):
        raise FormatError("`review_by` is no day")
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise FormatError("`review_by` is no day like 2027-06-30") from None
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() * 1_000) + 24 * 3_600_000


def count(lines: list[Line]) -> dict[str, int]:
    """Return how many lines put and how many withdraw."""
    puts = sum(isinstance(line.change, Put) for line in lines)
    return {"put": puts, "withdraw": len(lines) - puts}
