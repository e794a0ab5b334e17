"""Wraps: the content key for one recipient, by HPKE in one shot (S-06).

Suite 1 is DHKEM(X25519, HKDF-SHA256); suite 2, the default, ML-KEM-768 + X25519, the X-Wing KEM 0x647a,
still a draft (S-07). Both with HKDF-SHA256 and ChaCha20-Poly1305, AAD empty. The length of a public key
tells its suite.

X-Wing keys are those of draft-connolly-cfrg-xwing-kem: private a seed of 32 bytes, which SHAKE256 expands
to ML-KEM's d ‖ z (64) and X25519's scalar (32); public ML-KEM (1,184) ‖ X25519 (32). A wrap is
ML-KEM ciphertext (1,088) ‖ X25519 ephemeral (32) ‖ sealed key (48). ADR 0005 spells out the key schedule.
"""

import hashlib
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from gateway.domain.errors import FormatError, TrustError

CONTENT_KEY_BYTES = 32
WRAP_BYTES = {1: 80, 2: 1168}
PRIVATE_KEY_BYTES = 32
PUBLIC_KEY_BYTES = {1: 32, 2: 1216}
SUITE_OF_PUBLIC_BYTES = {length: suite for suite, length in PUBLIC_KEY_BYTES.items()}

_MLKEM_PUBLIC_BYTES = 1184
_X25519_PRIME = 2**255 - 19
_SUITES = {
    1: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
    2: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
}


def generate_private() -> bytes:
    """Return a fresh private key; 32 bytes serve both suites."""
    return secrets.token_bytes(PRIVATE_KEY_BYTES)


def public_of(suite: int, private: bytes) -> bytes:
    """Return the public key of `private`: 32 bytes in suite 1, 1,216 in suite 2."""
    if suite == 1:
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    kem, curve = _expand(private)
    return kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def wrap(suite: int, public: bytes, content_key: bytes, info: bytes) -> bytes:
    """Return `content_key` for the holder of `public`, bound to `info`.

    Raises:
        TrustError: `public` is no key of `suite`, or every secret shared with it is known.
    """
    try:
        return _SUITES[suite].encrypt(content_key, _public_key(suite, public), info)
    except ValueError:
        raise TrustError(f"wrap key is no usable key of suite {suite}") from None


def unwrap(suite: int, private: bytes, wrapped: bytes, info: bytes) -> bytes:
    """Return the content key in `wrapped`.

    Raises:
        FormatError: the wrap was made to another key, with another `info`, or is garbled.
    """
    if len(wrapped) != WRAP_BYTES[suite]:
        raise FormatError(f"wrap is not {WRAP_BYTES[suite]} bytes, as suite {suite} demands")
    # With the length of the wrap that of the key is right, too.
    try:
        return _SUITES[suite].decrypt(wrapped, _private_key(suite, private), info)
    except (InvalidTag, ValueError):
        raise FormatError("wrap does not open: made to another key or for another message") from None


def check_wrap_key(public: bytes) -> int:
    """Return the suite of `public` once a trial wrap to it works.

    Raises:
        TrustError: wrong length, non-canonical, of small order, or not accepted by ML-KEM.
    """
    suite = SUITE_OF_PUBLIC_BYTES.get(len(public))
    if suite is None:
        raise TrustError("wrap key has neither 32 nor 1,216 bytes")
    # X25519 reduces whatever it gets: without this, one key would have two spellings.
    if int.from_bytes(public[-32:], "little") >= _X25519_PRIME:
        raise TrustError("wrap key is not canonical: its X25519 coordinate is not below the prime")
    wrap(suite, public, bytes(CONTENT_KEY_BYTES), b"trial")
    return suite


@lru_cache(maxsize=1024)
def _public_key(suite: int, public: bytes) -> X25519PublicKey | MLKEM768X25519PublicKey:
    if suite == 1:
        return X25519PublicKey.from_public_bytes(public)
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:]),
    )


# Expanding a seed is a good part of an unwrap; an authority holds a handful of keys.
@lru_cache(maxsize=16)
def _private_key(suite: int, private: bytes) -> X25519PrivateKey | MLKEM768X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(private) if suite == 1 else MLKEM768X25519PrivateKey(*_expand(private))


def _expand(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])
