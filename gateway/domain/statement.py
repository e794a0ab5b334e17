"""Statements: signed, open to the gateway, at most 64 KiB.

A statement travels as `{t, h, s}`: payload type, canonical JSON, signatures (wire.md).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.message import SIGNATURES_MAX, Signature
from gateway.domain.names import AuthorityId, Code, Count, Digest, KeyId, MediaType, MessageId, Milliseconds, Origin

STATEMENT_BYTES_MAX = 64 * 1024
ACKNOWLEDGEMENTS_MAX = 256

# `undecipherable` and `refused` end a delivery in failure; the other three in consignment.
AcknowledgementStatus = Literal["consigned", "undecipherable", "refused", "handed-over", "destroyed"]
CONSIGNED: frozenset[str] = frozenset({"consigned", "handed-over", "destroyed"})


class SignedStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """A statement as it travels, unchecked."""

    t: MediaType
    h: Annotated[bytes, Meta(min_length=2, max_length=STATEMENT_BYTES_MAX)]
    s: Annotated[tuple[Signature, ...], Meta(min_length=1, max_length=SIGNATURES_MAX)]


class Consent(Struct, frozen=True, forbid_unknown_fields=True):
    """The provider's permission: these sources, to these recipients, for these purposes.

    `purposes` empty: the purposes the sources were given for. `uses_max` None: unlimited.
    """

    v: Literal[1]
    network: Code
    id: MessageId
    provider: AuthorityId
    grantee: AuthorityId
    agreement: Code
    sources: Annotated[tuple[Digest, ...], Meta(min_length=1, max_length=64)]
    recipients: Annotated[tuple[AuthorityId, ...], Meta(max_length=64)]
    purposes: Annotated[tuple[Code, ...], Meta(max_length=16)]
    conditions: Annotated[tuple[Code, ...], Meta(max_length=32)]
    not_before_ms: Milliseconds
    not_after_ms: Milliseconds
    uses_max: Annotated[int, Meta(ge=1, le=1_000_000)] | None
    issued_at_ms: Milliseconds


class ConsentRevocation(Struct, frozen=True, forbid_unknown_fields=True):
    """The provider takes a consent back; it works from its ledger entry on."""

    v: Literal[1]
    network: Code
    provider: AuthorityId
    consent_sha256: Digest
    at_ms: Milliseconds


class AcknowledgementItem(Struct, frozen=True, forbid_unknown_fields=True):
    """What the recipient says of one message. `salt` hides the item from its neighbours in a batch."""

    v: Literal[1]
    network: Code
    recipient: AuthorityId
    originator: AuthorityId
    header_sha256: Digest
    status: AcknowledgementStatus
    at_ms: Milliseconds
    salt: Digest


class SeenCheckpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """The newest checkpoint of a ledger that its speaker has verified."""

    origin: Origin
    size: Count
    root: Digest


class AcknowledgementBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """What the recipient signs: the root over `size` items (leaves `H(0x00 ‖ item)`)."""

    v: Literal[1]
    network: Code
    size: Annotated[int, Meta(ge=1, le=ACKNOWLEDGEMENTS_MAX)]
    root: Digest
    seen: SeenCheckpoint | None


class SignedAcknowledgements(Struct, frozen=True, forbid_unknown_fields=True):
    """A batch as the recipient sends it: the signed root, and every item in order."""

    h: Annotated[bytes, Meta(max_length=2048)]
    s: Signature
    items: Annotated[
        tuple[Annotated[bytes, Meta(max_length=2048)], ...], Meta(min_length=1, max_length=ACKNOWLEDGEMENTS_MAX)
    ]


class AcknowledgementEvidence(Struct, frozen=True, forbid_unknown_fields=True):
    """One item with its path, for its originator: verifies alone under the recipient's key."""

    h: Annotated[bytes, Meta(max_length=2048)]
    s: Signature
    item: Annotated[bytes, Meta(max_length=2048)]
    i: Count
    p: Annotated[tuple[Annotated[bytes, Meta(min_length=32, max_length=32)], ...], Meta(max_length=8)]


class KeyOffer(Struct, frozen=True, forbid_unknown_fields=True):
    """One public key that an authority asks to have listed (base64url)."""

    kid: KeyId
    role: Code
    public: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43,1700}\Z")]


class KeyRegistration(Struct, frozen=True, forbid_unknown_fields=True):
    """An authority's public keys and certificates, signed by each of its signing keys."""

    v: Literal[1]
    network: Code
    authority: AuthorityId
    keys: Annotated[tuple[KeyOffer, ...], Meta(min_length=1, max_length=32)]
    certificates: Annotated[tuple[Digest, ...], Meta(max_length=16)]
    at_ms: Milliseconds


class AuthenticStatement(Struct, frozen=True):
    """A statement whose signatures hold. Only `crypto.statements` builds one."""

    type: str
    authority: AuthorityId
    value: Consent | ConsentRevocation
    sha256: bytes
    signatures_sha256: bytes
    raw: bytes
