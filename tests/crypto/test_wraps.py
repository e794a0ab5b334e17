"""Wraps agree with other implementations of HPKE and X-Wing, and open for one key and one message only."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

from gateway.crypto.keys import check_public, generate
from gateway.crypto.wraps import PUBLIC_KEY_BYTES, WRAP_BYTES, public_of, unwrap, wrap
from gateway.domain.errors import FormatError, TrustError

KEY, INFO = bytes(range(32)), b"info of this message"
P = 2**255 - 19


@pytest.mark.parametrize("suite", [1, 2])
def test_wrap_opens_for_its_key_alone(suite: int) -> None:
    """wire.md, "Wraps": 80 or 1,168 bytes that open with this key, this info and no bit changed."""
    holder, stranger = generate("wrap", suite), generate("wrap", suite)
    wrapped = wrap(suite, holder.public, KEY, INFO)

    assert len(wrapped) == WRAP_BYTES[suite]
    assert len(holder.public) == PUBLIC_KEY_BYTES[suite]
    assert unwrap(suite, holder.private, wrapped, INFO) == KEY
    changed = bytes([wrapped[0] ^ 1]) + wrapped[1:]
    for private, data, info in (
        (stranger.private, wrapped, INFO),
        (holder.private, wrapped, b"info of another message"),
        (holder.private, changed, INFO),
        (holder.private, wrapped[:-1], INFO),
        (holder.private, wrapped + b"\x00", INFO),
        (holder.private, bytes(len(wrapped)), INFO),
    ):
        with pytest.raises(FormatError):
            unwrap(suite, private, data, info)


def test_suite_1_equals_pyhpke() -> None:
    """S-06: an independent HPKE opens our wraps and we open its."""
    holder = generate("wrap", 1)
    theirs = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
    private = KEMKey.from_pyca_cryptography_key(X25519PrivateKey.from_private_bytes(holder.private))
    public = KEMKey.from_pyca_cryptography_key(X25519PublicKey.from_public_bytes(holder.public))

    ours = wrap(1, holder.public, KEY, INFO)
    assert theirs.create_recipient_context(ours[:32], private, INFO).open(ours[32:]) == KEY
    enc, sender = theirs.create_sender_context(public, INFO)
    assert unwrap(1, holder.private, enc + sender.seal(KEY), INFO) == KEY


def test_x_wing_key_equals_the_published_one() -> None:
    """S-07: the seed of the draft's first test vector gives its public key (first and last 32 bytes)."""
    public = public_of(2, bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"))

    assert public[:32].hex() == "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5"
    assert public[-32:].hex() == "859edb06eff389b27dce59844570216223593d4ba32d9abac8cd049040ef6534"


def open_by_the_book(seed: bytes, wrapped: bytes, info: bytes) -> bytes:
    """Open a suite-2 wrap step by step, as ADR 0005 tells other implementations to."""
    expanded = hashlib.shake_256(seed).digest(96)
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    cipher_m, cipher_x, sealed = wrapped[:1088], wrapped[1088:1120], wrapped[1120:]
    secret_m = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).decapsulate(cipher_m)
    secret_x = curve.exchange(X25519PublicKey.from_public_bytes(cipher_x))
    label = bytes.fromhex("5c2e2f2f5e5c")
    shared = hashlib.sha3_256(secret_m + secret_x + cipher_x + curve.public_key().public_bytes_raw() + label).digest()
    suite_id = b"HPKE" + bytes.fromhex("647a00010003")

    def extract(salt: bytes, name: bytes, data: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite_id + name + data, "sha256")

    def expand(secret: bytes, name: bytes, data: bytes, length: int) -> bytes:
        text = length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + name + data
        return hmac.digest(secret, text + b"\x01", "sha256")[:length]

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    aead = ChaCha20Poly1305(expand(secret, b"key", context, 32))
    return aead.decrypt(expand(secret, b"base_nonce", context, 12), sealed, b"")


def test_suite_2_equals_the_specification_step_by_step() -> None:
    """S-06, S-07: expansion, combiner and key schedule written out open what `cryptography` sealed under 0x647a."""
    holder = generate("wrap", 2)

    assert open_by_the_book(holder.private, wrap(2, holder.public, KEY, INFO), INFO) == KEY


# Orders 4, 1 and 2 (as u), and both of order 8 (S-08; RFC 7748, section 6.1).
SMALL_ORDER_U = [
    0,
    1,
    P - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]


@pytest.mark.parametrize("u", [*SMALL_ORDER_U, P, P + 1, P + 8, 2**255 - 1, 9 + 2**255])
def test_threat_E6_weak_wrap_key_is_refused(u: int) -> None:
    """wire.md: X25519 keys are canonical and survive a trial wrap, alone and as half of a suite-2 key."""
    half = u.to_bytes(32, "little")
    whole = generate("wrap", 2).public[:-32] + half

    for public in (half, whole):
        with pytest.raises(TrustError):
            check_public("wrap", public)


def test_threat_E6_wrap_key_of_another_length_or_modulus_is_refused() -> None:
    """A length of no suite, and ML-KEM coefficients that are not reduced (FIPS 203, section 7.2)."""
    unreduced = b"\xff" * 1184 + generate("wrap", 1).public

    for public in (b"", bytes(31), bytes(1184), bytes(1217), unreduced):
        with pytest.raises(TrustError):
            check_public("wrap", public)
