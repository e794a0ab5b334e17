"""A message: the signed header, and what is known once its signatures hold.

Field order is wire order (wire.md, "Header fields"); every field is always present.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.label import Label
from gateway.domain.names import AuthorityId, Code, Digest, KeyId, MediaType, MessageId, Milliseconds

HEADER_BYTES_MAX = 32 * 1024
BODY_BYTES_MAX = 1024 * 1024
ENVELOPE_BYTES_MAX = 1536 * 1024
SIGNATURES_MAX = 8
RECIPIENTS_MAX = 256
BATCH_MESSAGES_MAX = 1024
# A sender's clock may run ahead by two minutes; a message lives at most thirty days.
CLOCK_AHEAD_MS_MAX = 120_000
LIFETIME_MS_MAX = 30 * 24 * 3_600_000

Urgency = Literal["flash", "urgent", "routine"]
# Position is precedence: what comes first is delivered first.
URGENCIES: tuple[str, ...] = ("flash", "urgent", "routine")

# These still pass after exit, suspension or supersession (rules.md 1.7, 15).
PROTECTIVE_KINDS: frozenset[str] = frozenset(
    {"use-check", "use-check-reply", "correction", "recall", "destruction-proof", "dispute"}
)


class Recipient(Struct, frozen=True, forbid_unknown_fields=True):
    """One recipient, the key its wrap is made to, and the digest that binds the wrap."""

    authority: AuthorityId
    key: KeyId
    wrap_sha256: Digest


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be said of the ciphertext without opening it; `length` in bytes."""

    sha256: Digest
    length: Annotated[int, Meta(ge=1, le=BODY_BYTES_MAX)]
    media_type: MediaType
    schema: Code | None


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the gateway may know of a message. No personal data, no prose."""

    v: Literal[1]
    network: Code
    suite: Literal[1, 2]
    id: MessageId
    signers: Annotated[tuple[KeyId, ...], Meta(min_length=1, max_length=SIGNATURES_MAX)]
    originator: AuthorityId
    recipients: Annotated[tuple[Recipient, ...], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    kind: Code
    agreement: Code
    purposes: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=16)]
    subjects: Annotated[tuple[Code, ...], Meta(max_length=32)]
    label: Label
    urgency: Urgency
    sent_at_ms: Milliseconds
    expires_at_ms: Milliseconds
    destroy_by_ms: Milliseconds | None
    case: Digest | None
    in_reply_to: Digest | None
    sources: Annotated[tuple[Digest, ...], Meta(max_length=32)]
    consents: Annotated[tuple[Digest, ...], Meta(max_length=32)]
    conditions: Annotated[tuple[Code, ...], Meta(max_length=32)]
    database: Code | None
    language: Code | None
    form: Annotated[dict[Code, bool | Code], Meta(max_length=64)]
    key_commitment: Digest
    body: Body


class Signature(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One signature as it travels: key id and 64 bytes; for a batch also size, index and path."""

    k: Annotated[bytes, Meta(min_length=16, max_length=16)]
    g: Annotated[bytes, Meta(min_length=64, max_length=64)]
    n: Annotated[int, Meta(ge=2, le=BATCH_MESSAGES_MAX)] | None = None
    i: Annotated[int, Meta(ge=0, lt=BATCH_MESSAGES_MAX)] | None = None
    p: Annotated[tuple[Annotated[bytes, Meta(min_length=32, max_length=32)], ...], Meta(max_length=10)] | None = None

    @property
    def single(self) -> bool:
        """True when nothing of a batch is stated: the signature is over this object alone."""
        return self.n is None and self.i is None and self.p is None


class Wrap(Struct, frozen=True, forbid_unknown_fields=True):
    """The content key for one recipient: key id and HPKE output (80 or 1,168 bytes)."""

    k: Annotated[bytes, Meta(min_length=16, max_length=16)]
    w: Annotated[bytes, Meta(min_length=80, max_length=1168)]


class Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    """An envelope as it travels, unchecked: header, signatures, wraps, ciphertext."""

    h: Annotated[bytes, Meta(min_length=2, max_length=HEADER_BYTES_MAX)]
    s: Annotated[tuple[Signature, ...], Meta(min_length=1, max_length=SIGNATURES_MAX)]
    r: Annotated[tuple[Wrap, ...], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    c: Annotated[bytes, Meta(min_length=1, max_length=BODY_BYTES_MAX)]


class AuthenticMessage(Struct, frozen=True):
    """A message whose signatures, digests and bindings hold. Only `crypto.envelope` builds one.

    `roles` are the roles of the keys that signed, in the order of `header.signers`; `raw` is what arrived.
    """

    header: Header
    header_sha256: bytes
    signatures_sha256: bytes
    envelope: Envelope
    roles: tuple[str, ...]
    raw: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes of the envelope as it arrived."""
        return len(self.raw)
