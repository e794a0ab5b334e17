"""Keys: strong, in one role, under their own id, and shown to be held by whoever asks for them."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace
from nacl.bindings import crypto_core_ed25519_add, crypto_core_ed25519_is_valid_point

from gateway.crypto import canonical, keys
from gateway.crypto.digests import encode_base64url, key_id, payload_type
from gateway.crypto.keys import SecretKey, check_public, from_pem, generate, make_registration, open_registration
from gateway.crypto.signed import decode_signed, encode_signed, signed_bytes
from gateway.domain.errors import FormatError, SignatureError, TrustError
from gateway.domain.message import Signature
from gateway.domain.names import SIGNING_ROLES
from gateway.domain.statement import KeyOffer, KeyRegistration, SignedStatement
from tests.crypto.federation import AT_MS, NETWORK

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
ORDER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
ORDER_8_NEGATED = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
OTHER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
OTHER_8_NEGATED = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"


def encoded(y: int, sign: int = 0) -> bytes:
    """Return a point's 32 bytes by its y coordinate, canonical or not."""
    return (y | sign << 255).to_bytes(32, "little")


# Every encoding of a point of small order that some decoder accepts, canonical or not (reliability.md E6; S-08).
BAD_POINTS = [
    encoded(1),
    encoded(1, 1),
    encoded(P - 1),
    encoded(P - 1, 1),
    encoded(0),
    encoded(0, 1),
    encoded(P),
    encoded(P, 1),
    encoded(P + 1),
    encoded(P + 1, 1),
    bytes.fromhex(ORDER_8),
    bytes.fromhex(ORDER_8_NEGATED),
    bytes.fromhex(OTHER_8),
    bytes.fromhex(OTHER_8_NEGATED),
]


@pytest.mark.parametrize("point", BAD_POINTS, ids=[point.hex()[:8] + point.hex()[-2:] for point in BAD_POINTS])
def test_threat_E6_small_order_key_is_refused(point: bytes) -> None:
    """E6: none of the 14 encodings of small-order points is ever registered for any role that signs."""
    for role in SIGNING_ROLES:
        with pytest.raises(TrustError):
            check_public(role, point)


def test_threat_E6_forgery_that_openssl_accepts_is_refused() -> None:
    """E6: under the identity key anybody can sign anything for OpenSSL; we neither register the key nor verify."""
    identity, data = encoded(1), b"anything at all"
    forgery = identity + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(forgery, data)

    with pytest.raises(TrustError):
        check_public("message", identity)
    with pytest.raises(SignatureError):
        keys.verify(identity, forgery, data)


def test_threat_E5_mixed_order_key_is_refused() -> None:
    """E5: a good point plus one of small order verifies differently from library to library; it is not registered."""
    good = generate("message").public
    mixed = crypto_core_ed25519_add(good, bytes.fromhex(ORDER_8))

    assert crypto_core_ed25519_is_valid_point(good)
    with pytest.raises(TrustError):
        check_public("message", mixed)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), encoded(P + 5), encoded(2), b"\xff" * 32])
def test_threat_E6_key_that_is_no_canonical_point_is_refused(public: bytes) -> None:
    """E6: another length, a coordinate that is not reduced, or no point of the curve."""
    with pytest.raises(TrustError):
        check_public("message", public)


def test_threat_E5_signature_has_one_spelling() -> None:
    """E5: S + L, a small-order R and a flipped bit do not verify, so nobody makes a second signature of one."""
    key, data = generate("message"), b"data"
    signature = keys.sign(key, data)
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    keys.verify(key.public, signature, data)

    for forged in (r + (s + L).to_bytes(32, "little"), encoded(1) + signature[32:], encoded(P + 1) + bytes(32)):
        with pytest.raises(SignatureError):
            keys.verify(key.public, forged, data)
    for bit in range(0, 512, 3):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            keys.verify(key.public, bytes(changed), data)


@pytest.mark.parametrize(("public", "signature"), [(bytes(31), bytes(64)), (bytes(32), bytes(63)), (b"", b"")])
def test_lengths_are_checked_before_libsodium_reads(public: bytes, signature: bytes) -> None:
    """A key or signature of another length is refused, never read past its end."""
    with pytest.raises(SignatureError):
        keys.verify(public, signature, b"data")


def test_rfc_8032_vector() -> None:
    """S-08, section 7.1, test 2: seed, public key and signature of the standard."""
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = keys.from_private("message", seed)

    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert keys.sign(key, b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@pytest.mark.parametrize(("role", "suite"), [(role, 2) for role in sorted(SIGNING_ROLES)] + [("wrap", 1), ("wrap", 2)])
def test_key_survives_its_file(role: str, suite: int) -> None:
    """A key comes back from its PEM file, with its role, its public key and its kid."""
    key = generate(role, suite)

    assert from_pem(role, keys.to_pem(key)) == key
    assert key.kid == key_id(role, key.public)
    check_public(role, key.public)


def test_openssl_reads_our_key_files(tmp_path: Path) -> None:
    """Ed25519 and X25519 files are plain PKCS#8: OpenSSL finds the same public key in them."""
    for role, suite in (("message", 2), ("wrap", 1)):
        key = generate(role, suite)
        path = tmp_path / f"{role}.pem"
        path.write_bytes(keys.to_pem(key))
        command = ["openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER"]
        assert subprocess.run(command, capture_output=True, check=True).stdout.endswith(key.public)


def test_private_bytes_are_never_shown() -> None:
    """Neither `repr` nor text of a key shows what must stay secret."""
    key = generate("message")

    assert key.private.hex() not in repr(key)
    assert repr(key.private) not in str(key)


@pytest.mark.parametrize(
    ("role", "pem"),
    [
        ("message", b""),
        ("message", b"-----BEGIN %b-----\nAAAA\n-----END %b-----\n" % (b"PRIVATE KEY", b"PRIVATE KEY")),
        ("message", b"\xff" * 100),
        ("message", keys.to_pem(generate("message")) + b"\n" * 5_000),
        ("message", keys.to_pem(generate("wrap", 1))),
        ("message", keys.to_pem(generate("wrap", 2))),
        ("wrap", keys.to_pem(generate("message"))),
    ],
    ids=["empty", "no key", "no text", "too long", "x25519 to sign", "x-wing to sign", "ed25519 to wrap"],
)
def test_file_that_holds_no_key_of_its_role_is_refused(role: str, pem: bytes) -> None:
    """A key file of another kind gives an error, not a key that fails later."""
    with pytest.raises(FormatError):
        from_pem(role, pem)


def test_role_bounds_use() -> None:
    """One key, one role: a wrap key does not sign, and roles that are not ours have no keys."""
    with pytest.raises(TrustError):
        keys.sign(generate("wrap"), b"data")
    for role in ("tls", "root", ""):
        with pytest.raises(TrustError):
            generate(role)
        with pytest.raises(TrustError):
            check_public(role, generate("message").public)


OFFERED = tuple(generate(role) for role in ("message", "seal", "consent", "acknowledgement", "wrap"))
REGISTRATION = make_registration(NETWORK, "cz-police", OFFERED, ("A" * 43,), AT_MS)


def test_registration_shows_every_key() -> None:
    """wire.md, "Signed objects": every registered key comes with a proof of possession."""
    registration = open_registration(REGISTRATION, NETWORK)

    assert registration.authority == "cz-police"
    assert {offer.role for offer in registration.keys} == {key.role for key in OFFERED}
    assert len(decode_signed(REGISTRATION).s) == 4


def forged(value: KeyRegistration, signers: tuple[SecretKey, ...]) -> bytes:
    """Return a registration that says `value`, signed by whoever."""
    h = canonical.encode(value)
    signatures = tuple(Signature(key.kid, keys.sign(key, signed_bytes("key-registration", h))) for key in signers)
    return encode_signed(SignedStatement(payload_type("key-registration"), h, signatures))


def test_threat_E6_key_without_proof_of_possession_is_refused() -> None:
    """E6: nobody registers a key he does not hold, by leaving out a signature or by another's."""
    registration = open_registration(REGISTRATION, NETWORK)
    signed = decode_signed(REGISTRATION)
    cut = replace(signed, s=signed.s[:-1])
    lent = replace(signed, s=(*signed.s[:-1], replace(signed.s[-1], g=signed.s[0].g)))
    stranger = generate("message")

    for bad in (cut, lent):
        with pytest.raises(SignatureError):
            open_registration(encode_signed(bad), NETWORK)
    with pytest.raises(SignatureError):
        open_registration(forged(registration, (stranger,)), NETWORK)


def test_registration_with_a_weak_or_misnamed_key_is_refused() -> None:
    """E6: a small-order key, a kid of another key and a doubled key do not pass."""
    registration = open_registration(REGISTRATION, NETWORK)
    first, *rest = registration.keys
    weak, weak_kid = (encode_base64url(data) for data in (encoded(1), key_id("seal", encoded(1))))
    misnamed = replace(registration, keys=(replace(first, kid="A" * 22), *rest))
    small = replace(registration, keys=(KeyOffer(weak_kid, "seal", weak),))
    doubled = replace(registration, keys=(first, first, *rest))

    for value, error in ((misnamed, "kid"), (small, "canonical point")):
        with pytest.raises(TrustError, match=error):
            open_registration(forged(value, OFFERED[:1]), NETWORK)
    with pytest.raises((FormatError, SignatureError)):
        open_registration(forged(doubled, OFFERED[:1]), NETWORK)


def test_registration_is_bound_to_its_network_and_kind() -> None:
    """A registration for one federation is none for another, and no other statement is one."""
    with pytest.raises(FormatError, match="network"):
        open_registration(REGISTRATION, "elsewhere")
    with pytest.raises(FormatError, match="no key registration"):
        open_registration(encode_signed(replace(decode_signed(REGISTRATION), t=payload_type("consent"))), NETWORK)


def test_registration_has_one_order() -> None:
    """wire.md: sorted lists where order means nothing: keys by kid, certificates."""
    registration = open_registration(REGISTRATION, NETWORK)
    signers = tuple(sorted((key for key in OFFERED if key.role != "wrap"), key=lambda key: encode_base64url(key.kid)))
    assert open_registration(forged(registration, signers), NETWORK) == registration

    with pytest.raises(FormatError, match="order"):
        open_registration(forged(replace(registration, keys=registration.keys[::-1]), signers[::-1]), NETWORK)
    with pytest.raises(FormatError, match="certificates"):
        open_registration(forged(replace(registration, certificates=("A" * 43,) * 2), signers), NETWORK)


def test_wrap_key_needs_somebody_who_vouches_for_it() -> None:
    """A wrap key cannot sign: without a `message` key beside it, nobody says whose it is."""
    with pytest.raises(FormatError):
        make_registration(NETWORK, "cz-police", OFFERED[1:], (), AT_MS)
    for twice in (OFFERED[0], keys.from_private("seal", OFFERED[0].private)):
        with pytest.raises(FormatError, match="twice"):
            make_registration(NETWORK, "cz-police", (OFFERED[0], twice), (), AT_MS)
    with pytest.raises(FormatError):
        make_registration(NETWORK, "cz-police", tuple(generate("message") for _ in range(9)), (), AT_MS)
