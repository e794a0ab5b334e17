"""What an insider may hand in over its own, honest link; each with the answer that it must get."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from gateway.crypto.canonical import pack
from gateway.crypto.digests import encode_base64url, pae, sha256
from gateway.crypto.envelope import decode_envelope, encode_envelope
from gateway.crypto.keys import SecretKey, generate, sign
from gateway.crypto.sealing import RecipientKey, message_id, seal
from gateway.crypto.signed import decode_signed
from gateway.crypto.statements import sign_statement
from gateway.domain.message import Envelope, Signature
from gateway.domain.statement import Consent
from gateway.wire.frames import SubmissionKind
from tests.crypto.forgeries import cut, forged, resigned
from tests.federation import DAY_MS, NETWORK, PLAIN, now_ms
from tests.system.house import House

MINUTE_MS = 60_000
SECRET = replace(PLAIN, level="top-secret")
INVALID, UNSIGNED = ("invalid", "format-invalid"), ("unauthenticated", "signature-invalid")


class Row(NamedTuple):
    """One bad submission, and what the gateway says of it; `codes`: it is signed, so it is recorded and refused."""

    name: str
    make: Callable[[House], bytes]
    kind: str
    code: str = ""
    says: str = ""
    codes: tuple[str, ...] = ()
    over: SubmissionKind = "message"


def _good(house: House, **changes: Any) -> bytes:
    return house.envelope(house.senders[0], house.recipients[0], **changes)


def _forged(house: House, **changes: Any) -> bytes:
    return forged(_good(house), (house.senders[0].keys["message"],), **changes)


def _at(house: House, sent_at_ms: int, lifetime_ms: int) -> bytes:
    id_ = message_id(sent_at_ms)
    return _forged(house, id=id_, sent_at_ms=sent_at_ms, expires_at_ms=sent_at_ms + lifetime_ms)


def _to(house: House, name: str) -> bytes:
    """A message to `name`, wrapped to the key of somebody else."""
    other = house.recipients[0].keys["wrap"]
    draft = house.federation.draft(house.senders[0].name)
    return seal(draft, b"synthetic", [RecipientKey(name, other.kid, other.public)], [house.senders[0].keys["message"]])


def _flipped(raw: bytes, inside: bytes) -> bytes:
    position = raw.index(inside) + len(inside) // 2
    return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]


def _of_another(house: House) -> bytes:
    return house.envelope(house.senders[1], house.recipients[0])


def _spaced(house: House) -> bytes:
    """A header with a blank in it: the same object in another spelling, and truly signed."""
    raw = _good(house)
    h = decode_envelope(raw).h.replace(b",", b", ", 1)
    return resigned(cut(raw, h=h), house.senders[0].keys["message"])


def _consent(house: House) -> bytes:
    at_ms = now_ms()
    value = Consent(
        v=1,
        network=NETWORK,
        id=message_id(at_ms),
        provider=house.senders[0].name,
        grantee=house.recipients[0].name,
        agreement="cz-kz",
        sources=(encode_base64url(os.urandom(32)),),
        recipients=(house.recipients[1].name,),
        purposes=(),
        conditions=(),
        not_before_ms=at_ms,
        not_after_ms=at_ms + DAY_MS,
        uses_max=None,
        issued_at_ms=at_ms,
    )
    return sign_statement("consent", value, house.senders[0].keys["consent"])


def _by_another_role(raw: bytes, key: SecretKey) -> bytes:
    whole = decode_signed(raw)
    return pack(replace(whole, s=(Signature(key.kid, sign(key, pae(whole.t, whole.h))),)))


def _stripped(house: House) -> bytes:
    """Signed by two keys of the originator, and one of the signatures taken away."""
    keys = house.senders[0].keys
    raw = forged(_good(house), (keys["message"], keys["seal"]))
    return cut(raw, s=decode_envelope(raw).s[:1])


def _unbound(raw: bytes) -> bytes:
    """The wrap altered, its digest in the header as it was."""
    wrap = decode_envelope(raw).r[0]
    return cut(raw, r=(replace(wrap, w=_flipped(wrap.w, wrap.w)),))


def _long_header(house: House) -> bytes:
    whole = decode_envelope(_good(house))
    return encode_envelope(Envelope(bytes(33 * 1024), whole.s, whole.r, whole.c))


BYTES = (
    Row("nothing", lambda _: b"", *INVALID, "not well formed"),
    Row("noise", lambda _: b"\xc1" * 1_000, *INVALID, "not well formed"),
    Row("deep nesting", lambda _: b"\x91" * 1_000_000, *INVALID, "not of its schema"),
    Row("nesting in a field", lambda _: b"\x84\xa1h" + b"\x91" * 1_000_000, *INVALID, "`$.h` is not of its schema"),
    Row("truncated", lambda house: _good(house)[:-1], *INVALID, "not well formed"),
    Row("truncated in the header", lambda house: _good(house)[:300], *INVALID, "not well formed"),
    Row("something behind it", lambda house: _good(house) + b"\x00", *INVALID, "not well formed"),
    Row("over 1.5 MiB", lambda house: _good(house) + bytes(1_572_864), *INVALID, "larger than 1572864 bytes"),
    Row("header over 32 KiB", _long_header, *INVALID, "`$.h` is not of its schema"),
    Row("body over 1 MiB", lambda house: cut(_good(house), c=bytes(1_048_577)), *INVALID, "`$.c` is not of its schema"),
)
SIGNATURES = (
    Row("one bit of the header", lambda h: _flipped(_good(h), b"detection"), *UNSIGNED, "signature"),
    Row("one bit of a signature", lambda h: _flipped(raw := _good(h), decode_envelope(raw).s[0].g), *UNSIGNED),
    Row("unknown authority", lambda h: resigned(_good(h), generate("message")), *UNSIGNED, "is not in edition 1"),
    Row("a key of another role", lambda h: resigned(_good(h), h.senders[0].keys["consent"]), *UNSIGNED, "role"),
    Row(
        "signers of two authorities",
        lambda h: resigned(_good(h), h.senders[0].keys["message"], h.senders[1].keys["seal"]),
        *UNSIGNED,
        "several authorities",
    ),
    Row("a signature stripped", _stripped, *UNSIGNED, "not those of the signers"),
    Row("in another's name", lambda h: _forged(h, originator=h.senders[1].name), *UNSIGNED, "not those of the"),
)
HEADERS = (
    Row("one bit of the body", lambda h: _flipped(raw := _good(h), decode_envelope(raw).c), *INVALID, "body is not"),
    Row("another spelling", _spaced, *INVALID, "another spelling"),
    Row("wrong network", lambda h: _forged(h, network="accord-other"), *INVALID, "another network"),
    Row("expired", lambda h: _at(h, now_ms() - 2 * DAY_MS, DAY_MS), *INVALID, "expired: `expires_at_ms` is past"),
    Row("far future", lambda h: _at(h, now_ms() + 10 * MINUTE_MS, DAY_MS), *INVALID, "more than 120 s in the future"),
    Row("a life of 31 days", lambda h: _at(h, now_ms(), 31 * DAY_MS), *INVALID, "more than 30 days after"),
    Row("an id of another time", lambda h: _forged(h, id=message_id(now_ms() - 5_000)), *INVALID, "millisecond in"),
    Row("unknown recipient", lambda h: _to(h, "nobody"), *INVALID, "recipient `nobody` is not in edition 1"),
    Row("recipient without a key", lambda h: _to(h, h.recipients[-1].name), *INVALID, "has no key"),
    Row("suite below the minimum", lambda h: _forged(h, suite=1), *INVALID, "suite 1 is below the minimum 2"),
    Row("another wrap", lambda h: _unbound(_good(h)), *INVALID, "not the one that the header names"),
)
STATEMENTS = (
    Row("statement: noise", lambda _: os.urandom(500), *INVALID, over="statement"),
    Row("statement: over 64 KiB", lambda h: _consent(h) + bytes(65_536), *INVALID, "larger than", over="statement"),
    Row("statement: truncated", lambda h: _consent(h)[:-1], *INVALID, over="statement"),
    Row("statement: a message", _good, *INVALID, over="statement"),
    Row("message: a statement", _consent, *INVALID),
    Row(
        "statement: a key of another role",
        lambda h: _by_another_role(_consent(h), h.senders[0].keys["message"]),
        *UNSIGNED,
        "role",
        over="statement",
    ),
    Row("statement: unknown source", _consent, "receipt", codes=("source-unavailable",), over="statement"),
)
REFUSALS = (
    Row("unknown agreement", lambda h: _good(h, agreement="no-such"), "receipt", codes=("agreement-unknown",)),
    Row("unknown purpose", lambda h: _good(h, purposes=("no-such",)), "receipt", codes=("purpose-outside-agreement",)),
    Row("unknown kind", lambda h: _good(h, kind="no-such"), "receipt", codes=("kind-not-foreseen",)),
    Row("unknown subject", lambda h: _good(h, subjects=("no-such",)), "receipt", codes=("subject-unknown",)),
    Row(
        "too secret",
        lambda h: _good(h, label=replace(PLAIN, level="top-secret")),
        "receipt",
        codes=("clearance-exceeded",),
    ),
    Row(
        "unknown source",
        lambda h: _good(h, sources=(encode_base64url(sha256(b"nothing")),)),
        "receipt",
        codes=("source-unavailable",),
    ),
    Row("another's message", _of_another, "receipt", codes=("originator-mismatch",)),
)
ROWS = (*BYTES, *SIGNATURES, *HEADERS, *STATEMENTS, *REFUSALS)
