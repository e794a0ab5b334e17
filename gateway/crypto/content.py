"""Content: the key of one message, its commitment, and the body sealed under it.

The context X binds key, message, suite and originator, so that neither body nor wrap can be lent to another
message. The commitment in the signed header makes all recipients open the body with one key; ChaCha20-Poly1305
alone commits to none.
"""

import secrets

from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_decrypt,
    crypto_aead_chacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from gateway.crypto.digests import prefixed, sha256, tag, u32
from gateway.crypto.wraps import CONTENT_KEY_BYTES
from gateway.domain.errors import FormatError

AEAD_TAG_BYTES = 16
# Safe, because a content key encrypts exactly one body.
_NONCE = bytes(12)


def generate_content_key() -> bytes:
    """Return a fresh content key, for one body and never another."""
    return secrets.token_bytes(CONTENT_KEY_BYTES)


def commitment(content_key: bytes) -> bytes:
    """Return C, which the header shows: it names the key without telling it."""
    return sha256(tag("content-key") + content_key)


def context(network: str, suite: int, message_id: str, originator: str, committed: bytes) -> bytes:
    """Return X; `message_id` is a UUID in text, of which the 16 bytes count."""
    identity = bytes.fromhex(message_id.replace("-", ""))
    return sha256(
        tag("context")
        + prefixed(network.encode("ascii"))
        + u32(suite)
        + identity
        + prefixed(originator.encode("ascii"))
        + committed
    )


def wrap_info(bound: bytes, kid: bytes) -> bytes:
    """Return the HPKE info of a wrap to `kid` in the message whose context is `bound`."""
    return sha256(tag("wrap") + bound + kid)


def seal_body(content_key: bytes, bound: bytes, padded: bytes) -> bytes:
    """Return the ciphertext of `padded` (S-14), 16 bytes longer."""
    return crypto_aead_chacha20poly1305_ietf_encrypt(padded, tag("body") + bound, _NONCE, content_key)


def open_body(content_key: bytes, bound: bytes, ciphertext: bytes) -> bytes:
    """Return the padded plaintext in `ciphertext`.

    Raises:
        FormatError: it was sealed under another key or for another message.
    """
    if len(ciphertext) < AEAD_TAG_BYTES:
        raise FormatError("body is shorter than its authentication tag")
    try:
        return crypto_aead_chacha20poly1305_ietf_decrypt(ciphertext, tag("body") + bound, _NONCE, content_key)
    except CryptoError:
        raise FormatError("body does not open: sealed under another key or for another message") from None
