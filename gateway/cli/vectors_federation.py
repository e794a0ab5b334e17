"""The federation of the test vectors: PUBLIC TEST KEYS, one directory edition, one moment.

No key is stored: the 32 secret bytes of the key `name` are SHA-256("accord test vector " + name), so that every
implementation can derive them. They protect nothing. `federation.json` is what a verifier knows beforehand.
"""

import hashlib
from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, pae, payload_type
from gateway.crypto.edition_lists import in_one_order
from gateway.crypto.keys import SecretKey, from_private, sign
from gateway.domain.directory import (
    Authority,
    Edition,
    EndpointEntry,
    GatewayEntry,
    Grant,
    Grants,
    GrantsKey,
    GrantsSuccession,
    KeyEntry,
    KeySet,
    KeyStatus,
    LawEntry,
    Mandate,
    Party,
    SignedGrants,
)
from gateway.domain.label import Level
from gateway.domain.message import Signature
from gateway.domain.names import Role
from gateway.domain.statement import SignedStatement

NETWORK = "accord-test"
ORIGIN = "gateway.test/ledger"
# 21 September 2026, 14:13:20 UTC.
AT_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOT_BEFORE_MS = AT_MS - 100 * DAY_MS
NOT_AFTER_MS = AT_MS + 1_000 * DAY_MS
SEED_RULE = 'secret key of `name` = SHA-256("accord test vector " + name): Ed25519 seed, X25519 scalar or X-Wing seed'


class TestKey(Struct, frozen=True):
    """One listed key: its name derives its secret, `suite` is 0 for keys that sign."""

    name: str
    authority: str | None
    role: Role
    suite: Literal[0, 1, 2] = 0
    status: KeyStatus = "active"
    invalid_from_ms: int | None = None


def _signing(authority: str) -> list[TestKey]:
    roles: tuple[Role, ...] = ("message", "seal", "signatory", "consent", "acknowledgement")
    return [TestKey(f"{authority} {role}", authority, role) for role in roles]


# `cz-police` sends, the others receive; `md-police` demands suite 2.
KEYS: tuple[TestKey, ...] = (
    *_signing("cz-police"),
    TestKey("cz-police message second", "cz-police", "message"),
    TestKey("cz-police message compromised", "cz-police", "message", 0, "compromised", AT_MS - DAY_MS),
    TestKey("cz-police message superseded", "cz-police", "message", 0, "superseded"),
    TestKey("cz-police wrap 1", "cz-police", "wrap", 1),
    *_signing("kz-mvd"),
    TestKey("kz-mvd wrap 1", "kz-mvd", "wrap", 1),
    TestKey("kz-mvd wrap 2", "kz-mvd", "wrap", 2),
    TestKey("caricc message", "caricc", "message"),
    TestKey("caricc acknowledgement", "caricc", "acknowledgement"),
    TestKey("caricc wrap 1", "caricc", "wrap", 1),
    TestKey("caricc wrap 2", "caricc", "wrap", 2),
    TestKey("md-police message", "md-police", "message"),
    TestKey("md-police wrap 1", "md-police", "wrap", 1),
    TestKey("directory a", None, "directory"),
    TestKey("directory b", None, "directory"),
    TestKey("directory c", None, "directory"),
    TestKey("directory d", None, "directory"),
    TestKey("grants", None, "grants"),
    TestKey("grants stranger", None, "grants"),
    TestKey("checkpoint", None, "checkpoint"),
    TestKey("checkpoint stranger", None, "checkpoint"),
    TestKey("witness a", None, "checkpoint"),
    TestKey("witness b", None, "checkpoint"),
    # In no directory: somebody who made keys for himself.
    TestKey("stranger message", None, "message"),
)
_BY_NAME = {key.name: key for key in KEYS}
_AUTHORITIES: tuple[tuple[str, str, Literal["core", "organisation"], Literal[1, 2]], ...] = (
    ("caricc", "CARICC", "organisation", 1),
    ("cz-police", "CZ", "core", 1),
    ("kz-mvd", "KZ", "core", 1),
    ("md-police", "MD", "core", 2),
)


def digest(text: str) -> bytes:
    """Return the 32 bytes that a label stands for: seeds, salts and every other value that would be drawn at random."""
    return hashlib.sha256(f"accord test vector {text}".encode("ascii")).digest()


def digest_text(text: str) -> str:
    """Return the same as base64url, for fields that hold a digest."""
    return encode_base64url(digest(text))


@cache
def key(name: str) -> SecretKey:
    """Return the test key of that name."""
    return from_private(_BY_NAME[name].role, digest(name), _BY_NAME[name].suite or 2)


def kid(name: str) -> str:
    """Return the key id of a test key, as JSON spells it."""
    return encode_base64url(key(name).kid)


def entry(name: str) -> KeyEntry:
    """Return how a directory lists a test key."""
    listed = _BY_NAME[name]
    public = encode_base64url(key(name).public)
    return KeyEntry(kid(name), listed.role, public, NOT_BEFORE_MS, NOT_AFTER_MS, listed.status, listed.invalid_from_ms)


def to_sign(tag: str, payload: bytes) -> bytes:
    """Return the bytes under a signature of the kind `tag`; the text of a checkpoint is signed as it stands."""
    return payload if tag == "checkpoint" else pae(payload_type(tag), payload)


def signed(kind: str, payload: bytes, *signers: str, tag: str | None = None) -> bytes:
    """Return a statement `{t, h, s}`; `tag` is the kind that is signed, where a vector lies about it."""
    under = to_sign(tag or kind, payload)
    signatures = tuple(Signature(key(name).kid, sign(key(name), under)) for name in signers)
    return msgspec.msgpack.encode(SignedStatement(payload_type(kind), payload, signatures))


def signed_grants(grants: Grants, signer: str = "grants", tag: str = "grants") -> SignedGrants:
    """Return grants as an edition carries them."""
    payload = canonical.encode(grants)
    signature = sign(key(signer), to_sign(tag, payload))
    return SignedGrants(encode_base64url(payload), kid(signer), encode_base64url(signature))


def succeeded(first: str, second: str, tag: str = "grants-key", network: str = NETWORK) -> tuple[GrantsSuccession, ...]:
    """Return the succession by which the `first` grants key is followed by the `second`."""
    public = encode_base64url(key(second).public)
    said = canonical.encode(GrantsKey(1, network, public))
    return (GrantsSuccession(public, encode_base64url(sign(key(first), to_sign(tag, said)))),)


def key_set(*names: str, threshold: int = 2) -> KeySet:
    """Return a set of directory keys of which `threshold` must sign."""
    return KeySet(threshold, tuple(sorted((entry(name) for name in names), key=lambda each: each.kid)))


PINNED_NAMES = ("directory a", "directory b", "directory c")

GRANTS = Grants(
    v=1,
    network=NETWORK,
    number=3,
    issuer="caricc",
    issued_at_ms=AT_MS - DAY_MS,
    not_after_ms=AT_MS + 90 * DAY_MS,
    grants=(Grant("cz-police", "travel-documents", "confidential", ("border-control",), AT_MS + 30 * DAY_MS),),
)


def _authority(id_: str, party: str, unit: Literal["core", "organisation"], suite_min: Literal[1, 2]) -> Authority:
    level: Level = "confidential"
    return Authority(
        id=id_,
        party=party,
        title=f"Test authority {id_}",
        unit=unit,
        mandate=Mandate(None, None, None),
        clearance=level,
        suite_min=suite_min,
        languages=("en",),
        keys=tuple(entry(listed.name) for listed in KEYS if listed.authority == id_),
        endpoints=(EndpointEntry(digest_text(f"{id_} certificate"), "endpoint", level, revoked=False),),
        revoked=False,
    )


@cache
def edition() -> Edition:
    """Return edition 7, which is in force for all vectors."""
    plain = Edition(
        v=1,
        network=NETWORK,
        number=7,
        previous_sha256=digest_text("edition 6"),
        issued_at_ms=AT_MS - DAY_MS,
        not_after_ms=AT_MS + 30 * DAY_MS,
        key_set=key_set(*PINNED_NAMES),
        gateways=(
            GatewayEntry(ORIGIN, kid("checkpoint"), entry("checkpoint").public, digest_text("gateway certificate")),
        ),
        witnesses=(),
        law=(LawEntry("cz-kz", digest_text("law cz-kz")),),
        parties=tuple(
            Party(party, "regional" if party == "CARICC" else "state", f"Test party {party}", None)
            for party in ("CARICC", "CZ", "KZ", "MD")
        ),
        authorities=tuple(_authority(*row) for row in _AUTHORITIES),
        adherences=(),
        channels=(),
        grants=signed_grants(GRANTS),
    )
    return in_one_order(plain)


def edition_raw() -> bytes:
    """Return edition 7 as it travels, under two of the three directory keys."""
    return signed("directory", canonical.encode(edition()), "directory a", "directory b")


def federation() -> dict[str, object]:
    """Return what every verifier knows beforehand: the content of `federation.json`."""
    listed = [
        {
            "name": each.name,
            "authority": each.authority,
            "role": each.role,
            "kid": kid(each.name),
            "public": encode_base64url(key(each.name).public),
        }
        for each in KEYS
    ]
    return {
        "about": "PUBLIC TEST KEYS, for these vectors and nothing else: everybody can derive every secret.",
        "seeds": SEED_RULE,
        "network": NETWORK,
        "origin": ORIGIN,
        "at_ms": AT_MS,
        "pinned": msgspec.to_builtins(key_set(*PINNED_NAMES)),
        "edition": encode_base64url(edition_raw()),
        "keys": listed,
    }
