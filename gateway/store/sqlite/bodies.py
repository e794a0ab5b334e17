"""Bodies that are owed: does the spool file still hold what their originators signed?"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.message import Header, Wrap
from gateway.store.spool_file import read_body
from gateway.store.verdict import VerificationError

OWED = (
    "SELECT d.leaf, d.recipient, d.position, d.slot, d.ciphertext_bytes, d.wraps_bytes, e.object"
    " FROM delivery AS d JOIN entry AS e ON e.leaf = d.leaf WHERE d.outcome IS NULL"
)

_WRAPS = msgspec.msgpack.Decoder(list[Wrap])


def check_bodies(connection: sqlite3.Connection, spool: Path, still_owed: Callable[[int, str], bool]) -> int:
    """Return how many deliveries are owed, once each of them has its body and wrap.

    Raises:
        VerificationError: a body or wrap is not the one that its header names; the text names the leaf.
        OSError: there is no spool file.
    """
    rows = connection.execute(OWED).fetchall()
    if not rows:
        return 0
    file = os.open(spool, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for leaf, recipient, position, slot, *lengths, raw in rows:
            header = decode(raw, Header)
            if not _fits(header, position, read_body(file, slot, lengths)) and still_owed(leaf, recipient):
                raise VerificationError(f"leaf {leaf}: the body that `{recipient}` is owed is not the one it was")
    finally:
        os.close(file)
    return len(rows)


def _fits(header: Header, position: int, parts: list[bytes]) -> bool:
    body, packed = parts
    if encode_base64url(sha256(body)) != header.body.sha256:
        return False
    try:
        wrap = _WRAPS.decode(packed)[position]
    except (msgspec.DecodeError, IndexError):
        return False
    return encode_base64url(sha256(wrap.w)) == header.recipients[position].wrap_sha256
