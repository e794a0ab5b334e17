"""What every table must hold, worked out from the ledger alone.

Entries are read in order, each is taken at its word, and its consequences are written into a second database of
the same schema. Where the two differ, somebody changed a row that no leaf commits to.
"""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import msgspec

from gateway.crypto.canonical import decode, decode_with
from gateway.crypto.digests import decode_base64url, encode_base64url, payload_type, sha256, signatures_digest
from gateway.crypto.merkle import leaf_hash, root
from gateway.crypto.signed import decode_signed
from gateway.domain.errors import FormatError
from gateway.domain.message import Header, Signature
from gateway.domain.receipt import Record
from gateway.domain.statement import (
    CONSIGNED,
    AcknowledgementBatch,
    AcknowledgementItem,
    Consent,
    ConsentRevocation,
    SignedAcknowledgements,
)
from gateway.store.effects import affected
from gateway.store.kept import URGENCY, expiry, id_bytes
from gateway.store.records import PERMITTED, shown_by
from gateway.store.sqlite.admission import (
    NEW_ASIDE,
    NEW_CONSENT,
    NEW_EFFECT,
    NEW_REVOCATION,
    NEW_STATEMENT,
    USE_CONSENT,
    effects,
)
from gateway.store.sqlite.batch import DELIVERY, EVIDENCE, MESSAGE
from gateway.store.sqlite.digests import DIGEST, prefix_of, row_of
from gateway.store.sqlite.endings import LATER, LATER_STATUSES, NEW_BATCH, NEW_EDITION
from gateway.store.verdict import VerificationError

T = TypeVar("T")

HOLDER = "SELECT leaf FROM message WHERE originator = ? AND id = ?"
INDEX = "CREATE INDEX digest_prefix ON digest (prefix)"
STATE = "SELECT outcome FROM delivery WHERE leaf = ? AND recipient = ?"
END = "UPDATE delivery SET outcome = ?, ended_leaf = ? WHERE leaf = ? AND recipient = ?"
# Only accepted messages have deliveries.
BY_DIGEST = (
    "SELECT d.leaf FROM digest AS d WHERE d.prefix = ?"
    " AND EXISTS (SELECT 1 FROM delivery WHERE leaf = d.leaf) ORDER BY d.leaf"
)

_SIGNATURES = msgspec.msgpack.Decoder(tuple[Signature, ...])
_BATCH = msgspec.msgpack.Decoder(SignedAcknowledgements)
_pack = msgspec.msgpack.Encoder().encode


class Replay:
    """Takes entries one by one; `derived` fills with what must follow from them."""

    def __init__(self, derived: sqlite3.Connection, read_header: Callable[[int], bytes]) -> None:
        """Write into `derived`; `read_header(leaf)` gives the header of a message whose entry was taken before."""
        derived.execute(INDEX)
        self._derived = derived
        self._read_header = read_header
        self._sequences: dict[str, int] = {}

    def take(self, leaf: int, record: Record, object_: bytes | None, signatures: bytes | None) -> None:
        """Check what a record says of its object, and write down what follows.

        Raises:
            VerificationError, FormatError: it says something else than what is kept with it.
        """
        if record.event == "content-consignment-failure" and record.object_type == "header":
            self._failure(leaf, record)
        elif record.object_type == "header":
            self._submission(leaf, record, _present(object_), _present(signatures))
        elif record.object_type == "acknowledgement-batch":
            self._acknowledgement(leaf, record, _present(object_))
        elif record.object_type == "directory":
            self._derived.execute(NEW_EDITION, (leaf,))
        else:
            self._statement(leaf, record, _present(object_))

    def _submission(self, leaf: int, record: Record, raw: bytes, signatures: bytes) -> None:
        digest = sha256(raw)
        _agree("header", encode_base64url(digest), record.object_sha256)
        strict: tuple[Signature, ...] = _strictly(_SIGNATURES, signatures)
        _agree("signatures", encode_base64url(signatures_digest(strict)), record.signatures_sha256)
        header = decode(raw, Header)
        identity = (header.originator, id_bytes(header.id))
        held = self._derived.execute(HOLDER, identity).fetchone() is not None
        if held or shown_by(record) is not None:
            self._aside(leaf, record, digest, header.originator)
            return
        self._derived.execute(MESSAGE, (*identity, leaf))
        self._derived.execute(DIGEST, row_of(prefix_of(digest), leaf))
        if record.outcome != PERMITTED:
            return
        self._derived.executemany(USE_CONSENT, [(decode_base64url(consent),) for consent in record.consents])
        self._derived.executemany(NEW_EFFECT, effects(affected(header), header.kind, header.originator, leaf))
        urgency, expires_at_ms, length = URGENCY[header.urgency], expiry(header), header.body.length
        for position, recipient in enumerate(header.recipients):
            row = (leaf, recipient.authority, position, urgency, expires_at_ms, 0, length, 0)
            self._derived.execute(DELIVERY, row)

    def _aside(self, leaf: int, record: Record, digest: bytes, originator: str) -> None:
        if record.outcome == PERMITTED:
            raise VerificationError("it was accepted, and another message holds its id")
        self._derived.execute(NEW_ASIDE, (shown_by(record) or originator, digest, leaf))

    def _statement(self, leaf: int, record: Record, raw: bytes) -> None:
        signed = decode_signed(raw)
        digest = sha256(signed.h)
        _agree("type", signed.t, payload_type(record.object_type))
        _agree("statement", encode_base64url(digest), record.object_sha256)
        _agree("signatures", encode_base64url(signatures_digest(signed.s)), record.signatures_sha256)
        if shown_by(record) is not None:
            self._aside(leaf, record, digest, "")
            return
        value: Consent | ConsentRevocation = (
            decode(signed.h, Consent) if record.object_type == "consent" else decode(signed.h, ConsentRevocation)
        )
        self._derived.execute(NEW_STATEMENT, (value.provider, digest, leaf))
        if record.outcome != PERMITTED:
            return
        if isinstance(value, Consent):
            self._derived.execute(NEW_CONSENT, (digest, value.provider, leaf))
        else:
            self._derived.execute(NEW_REVOCATION, (decode_base64url(value.consent_sha256), value.provider, leaf))

    def _acknowledgement(self, leaf: int, record: Record, raw: bytes) -> None:
        batch = _strictly(_BATCH, raw)
        digest = sha256(batch.h)
        leaves = [leaf_hash(item) for item in batch.items]
        _agree("root of its items", encode_base64url(root(leaves)), decode(batch.h, AcknowledgementBatch).root)
        _agree("acknowledgement", encode_base64url(digest), record.object_sha256)
        _agree("signatures", encode_base64url(signatures_digest((batch.s,))), record.signatures_sha256)
        for position, item in enumerate(batch.items):
            said = decode(item, AcknowledgementItem)
            if position == 0:
                self._derived.execute(NEW_BATCH, (said.recipient, digest, leaf))
            self._acknowledge(leaf, position, said)

    def _acknowledge(self, leaf: int, position: int, said: AcknowledgementItem) -> None:
        message, originator = self._accepted(decode_base64url(said.header_sha256))
        if message < 0 or originator != said.originator:
            return
        if self._end(message, said.recipient, said.status, leaf) or self._say_later(leaf, message, said):
            self._tell(originator, message, said.recipient, said.status, leaf, position)

    def _accepted(self, digest: bytes) -> tuple[int, str]:
        """Leaf and originator of the permitted message with this digest; -1 if there is none."""
        for (leaf,) in self._derived.execute(BY_DIGEST, (prefix_of(digest),)).fetchall():
            header = self._read_header(leaf)
            if sha256(header) == digest:
                return leaf, decode(header, Header).originator
        return -1, ""

    def _end(self, message: int, recipient: str, outcome: str, leaf: int) -> bool:
        row = self._derived.execute(STATE, (message, recipient)).fetchone()
        if row is None or row[0] is not None:
            return False
        self._derived.execute(END, (outcome, leaf, message, recipient))
        return True

    def _say_later(self, leaf: int, message: int, said: AcknowledgementItem) -> bool:
        row = self._derived.execute(STATE, (message, said.recipient)).fetchone()
        if row is None or said.status not in LATER_STATUSES or row[0] == said.status or row[0] not in CONSIGNED:
            return False
        return bool(self._derived.execute(LATER, (message, said.recipient, said.status, leaf)).rowcount)

    def _failure(self, leaf: int, record: Record) -> None:
        message, originator = self._accepted(decode_base64url(record.object_sha256))
        recipient = record.reasons[-1].detail or ""
        if message < 0 or not self._end(message, recipient, record.outcome, leaf):
            raise VerificationError("it ends a delivery that was not owed")
        self._tell(originator, message, recipient, record.outcome, leaf, None)

    def _tell(
        self, originator: str, message: int, recipient: str, outcome: str, leaf: int, position: int | None
    ) -> None:
        sequence = self._sequences[originator] = self._sequences.get(originator, 0) + 1
        self._derived.execute(EVIDENCE, (originator, sequence, message, recipient, outcome, leaf, position))


def _present(value: bytes | None) -> bytes:
    if value is None:
        raise FormatError("what it is about is missing")
    return value


def _strictly(decoder: "msgspec.msgpack.Decoder[T]", raw: bytes) -> T:
    """Decode what has one spelling only: else a byte could change that no digest covers."""
    value = decode_with(decoder, raw)
    if _pack(value) != raw:
        raise FormatError("it is not spelt as it was")
    return value


def _agree(what: str, found: str, recorded: str) -> None:
    if found != recorded:
        raise VerificationError(f"{what} is not the one that was recorded")
