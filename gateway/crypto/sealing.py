"""Seal a message for its recipients.

Sealing draws a fresh content key, wraps it for each recipient, binds every wrap in the header and signs
that. A retry sends the stored bytes again; sealing twice gives two messages.
"""

import secrets
from collections.abc import Sequence
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict, replace

from gateway.crypto import canonical, content
from gateway.crypto.batch import sign_batch
from gateway.crypto.digests import encode_base64url, pae, sha256
from gateway.crypto.envelope import HEADER_ROLES, HEADER_TYPE, encode_envelope
from gateway.crypto.header import decode_header
from gateway.crypto.keys import SecretKey, sign
from gateway.crypto.padding import pad
from gateway.crypto.wraps import SUITE_OF_PUBLIC_BYTES, wrap
from gateway.domain.directory import Directory
from gateway.domain.errors import FormatError, RecipientError, SignatureError
from gateway.domain.label import Label
from gateway.domain.message import (
    BODY_BYTES_MAX,
    ENVELOPE_BYTES_MAX,
    HEADER_BYTES_MAX,
    Body,
    Envelope,
    Header,
    Recipient,
    Signature,
    Urgency,
    Wrap,
)

# A digest that is not known yet, spelled like one.
_UNKNOWN = "A" * 43
# `length` of the body may grow by six digits.
_DRAFT_BYTES_MAX = HEADER_BYTES_MAX - 6


class Draft(Struct, frozen=True):
    """What an originator chooses of a header; sealing adds the rest, and sorts lists whose order means nothing."""

    network: str
    suite: Literal[1, 2]
    id: str
    originator: str
    kind: str
    agreement: str
    purposes: tuple[str, ...]
    subjects: tuple[str, ...]
    label: Label
    urgency: Urgency
    sent_at_ms: int
    expires_at_ms: int
    destroy_by_ms: int | None = None
    case: str | None = None
    in_reply_to: str | None = None
    sources: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    database: str | None = None
    language: str | None = None
    form: dict[str, bool | str] = {}
    media_type: str = "application/json"
    schema: str | None = None


class RecipientKey(Struct, frozen=True):
    """To whom, and to which key: `kid` is 16 raw bytes, `public` 32 (suite 1) or 1,216 (suite 2)."""

    authority: str
    kid: bytes
    public: bytes


class Letter(NamedTuple):
    """One message before it is sealed; `padded_min_bytes` makes short answers as long as others."""

    draft: Draft
    plaintext: bytes
    recipients: Sequence[RecipientKey]
    padded_min_bytes: int = 0


class _Unsigned(NamedTuple):
    h: bytes
    r: tuple[Wrap, ...]
    c: bytes


def message_id(sent_at_ms: int) -> str:
    """Return a fresh UUIDv7 (S-12) whose millisecond is `sent_at_ms`, random below it."""
    tail = secrets.randbits(74)
    digits = f"{sent_at_ms:012x}7{tail >> 62:03x}{0b10 << 62 | tail & (1 << 62) - 1:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def recipient_key(directory: Directory, authority: str, suite: int, at_ms: int) -> RecipientKey:
    """Return the wrap key of `authority` for `suite` in force at `at_ms`; of several, the newest.

    Raises:
        RecipientError: the authority is unknown, or has no such key.
    """
    number = directory.edition.number
    if authority not in directory.authorities:
        raise RecipientError(f"recipient `{authority}` is not in edition {number}")
    candidates = [
        (listed.entry.not_before_ms, kid, listed.public)
        for kid, listed in directory.keys.items()
        if listed.authority.id == authority
        and listed.entry.role == "wrap"
        and SUITE_OF_PUBLIC_BYTES.get(len(listed.public)) == suite
        and directory.accepts_key(listed, at_ms)
    ]
    if not candidates:
        raise RecipientError(f"recipient `{authority}` has no key of suite {suite} in force in edition {number}")
    _, kid, public = max(candidates)
    return RecipientKey(authority, kid, public)


def seal(
    draft: Draft,
    plaintext: bytes,
    recipients: Sequence[RecipientKey],
    signers: Sequence[SecretKey],
    padded_min_bytes: int = 0,
) -> bytes:
    """Return one envelope (MessagePack), signed by every one of `signers`, exactly one of them of role `message`.

    Raises:
        FormatError: the draft breaks a rule of the header, or the body is too long.
        SignatureError: the signers are not one `message` key and keys of role `seal` or `signatory`.
        TrustError: a recipient's key is unusable.
    """
    _check_roles(signers)
    unsigned = _prepare(Letter(draft, plaintext, recipients, padded_min_bytes), signers)
    return _finish(unsigned, tuple(_signature(key, unsigned.h) for key in signers))


def seal_batch(letters: Sequence[Letter], signers: Sequence[SecretKey]) -> list[bytes]:
    """Return 2 to 1,024 envelopes under one batch signature of the `message` key; other signers sign each.

    Raises:
        FormatError, SignatureError, TrustError: as `seal`; also when the letters name several networks.
    """
    _check_roles(signers)
    if len({letter.draft.network for letter in letters}) > 1:
        raise FormatError("a batch belongs to one network")
    unsigned = [_prepare(letter, signers) for letter in letters]
    batch_key = next(key for key in signers if key.role == "message")
    network = letters[0].draft.network if letters else ""
    batch = sign_batch(network, [each.h for each in unsigned], batch_key)
    return [
        _finish(each, tuple(shared if key is batch_key else _signature(key, each.h) for key in signers))
        for each, shared in zip(unsigned, batch, strict=True)
    ]


def _check_roles(signers: Sequence[SecretKey]) -> None:
    roles = [key.role for key in signers]
    if roles.count("message") != 1 or not HEADER_ROLES.issuperset(roles):
        raise SignatureError("exactly one signer has the role `message`, the others `seal` or `signatory`")


def _prepare(letter: Letter, signers: Sequence[SecretKey]) -> _Unsigned:
    draft = letter.draft
    padded = pad(letter.plaintext, letter.padded_min_bytes)
    if len(padded) + content.AEAD_TAG_BYTES > BODY_BYTES_MAX:
        raise FormatError(f"body is longer than {BODY_BYTES_MAX} bytes once padded and sealed")
    # The draft is checked as a header before its fields go into the context.
    header = _check(draft, signers, letter.recipients)
    content_key = content.generate_content_key()
    committed = content.commitment(content_key)
    bound = content.context(draft.network, draft.suite, draft.id, draft.originator, committed)
    ciphertext = content.seal_body(content_key, bound, padded)
    wraps = tuple(
        Wrap(to.kid, wrap(draft.suite, to.public, content_key, content.wrap_info(bound, to.kid)))
        for to in letter.recipients
    )
    header = replace(
        header,
        recipients=tuple(
            Recipient(to.authority, encode_base64url(to.kid), encode_base64url(sha256(made.w)))
            for to, made in zip(letter.recipients, wraps, strict=True)
        ),
        key_commitment=encode_base64url(committed),
        body=Body(encode_base64url(sha256(ciphertext)), len(ciphertext), draft.media_type, draft.schema),
    )
    return _Unsigned(canonical.encode(header), wraps, ciphertext)


def _check(draft: Draft, signers: Sequence[SecretKey], recipients: Sequence[RecipientKey]) -> Header:
    fields = asdict(draft)
    for name in ("purposes", "subjects", "sources", "consents", "conditions"):
        fields[name] = tuple(sorted(set(fields[name])))
    label = draft.label
    fields["label"] = replace(
        label,
        handling=tuple(sorted(set(label.handling))),
        special_categories=tuple(sorted(set(label.special_categories))),
    )
    header = Header(
        v=1,
        signers=tuple(encode_base64url(key.kid) for key in signers),
        recipients=tuple(Recipient(to.authority, encode_base64url(to.kid), _UNKNOWN) for to in recipients),
        key_commitment=_UNKNOWN,
        body=Body(_UNKNOWN, 1, fields.pop("media_type"), fields.pop("schema")),
        **fields,
    )
    raw = canonical.encode(header)
    if len(raw) > _DRAFT_BYTES_MAX:
        raise FormatError(f"header is longer than {HEADER_BYTES_MAX} bytes")
    return decode_header(raw)


def _signature(key: SecretKey, h: bytes) -> Signature:
    return Signature(key.kid, sign(key, pae(HEADER_TYPE, h)))


def _finish(unsigned: _Unsigned, signatures: tuple[Signature, ...]) -> bytes:
    raw = encode_envelope(Envelope(unsigned.h, signatures, unsigned.r, unsigned.c))
    if len(raw) > ENVELOPE_BYTES_MAX:
        raise FormatError(f"envelope is larger than {ENVELOPE_BYTES_MAX} bytes")
    return raw
