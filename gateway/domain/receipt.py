"""What the ledger holds of an event, and what it hands out as evidence."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.decision import EditionRef, Reason
from gateway.domain.names import Code, Digest, Milliseconds, Origin, Text

# S-10 (ETSI EN 319 522-1, clause 6), in our spelling.
Event = Literal[
    "submission-acceptance",
    "submission-rejection",
    "content-consignment",
    "content-consignment-failure",
    "content-handover",
    "content-destruction",
    "directory-edition",
]
ObjectType = Literal["header", "consent", "consent-revocation", "acknowledgement-batch", "directory"]


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """One ledger record: digests and codes, no content, no personal data. Field order is wire order."""

    v: Literal[1]
    network: Code
    origin: Origin
    event: Event
    at_ms: Milliseconds
    object_type: ObjectType
    object_sha256: Digest
    signatures_sha256: Digest
    edition: EditionRef
    law_sha256: Digest
    software: Text
    outcome: Code
    reasons: Annotated[tuple[Reason, ...], Meta(max_length=64)]
    consents: Annotated[tuple[Digest, ...], Meta(max_length=32)]


class Checkpoint(Struct, frozen=True):
    """A tree head (C2SP tlog-checkpoint) and the signed note that carries it."""

    origin: str
    size: int
    root: bytes
    note: bytes


class Receipt(Struct, frozen=True):
    """A verified receipt: the record, where it stands, and under which checkpoint."""

    record: Record
    salt: bytes
    index: int
    checkpoint: Checkpoint
    raw: bytes
