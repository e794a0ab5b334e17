"""Test vectors: the derivation of every test key, and public keys that nobody may list."""

from nacl.bindings import crypto_core_ed25519_add

from gateway.cli.vectors_federation import KEYS, key, kid
from gateway.cli.vectors_verdict import Check, Given, Vector, accepted, refused
from gateway.crypto.digests import encode_base64url, key_id

ABOUT = "The test keys: secret from the name, public key from the secret, kid from role and public key; and weak keys."
_CHECK: Check = "key"
_PRIME = 2**255 - 19
_ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def vectors() -> list[Vector]:
    """Return the vectors of `keys.json`."""
    return [*(_derived(each.name) for each in KEYS), *_weak()]


def _given(role: str, public: bytes) -> Given:
    return {"role": role, "kid": encode_base64url(key_id(role, public)), "public": encode_base64url(public)}


def _derived(name: str) -> Vector:
    given = {"name": name, **_given(key(name).role, key(name).public)}
    return accepted(f"key {name}", "Secret, public key and kid follow from the name.", _CHECK, given, kid=kid(name))


def weak_points() -> tuple[tuple[str, str, bytes], ...]:
    """Return signing keys that nobody may list: name, why, public key."""
    return (
        ("identity", "The neutral element: everybody can sign for it.", _coordinate(1)),
        ("order-2", "A point of order two.", _coordinate(_PRIME - 1)),
        ("order-4", "A point of order four.", _coordinate(0)),
        ("order-8", "A point of order eight.", _ORDER_8),
        ("non-canonical", "The neutral element, spelled prime + 1.", _coordinate(_PRIME + 1)),
        (
            "mixed-order",
            "A good key plus a point of order eight.",
            crypto_core_ed25519_add(key("stranger message").public, _ORDER_8),
        ),
        ("off-the-curve", "No point of the curve.", _coordinate(2)),
        ("short", "31 bytes.", bytes(31)),
    )


def _coordinate(y: int) -> bytes:
    return y.to_bytes(32, "little")


def _weak() -> list[Vector]:
    zero = _given("wrap", bytes(32))
    return [
        *(
            refused(f"key-{name}", "trust", why, _CHECK, _given("message", public))
            for name, why, public in weak_points()
        ),
        refused("key-wrap-small-order", "trust", "X25519 zero: every shared secret is known.", _CHECK, zero),
    ]
