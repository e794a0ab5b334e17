"""The cipher of bodies, against another implementation of it."""

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway.crypto.content import AEAD_TAG_BYTES, generate_content_key, open_body, seal_body
from gateway.crypto.digests import tag


def test_body_is_what_rfc_8439_makes_of_it() -> None:
    """S-14: OpenSSL opens what libsodium sealed and the other way round: nonce 0, our tag and context as data."""
    key, context, padded = generate_content_key(), bytes(range(32)), b"padded plaintext" * 40
    other = ChaCha20Poly1305(key)
    sealed = seal_body(key, context, padded)

    assert len(sealed) == len(padded) + AEAD_TAG_BYTES
    assert other.decrypt(bytes(12), sealed, tag("body") + context) == padded
    assert open_body(key, context, other.encrypt(bytes(12), padded, tag("body") + context)) == padded
