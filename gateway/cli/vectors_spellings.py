"""Test vectors: objects that are signed as they must be and spelled as they must not be.

Every one of them carries a signature that holds, so only a reader that insists on the one spelling refuses it.
"""

import struct
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from gateway.cli.vectors_federation import AT_MS, DAY_MS, digest_text, signed
from gateway.cli.vectors_sealing import Sealed, draft, message_id, reseal, seal
from gateway.cli.vectors_statements import CONSENT
from gateway.cli.vectors_verdict import Check, Given, Vector, given_envelope, refused
from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url
from gateway.domain.message import Envelope

ABOUT = "Well signed, badly spelled: JSON, fields, times and MessagePack that must be refused."
MESSAGE = "cz-police message"

_HEAD = b'{"v":1,"network":"accord-test",'

# The last section of wire.md. Each takes canonical bytes; what they change stands in every one of our objects.
Spell = Callable[[bytes], bytes]
JSON_SPELLINGS: tuple[tuple[str, str, Spell], ...] = (
    ("field-order", "`network` before `v`.", lambda h: h.replace(_HEAD, b'{"network":"accord-test","v":1,')),
    ("doubled-key", "`v` twice, saying the same.", lambda h: h.replace(b'{"v":1,', b'{"v":1,"v":1,')),
    ("float", "1.0 for 1.", lambda h: h.replace(b'"v":1,', b'"v":1.0,')),
    ("exponent", "1e0 for 1.", lambda h: h.replace(b'"v":1,', b'"v":1e0,')),
    ("minus-zero", "-0 for a time.", lambda h: _first_time(h, b"-0")),
    ("two-to-53", "2^53 for a time.", lambda h: _first_time(h, b"9007199254740992")),
    ("leading-zero", "A time with a zero before it.", lambda h: _first_time(h, b"01790000000000")),
    ("escape", "An escaped letter.", lambda h: h.replace(b"accord-test", b"\\u0061ccord-test")),
    ("non-ascii", "A letter beyond ASCII.", lambda h: h.replace(b"cz-police", "cz-políce".encode())),
    ("byte-order-mark", "A byte-order mark.", lambda h: b"\xef\xbb\xbf" + h),
    ("trailing-space", "A space at the end.", lambda h: h + b" "),
    ("inner-space", "A space after a colon.", lambda h: h.replace(b'{"v":1', b'{"v": 1')),
    ("missing-field", "`v` is not there.", lambda h: h.replace(b'{"v":1,', b"{")),
    ("unknown-field", "A field that no schema has.", lambda h: h[:-1] + b',"x":1}'),
    ("no-object", "A list.", lambda h: b"[" + h + b"]"),
    ("cut", "The last byte is gone.", lambda h: h[:-1]),
    ("two-objects", "Something follows.", lambda h: h + b"{}"),
)
_TIMES = (b'"sent_at_ms":', b'"not_before_ms":')


def _first_time(h: bytes, spelled: bytes) -> bytes:
    name = next(name for name in _TIMES if name in h)
    head, _, tail = h.partition(name)
    return head + name + spelled + tail[tail.index(b",") :]


def vectors() -> list[Vector]:
    """Return the vectors of `spellings.json`."""
    return [*_json(), *_fields(), *_times(), *_message_pack(), *_bounds()]


def _refused(name: str, about: str, envelope: Envelope | bytes, **more: object) -> Vector:
    return refused(name, "format", about, "envelope", given_envelope(envelope, **more))


def _spelled(sealed: Sealed, h: bytes) -> Envelope:
    return replace(sealed, h=h).envelope(MESSAGE)


def _json() -> list[Vector]:
    sealed = seal("spelled")
    consent = canonical.encode(CONSENT)
    vectors = []
    for name, about, spell in JSON_SPELLINGS:
        header, statement = spell(sealed.h), signed("consent", spell(consent), "cz-police consent")
        assert header != sealed.h, name
        given: Given = {"statement": encode_base64url(statement)}
        check: Check = "statement"
        vectors.append(_refused(f"json-header-{name}", about, _spelled(sealed, header)))
        vectors.append(refused(f"json-consent-{name}", "format", about, check, given))
    return vectors


def _fields() -> list[Vector]:
    sealed = seal("fields")
    changed = [*_other_values(sealed), *_other_bytes(sealed)]
    twice = seal("recipient twice", to=("kz-mvd wrap 1", "kz-mvd wrap 1"))
    return [
        *(_refused(f"header-{name}", about, each.envelope(MESSAGE)) for name, about, each in changed),
        _refused("header-recipient-doubled", "The same recipient twice.", twice.envelope(MESSAGE)),
    ]


def _other_values(sealed: Sealed) -> Iterator[tuple[str, str, Sealed]]:
    """Canonical JSON that says what no header may say."""
    header = sealed.header
    cases: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("purposes-unsorted", "A list that should be sorted.", {"purposes": ("prevention", "detection")}),
        ("purpose-doubled", "The same purpose twice.", {"purposes": ("detection", "detection")}),
        (
            "handling-unsorted",
            "A list inside the label that should be sorted.",
            {"label": replace(header.label, handling=("h2", "h1"))},
        ),
        ("purposes-empty", "No purpose at all.", {"purposes": ()}),
        ("network", "A message of another network.", {"network": "accord-other"}),
        ("id-not-version-7", "A UUID of version 4.", {"id": header.id[:14] + "4" + header.id[15:]}),
        (
            "id-other-millisecond",
            "The id says another millisecond.",
            {"id": message_id("fields", header.sent_at_ms - 1)},
        ),
        ("digest-stray-bits", "Stray bits in the last character.", {"case": digest_text("case")[:-1] + "B"}),
        ("code-with-capitals", "A code is lower case.", {"kind": "Request"}),
        ("suite-3", "There is no suite 3.", {"suite": 3}),
        ("form-65", "`form` holds at most 64 keys.", {"form": {f"key-{i:02d}": True for i in range(65)}}),
    )
    for name, about, fields in cases:
        yield name, about, reseal(sealed, **fields)


def _other_bytes(sealed: Sealed) -> Iterator[tuple[str, str, Sealed]]:
    """What no encoder of ours would write."""
    cases = (
        ("code-with-newline", "A code that ends in a line feed.", b'"request"', b'"request\\n"'),
        ("form-unsorted", "The keys of `form` are not sorted.", b'"form":{}', b'"form":{"b":true,"a":true}'),
        ("form-number", "`form` holds booleans and codes.", b'"form":{}', b'"form":{"a":1}'),
        ("null-where-none-may-be", "`originator` is null.", b'"originator":"cz-police"', b'"originator":null'),
        ("deep", "10,000 lists in one another.", b'["detection"]', b"[" * 9_999 + b"]" * 9_999),
    )
    for name, about, right, wrong in cases:
        assert right in sealed.h, name
        yield name, about, replace(sealed, h=sealed.h.replace(right, wrong))


def _times() -> list[Vector]:
    ahead = draft("too far ahead", sent_at_ms=AT_MS + 120_001)
    long = draft("long life", sent_at_ms=AT_MS, expires_at_ms=AT_MS + 30 * DAY_MS + 1)
    return [
        _refused(
            "time-expired",
            "It expires this very millisecond.",
            seal("expired", draft("expired", expires_at_ms=AT_MS)).envelope(MESSAGE),
        ),
        _refused("time-ahead", "A clock ahead by more than two minutes.", seal("ahead", ahead).envelope(MESSAGE)),
        _refused("time-long-life", "A life longer than 30 days.", seal("long", long).envelope(MESSAGE)),
    ]


def _message_pack() -> list[Vector]:
    sealed = seal("packed")
    raw = sealed.raw()
    parts = {name: msgspec.msgpack.encode(value) for name, value in msgspec.msgpack.decode(raw).items()}
    assert _map(parts) == raw
    wide = dict(parts, c=b"\xc6" + struct.pack(">I", len(sealed.c)) + sealed.c)
    cases = (
        ("trailing-byte", "A byte after the envelope.", raw + b"\x00"),
        ("cut", "The last byte is gone.", raw[:-1]),
        ("empty", "Nothing.", b""),
        ("field-order", "The fields in another order.", _map({name: parts[name] for name in "shrc"})),
        ("doubled-key", "`h` twice.", b"\x85" + _map(parts)[1:3] + parts["h"] + _map(parts)[1:]),
        ("unknown-field", "A field that no envelope has.", _map(dict(parts, x=b"\x01"))),
        ("missing-field", "No wraps.", _map({name: parts[name] for name in "hsc"})),
        ("long-encoding", "A length in more bytes than it needs.", _map(wide)),
        ("text-for-bytes", "The header as text.", _map(dict(parts, h=msgspec.msgpack.encode(sealed.h.decode())))),
        ("nested", "Ten thousand lists.", b"\x91" * 10_000),
        ("endless-array", "An array that promises 2^32 - 1 items.", b"\xdd\xff\xff\xff\xff"),
        ("null-path", "A plain signature that says null for its batch part.", _null_path(sealed)),
    )
    return [_refused(f"msgpack-{name}", about, spelled) for name, about, spelled in cases]


def _map(parts: dict[str, bytes]) -> bytes:
    return bytes([0x80 | len(parts)]) + b"".join(msgspec.msgpack.encode(name) + value for name, value in parts.items())


def _null_path(sealed: Sealed) -> bytes:
    envelope = msgspec.msgpack.decode(sealed.raw())
    envelope["s"][0].update(n=None, i=None, p=None)
    return msgspec.msgpack.encode(envelope)


def _bounds() -> list[Vector]:
    sealed = seal("bounds")
    envelope = sealed.envelope(MESSAGE)
    many = tuple(envelope.s[0] for _ in range(9))
    long = reseal(sealed, form={f"key-{i:02d}-{'x' * 50}": "y" * 64 for i in range(64)})
    wide = replace(long, h=long.h + b" " * (32 * 1024 + 1 - len(long.h)))
    json_form = {"json": '{"h":"*","s":[],"r":[],"c":""}'}
    return [
        _refused("bound-nine-signatures", "Nine signatures.", replace(envelope, s=many)),
        _refused("bound-no-signature", "No signature.", replace(envelope, s=())),
        _refused("bound-no-wrap", "No wrap.", replace(envelope, r=())),
        _refused("bound-header", "A header one byte over 32 KiB.", wide.envelope(MESSAGE)),
        _refused("bound-no-body", "An empty ciphertext.", replace(envelope, c=b"")),
        refused("json-form-not-base64url", "format", "Another alphabet.", "envelope", json_form),
        refused("json-form-no-json", "format", "No JSON.", "envelope", {"json": "{"}),
    ]
