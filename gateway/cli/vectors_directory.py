"""Test vectors: editions of the directory, one after the other, and the grants inside them."""

from msgspec.structs import replace

from gateway.cli.vectors_federation import (
    AT_MS,
    DAY_MS,
    GRANTS,
    NETWORK,
    digest_text,
    edition,
    edition_raw,
    entry,
    key,
    key_set,
    signed,
    signed_grants,
    succeeded,
)
from gateway.cli.vectors_keys import weak_points
from gateway.cli.vectors_verdict import Class, Given, Vector, accepted, refused
from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, key_id, pae, payload_type, sha256
from gateway.crypto.edition_lists import in_one_order
from gateway.crypto.keys import sign
from gateway.domain.directory import Edition, GrantsKey, GrantsSuccession, KeyEntry, KeySet, SignedGrants

ABOUT = "Editions of the directory: who must have signed, what may follow what, and whose grants count."
A, B, C, D = "directory a", "directory b", "directory c", "directory d"
TRUST: Class = "trust"


def vectors() -> list[Vector]:
    """Return the vectors of `directory.json`."""
    return [*_accepted(), *_signers(), *_successions(), *_key_sets(), *_contents(), *_grants(), *_grants_keys()]


def small(**fields: object) -> Edition:
    """Return edition 7 without authorities: most of what can be wrong with an edition needs none."""
    return in_one_order(replace(edition(), authorities=(), parties=(), law=(), **fields))


def pack(value: Edition, *signers: str) -> bytes:
    """Return an edition under the keys of `signers`, whatever it says."""
    return signed("directory", canonical.encode(value), *signers)


def _digest_of(raw_edition: Edition) -> str:
    return encode_base64url(sha256(canonical.encode(raw_edition)))


def following(**fields: object) -> Edition:
    """Return edition 8, which follows the small edition 7."""
    return small(**{"number": 8, "previous_sha256": _digest_of(small()), **fields})


BEFORE = encode_base64url(pack(small(), A, B))


def _given(raw: bytes, **more: object) -> Given:
    return {"edition": encode_base64url(raw), **more}


def _ok(name: str, about: str, value: Edition, raw: bytes, **more: object) -> Vector:
    number = None if value.grants is None else GRANTS.number
    given = _given(raw, **more)
    return accepted(name, about, "edition", given, number=value.number, sha256=_digest_of(value), grants_number=number)


def _refused(name: str, about: str, raw: bytes, **more: object) -> Vector:
    return refused(name, TRUST, about, "edition", _given(raw, **more))


def _accepted() -> list[Vector]:
    rotated = following(key_set=key_set(B, C, D))
    without = small(grants=None)
    distant = following(number=12, previous_sha256=digest_text("edition 11"))
    return [
        _ok("edition", "The edition of all vectors, under two of three directory keys.", edition(), edition_raw()),
        _ok("edition-all-keys", "Under all three.", small(), pack(small(), A, B, C)),
        _ok("edition-following", "Edition 8 after 7.", following(), pack(following(), B, C), previous=BEFORE),
        _ok("edition-again", "The very same edition once more.", small(), pack(small(), A, B), previous=BEFORE),
        _ok(
            "edition-later",
            "Editions between were missed: the signatures vouch.",
            distant,
            pack(distant, A, C),
            previous=BEFORE,
        ),
        _ok(
            "edition-key-set",
            "A new key set under two of the old keys and two of the new.",
            rotated,
            pack(rotated, A, B, D),
            previous=BEFORE,
        ),
        _ok(
            "edition-without-grants",
            "The directory may leave grants out; it may not make any.",
            without,
            pack(without, A, B),
        ),
    ]


def _signers() -> list[Vector]:
    raw = pack(small(), A, B)
    return [
        _refused("edition-too-few", "One of the two keys that must sign.", pack(small(), A)),
        _refused("edition-unsigned", "Nobody has signed.", pack(small())),
        _refused("edition-key-counted-twice", "One key has signed twice.", pack(small(), A, A)),
        _refused("edition-stranger", "A directory key that is not pinned.", pack(small(), A, D)),
        _refused("edition-other-role", "A key of another role among the two.", pack(small(), A, "cz-police message")),
        _refused("edition-altered", "Another number, after signing.", raw.replace(b'"number":7', b'"number":9')),
        _refused(
            "edition-of-another-type", "Signed and shown as grants.", signed("grants", canonical.encode(small()), A, B)
        ),
    ]


def _successions() -> list[Vector]:
    older = small(number=6)
    other = small(not_after_ms=small().not_after_ms + 1)
    torn = following(previous_sha256=digest_text("another edition 7"))
    foreign = small(network="accord-other")
    late = AT_MS + 31 * DAY_MS
    future = small(issued_at_ms=AT_MS + 120_001)
    return [
        _refused("edition-older", "Edition 6 after 7 (P-09).", pack(older, A, B), previous=BEFORE),
        _refused(
            "edition-two-of-one-number", "Another edition 7, well signed: an alarm.", pack(other, A, B), previous=BEFORE
        ),
        _refused("edition-torn-chain", "Edition 8 that follows another edition 7.", pack(torn, A, B), previous=BEFORE),
        _refused("edition-expired", "A day after its last.", pack(small(), A, B), at_ms=late),
        _refused("edition-in-the-future", "Issued more than two minutes from now.", pack(future, A, B)),
        _refused("edition-other-network", "An edition of another network.", pack(foreign, A, B)),
    ]


def _key_sets() -> list[Vector]:
    rotated = following(key_set=key_set(B, C, D))
    unreachable = small(key_set=key_set(A, B, C, threshold=4))
    twice = small(key_set=KeySet(2, (entry(A), entry(A), entry(B))))
    foreign = small(key_set=key_set(A, B, "grants"))
    return [
        _refused(
            "key-set-without-the-old", "Two of the new keys, one of the old.", pack(rotated, C, D), previous=BEFORE
        ),
        _refused(
            "key-set-without-the-new", "Two of the old keys, one of the new.", pack(rotated, A, B), previous=BEFORE
        ),
        _refused("key-set-unreachable", "Four of three must sign.", pack(unreachable, A, B)),
        _refused("key-set-key-twice", "One key listed twice.", pack(twice, A, B)),
        _refused("key-set-other-role", "The central node's key among the directory keys.", pack(foreign, A, B)),
    ]


def _listing(listed: KeyEntry) -> bytes:
    """Edition 7 in which `cz-police` has one more key."""
    first = next(authority for authority in edition().authorities if authority.id == "cz-police")
    keys = tuple(sorted((*first.keys[:1], listed), key=lambda each: each.kid))
    value = replace(edition(), authorities=(replace(first, keys=keys),))
    return pack(value, A, B)


def _contents() -> list[Vector]:
    vectors = []
    for name, about, public in weak_points():
        kid = encode_base64url(key_id("message", public))
        listed = replace(entry("stranger message"), kid=kid, public=encode_base64url(public))
        if len(public) == 32:
            vectors.append(_refused(f"edition-key-{name}", about, _listing(listed)))
    stranger = entry("stranger message")
    wrong_kid = replace(stranger, kid=entry("kz-mvd message").kid)
    never = replace(stranger, not_after_ms=stranger.not_before_ms)
    undated = replace(stranger, status="compromised")
    witness = small(witnesses=(stranger,))
    gateway = replace(small().gateways[0], checkpoint_key=entry("checkpoint stranger").kid)
    return [
        *vectors,
        _refused("edition-kid-of-another-key", "A kid that is not its key's.", _listing(wrong_kid)),
        _refused("edition-key-never-in-force", "A key whose time ends when it begins.", _listing(never)),
        _refused("edition-key-compromised-undated", "A compromised key, and not since when.", _listing(undated)),
        _refused("edition-witness-of-another-role", "A witness whose key signs messages.", pack(witness, A, B)),
        _refused("edition-certificate-of-two", "One certificate of two authorities.", _shared_certificate()),
        _refused("edition-key-of-two", "One key of two authorities.", _shared_key()),
        _refused(
            "edition-checkpoint-kid", "A checkpoint key under another kid.", pack(small(gateways=(gateway,)), A, B)
        ),
        _refused("edition-relay-link", "A kind of link that nothing checks.", _relayed()),
        _refused(
            "edition-trailing-space",
            "A space after the edition, signed with it.",
            signed("directory", canonical.encode(small()) + b" ", A, B),
        ),
    ]


def _shared_certificate() -> bytes:
    first, second, *_ = (replace(each, keys=()) for each in edition().authorities)
    return pack(replace(edition(), authorities=(first, replace(second, endpoints=first.endpoints))), A, B)


def _relayed() -> bytes:
    """Edition 7 in which one endpoint is a relay."""
    return signed("directory", canonical.encode(edition()).replace(b'"link":"endpoint"', b'"link":"relay"', 1), A, B)


def _shared_key() -> bytes:
    authorities = edition().authorities
    both = tuple(replace(authority, keys=(entry("cz-police message"),)) for authority in authorities[:2])
    return pack(replace(edition(), authorities=both), A, B)


def _weak_grants() -> SignedGrants:
    """Grants under the identity as key, which the pinned key named, with the signature that holds for every text."""
    public, forgery = b"\x01" + bytes(31), b"\x01" + bytes(63)
    text = encode_base64url(public)
    said = pae(payload_type("grants-key"), canonical.encode(GrantsKey(1, NETWORK, text)))
    named = GrantsSuccession(text, encode_base64url(sign(key("grants"), said)))
    k, g = encode_base64url(key_id("grants", public)), encode_base64url(forgery)
    return replace(signed_grants(GRANTS), k=k, g=g, successions=(named,))


def _grants_keys() -> list[Vector]:
    new = "grants stranger"
    followed = small(grants=replace(signed_grants(GRANTS, new), successions=succeeded("grants", new)))
    of_itself = small(grants=replace(signed_grants(GRANTS, new), successions=succeeded(new, new)))
    other = small(grants=replace(signed_grants(GRANTS, new), successions=succeeded("grants", new, "grants")))
    weak = small(grants=_weak_grants())
    foreign = succeeded("grants", new, network="accord-other")
    elsewhere = small(grants=replace(signed_grants(GRANTS, new), successions=foreign))
    ahead = small(grants=replace(signed_grants(GRANTS), successions=succeeded("grants", new)))
    back = replace(following(grants=signed_grants(replace(GRANTS, number=4))), previous_sha256=_digest_of(followed))
    return [
        _ok("grants-key-followed", "Signed by the key that the pinned one named.", followed, pack(followed, A, B)),
        _refused("grants-key-of-itself", "A key that named itself.", pack(of_itself, A, B)),
        _refused("grants-key-of-another-type", "The succession is signed as grants.", pack(other, A, B)),
        _refused("grants-key-weak", "A successor of small order.", pack(weak, A, B)),
        _refused("grants-key-other-network", "A succession of another network.", pack(elsewhere, A, B)),
        _refused("grants-key-left-behind", "Signed by the key that was followed.", pack(ahead, A, B)),
        _refused(
            "grants-key-came-back",
            "The first key again, after it was followed.",
            pack(back, A, B),
            previous=encode_base64url(pack(followed, A, B)),
        ),
    ]


def _grants() -> list[Vector]:
    by_stranger = small(grants=signed_grants(GRANTS, "grants stranger"))
    by_directory = small(grants=signed_grants(GRANTS, A))
    raised = replace(GRANTS.grants[0], level="top-secret")
    honest = signed_grants(GRANTS)
    forged = replace(honest, h=encode_base64url(canonical.encode(replace(GRANTS, grants=(raised,)))))
    foreign = small(grants=signed_grants(replace(GRANTS, network="accord-other")))
    long = replace(GRANTS, grants=(replace(GRANTS.grants[0], expires_at_ms=GRANTS.not_after_ms + 1),))
    other = following(grants=signed_grants(replace(GRANTS, grants=())))
    return [
        _refused(
            "grants-central-key-swapped",
            "Grants under a key that the directory brought itself.",
            pack(by_stranger, A, B),
        ),
        _refused("grants-by-the-directory", "Grants under a directory key.", pack(by_directory, A, B)),
        _refused("grants-raised", "A level raised after signing.", pack(small(grants=forged), A, B)),
        _refused(
            "grants-outlived", "A grant that outlives its document.", pack(small(grants=signed_grants(long)), A, B)
        ),
        _refused("grants-two-of-one-number", "Another document 3: an alarm.", pack(other, A, B), previous=BEFORE),
        _refused("grants-other-network", "Grants of another network.", pack(foreign, A, B)),
        _refused(
            "grants-older-than-seen", "Number 3, where 4 has been seen.", pack(small(), A, B), grants_number_min=4
        ),
        _refused(
            "grants-gone-back",
            "Number 2 after number 3.",
            pack(following(grants=signed_grants(replace(GRANTS, number=2))), A, B),
            previous=BEFORE,
        ),
    ]
