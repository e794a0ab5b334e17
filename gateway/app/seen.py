"""Files in which endpoints say what they have seen of a ledger (`accord endpoint seen`)."""

from pathlib import Path

import msgspec

from gateway.domain.errors import FormatError
from gateway.endpoint.words import SeenReport
from gateway.settings.source import read_bytes


def of_origin(path: Path, origin: str) -> list[bytes]:
    """Return the signed notes of the ledger `origin` in a file: a report of an endpoint, or one note alone.

    Nothing is believed: the notes are verified where they are used.

    Raises:
        ConfigurationError: the file cannot be read.
        FormatError: it is neither.
    """
    raw = read_bytes(path, "report of what was seen")
    if raw.startswith(f"{origin}\n".encode()):
        return [raw]
    try:
        report = msgspec.json.decode(raw, type=SeenReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"`{path}` is neither a report of `accord endpoint seen` nor a checkpoint") from error
    return [head.note.encode() for head in report.heads if head.origin == origin]
