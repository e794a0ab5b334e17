"""The JSON forms of what HTTPS carries beside envelopes: bytes as base64url without padding.

The struct is the schema: OpenAPI is printed from these. Nothing here verifies anything.
"""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.crypto.canonical import decode_with
from gateway.crypto.digests import decode_base64url, encode_base64url
from gateway.domain.errors import FormatError
from gateway.domain.message import RECIPIENTS_MAX, SIGNATURES_MAX
from gateway.domain.names import Count, Digest, MediaType, MessageId
from gateway.domain.statement import ACKNOWLEDGEMENTS_MAX, SignedAcknowledgements, SignedStatement
from gateway.store.interface import DeliveryStatus, MessageStatus

Signed = TypeVar("Signed", SignedStatement, SignedAcknowledgements)
Base64 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]*\Z")]


class SignatureForm(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One signature: key id, signature; for a batch size, index and path."""

    k: Base64
    g: Base64
    n: int | None = None
    i: int | None = None
    p: Annotated[tuple[Base64, ...], Meta(max_length=10)] | None = None


class WrapForm(Struct, frozen=True, forbid_unknown_fields=True):
    """The content key for one recipient."""

    k: Base64
    w: Base64


class EnvelopeForm(Struct, frozen=True, forbid_unknown_fields=True):
    """An envelope: canonical header, signatures, wraps, ciphertext."""

    h: Base64
    s: Annotated[tuple[SignatureForm, ...], Meta(min_length=1, max_length=SIGNATURES_MAX)]
    r: Annotated[tuple[WrapForm, ...], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    c: Base64


class StatementForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed statement: payload type, canonical JSON, signatures."""

    t: MediaType
    h: Base64
    s: Annotated[tuple[SignatureForm, ...], Meta(min_length=1, max_length=SIGNATURES_MAX)]


class AcknowledgementsForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed batch of acknowledgements: canonical root, signature, items in order."""

    h: Base64
    s: SignatureForm
    items: Annotated[tuple[Base64, ...], Meta(min_length=1, max_length=ACKNOWLEDGEMENTS_MAX)]


class Receipted(Struct, frozen=True):
    """A submission is durably recorded and permitted; `receipt` is the tlog-proof."""

    receipt: str


class InboxItem(Struct, frozen=True):
    """One message that waits: its envelope with the recipient's own wrap, and its admission receipt."""

    header_sha256: Digest
    attempt: Count
    receipt: str
    envelope: Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/EnvelopeForm"})]


class Inbox(Struct, frozen=True):
    """What waits, in the order (urgency, ledger index); acknowledge it or it comes again."""

    messages: list[InboxItem]


class StatusForm(Struct, frozen=True):
    """The timeline of one message, for its originator."""

    id: MessageId
    header_sha256: Digest
    index: Count
    permitted: bool
    admitted_at_ms: Count
    deliveries: tuple[DeliveryStatus, ...]


class ConsistencyForm(Struct, frozen=True):
    """The RFC 9162 consistency path between two sizes."""

    old: Count
    new: Count
    path: tuple[Digest, ...]


_pack = msgspec.msgpack.Encoder().encode
_statements = msgspec.json.Decoder(StatementForm)
_acknowledgements = msgspec.json.Decoder(AcknowledgementsForm)


def statement_from_json(raw: bytes) -> bytes:
    """Return a statement as it travels elsewhere (MessagePack `SignedStatement`).

    Raises:
        FormatError: no JSON of this form.
    """
    form = decode_with(_statements, raw)
    fields = {"t": form.t, "h": decode_base64url(form.h), "s": tuple(_signature(one) for one in form.s)}
    return _pack(_convert(fields, SignedStatement))


def acknowledgements_from_json(raw: bytes) -> bytes:
    """Return a batch as it travels elsewhere (MessagePack `SignedAcknowledgements`).

    Raises:
        FormatError: no JSON of this form.
    """
    form = decode_with(_acknowledgements, raw)
    fields = {
        "h": decode_base64url(form.h),
        "s": _signature(form.s),
        "items": tuple(map(decode_base64url, form.items)),
    }
    return _pack(_convert(fields, SignedAcknowledgements))


def status_form(status: MessageStatus) -> StatusForm:
    """Return a timeline as JSON tells it."""
    return StatusForm(
        id=status.id,
        header_sha256=encode_base64url(status.header_sha256),
        index=status.index,
        permitted=status.permitted,
        admitted_at_ms=status.admitted_at_ms,
        deliveries=status.deliveries,
    )


def _signature(form: SignatureForm) -> dict[str, object]:
    fields: dict[str, object] = {"k": decode_base64url(form.k), "g": decode_base64url(form.g)}
    if form.n is not None or form.i is not None or form.p is not None:
        fields |= {"n": form.n, "i": form.i, "p": None if form.p is None else tuple(map(decode_base64url, form.p))}
    return fields


def _convert(fields: Mapping[str, object], type_: type[Signed]) -> Signed:
    try:
        return msgspec.convert(fields, type_)
    except msgspec.ValidationError:
        raise FormatError("a field is empty, too long or of the wrong length") from None
