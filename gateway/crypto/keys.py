"""Keys: one key, one role, one authority.

A key id covers the role, so a key that turned up in two roles would have two ids and no
signature of the one could pass for the other. Which keys are in force is the directory's business,
not this module's. Private keys are files of PKCS#8; nothing here writes them. A registration shows that
whoever asks for keys to be listed holds them.
"""

import binascii
import secrets
from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import Struct
from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError

from gateway.crypto import canonical, wraps
from gateway.crypto.digests import decode_base64url, encode_base64url, key_id, payload_type
from gateway.crypto.signed import decode_signed, encode_signed, signed_bytes
from gateway.domain.errors import FormatError, SignatureError, TrustError
from gateway.domain.message import SIGNATURES_MAX, Signature
from gateway.domain.names import SIGNING_ROLES
from gateway.domain.statement import KeyOffer, KeyRegistration, SignedStatement

SIGNATURE_BYTES = 64
ED25519_PUBLIC_BYTES = 32
WRAP_ROLE = "wrap"

# PKCS#8 of an X-Wing key: OID 1.3.6.1.4.1.62253.25722, then the raw seed (draft-connolly-cfrg-xwing-kem).
_XWING_PKCS8 = bytes.fromhex("3034020100300d060b2b0601040183e62d81c87a0420")
# In two parts, so that whoever searches a repository for keys does not stop at this page.
_PEM_LABEL = "PRIVATE KEY"
_PEM_BEGIN = f"-----BEGIN {_PEM_LABEL}-----"
_PEM_END = f"-----END {_PEM_LABEL}-----"
_PEM_BYTES_MAX = 4096
_REGISTRATION = "key-registration"


class SecretKey(Struct, frozen=True):
    """A private key with its role: the Ed25519 seed, X25519 scalar or X-Wing seed, always 32 bytes.

    `kid` is the 16 raw bytes. Neither `repr` nor an error ever shows `private`.
    """

    role: str
    private: bytes
    public: bytes
    kid: bytes

    def __repr__(self) -> str:
        """Name the key without what must stay secret."""
        return f"SecretKey(role={self.role!r}, kid={self.kid.hex()!r})"

    @property
    def suite(self) -> int:
        """The suite of a wrap key; 0 for keys that sign."""
        return wraps.SUITE_OF_PUBLIC_BYTES[len(self.public)] if self.role == WRAP_ROLE else 0


def generate(role: str, suite: int = 2) -> SecretKey:
    """Return a fresh key for `role`; `suite` matters for role `wrap` only.

    Raises:
        TrustError: no key of ours has this role (TLS keys are made with their certificates).
    """
    return from_private(role, secrets.token_bytes(32), suite)


def from_private(role: str, private: bytes, suite: int = 2) -> SecretKey:
    """Return the key of 32 private bytes; the same bytes always give the same key.

    Raises:
        TrustError: no key of ours has this role.
    """
    if role == WRAP_ROLE:
        public = wraps.public_of(suite, private)
    elif role in SIGNING_ROLES:
        public, _ = crypto_sign_seed_keypair(private)
    else:
        raise TrustError("role is none of the roles of keys that sign or wrap")
    return SecretKey(role, private, public, key_id(role, public))


def sign(key: SecretKey, data: bytes) -> bytes:
    """Return the 64 bytes of Ed25519 over `data` (S-08); `data` carries its own domain tag."""
    if key.role not in SIGNING_ROLES:
        raise TrustError("a key of role `wrap` does not sign")
    # libsodium's secret key is seed ‖ public key.
    return crypto_sign(data, key.private + key.public)[:SIGNATURE_BYTES]


def verify(public: bytes, signature: bytes, data: bytes) -> None:
    """Return if `public` signed exactly `data`; libsodium is the normative verifier (ADR 0005).

    It refuses S not below L, small-order R and small-order keys, so a signature has one spelling.

    Raises:
        SignatureError: it did not.
    """
    # The binding reads 32 bytes whatever it is given.
    if len(public) != ED25519_PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        raise SignatureError("signature or key has the wrong length")
    try:
        crypto_sign_open(signature + data, public)
    except CryptoError:
        raise SignatureError("signature does not hold over these bytes") from None


def check_public(role: str, public: bytes) -> None:
    """Return if `public` may be registered for `role`.

    Raises:
        TrustError: small order, mixed order, non-canonical, wrong length; or a wrap key that fails a trial wrap.
    """
    if role == WRAP_ROLE:
        wraps.check_wrap_key(public)
    elif role not in SIGNING_ROLES:
        raise TrustError("role is none of the roles of keys that sign or wrap")
    elif len(public) != ED25519_PUBLIC_BYTES:
        raise TrustError("signing key has not 32 bytes")
    elif not crypto_core_ed25519_is_valid_point(public):
        raise TrustError("signing key is no canonical point of the prime-order group")


def make_registration(
    network: str, authority: str, keys: Sequence[SecretKey], certificates: Sequence[str], at_ms: int
) -> bytes:
    """Return the statement in which `authority` asks for its keys to be listed, signed by each that can sign.

    Args:
        network: the federation.
        authority: who asks.
        keys: at most 8 that sign; wrap keys are vouched for by the `message` key.
        certificates: SPKI digests (base64url) of its TLS keys.
        at_ms: now.

    Raises:
        FormatError: too many keys, a key twice, or wrap keys without a `message` key.
    """
    ordered = sorted(keys, key=lambda key: encode_base64url(key.kid))
    offers = tuple(KeyOffer(encode_base64url(key.kid), key.role, encode_base64url(key.public)) for key in ordered)
    registration = KeyRegistration(1, network, authority, offers, tuple(sorted(certificates)), at_ms)
    h = canonical.encode(registration)
    _signing_kids(canonical.decode(h, KeyRegistration))
    data = signed_bytes(_REGISTRATION, h)
    signatures = tuple(Signature(key.kid, sign(key, data)) for key in ordered if key.role != WRAP_ROLE)
    return encode_signed(SignedStatement(payload_type(_REGISTRATION), h, signatures))


def open_registration(raw: bytes, network: str) -> KeyRegistration:
    """Return what an authority asks to have listed, once every key that can sign has signed it.

    Raises:
        FormatError: no registration, another network, a key twice, or wrap keys without a `message` key.
        SignatureError: a key did not sign: nobody has shown that he holds it.
        TrustError: a key is weak, or its kid is not its own.
    """
    signed = decode_signed(raw)
    if signed.t != payload_type(_REGISTRATION):
        raise FormatError("statement is no key registration")
    # Nothing vouches for the keys in it but the keys themselves, so here decoding comes first.
    registration = canonical.decode(signed.h, KeyRegistration)
    if registration.network != network:
        raise FormatError("key registration names another network")
    publics = {}
    for offer in registration.keys:
        public = decode_base64url(offer.public)
        check_public(offer.role, public)
        if encode_base64url(key_id(offer.role, public)) != offer.kid:
            raise TrustError(f"`{offer.kid}` is not the kid of its key")
        publics[decode_base64url(offer.kid)] = public
    if _signing_kids(registration) != [signature.k for signature in signed.s]:
        raise SignatureError("the signatures are not those of the signing keys that are offered, in order")
    data = signed_bytes(_REGISTRATION, signed.h)
    for signature in signed.s:
        verify(publics[signature.k], signature.g, data)
    return registration


def _signing_kids(registration: KeyRegistration) -> list[bytes]:
    """The keys that must sign a registration, in its order."""
    offers = registration.keys
    if not canonical.in_order([offer.kid for offer in offers]) or len({offer.public for offer in offers}) != len(
        offers
    ):
        raise FormatError("keys are not in strictly increasing order of kid, or one is offered twice")
    if not canonical.in_order(registration.certificates):
        raise FormatError("`certificates` is not strictly increasing")
    roles = [offer.role for offer in offers]
    if WRAP_ROLE in roles and "message" not in roles:
        raise FormatError("wrap keys need a key of role `message` beside them that vouches for them")
    kids = [decode_base64url(offer.kid) for offer in offers if offer.role != WRAP_ROLE]
    if not 1 <= len(kids) <= SIGNATURES_MAX:
        raise FormatError(f"a registration has 1 to {SIGNATURES_MAX} keys that sign")
    return kids


def to_pem(key: SecretKey) -> bytes:
    """Return `key` as one PEM block of unencrypted PKCS#8; the caller keeps it at mode 0600."""
    if key.suite == 2:
        body = binascii.b2a_base64(_XWING_PKCS8 + key.private, newline=False).decode()
        return f"{_PEM_BEGIN}\n{body[:64]}\n{body[64:]}\n{_PEM_END}\n".encode()
    private: Ed25519PrivateKey | X25519PrivateKey
    if key.role == WRAP_ROLE:
        private = X25519PrivateKey.from_private_bytes(key.private)
    else:
        private = Ed25519PrivateKey.from_private_bytes(key.private)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def from_pem(role: str, pem: bytes) -> SecretKey:
    """Return the key in `pem`, for `role`.

    Raises:
        FormatError: `pem` is no private key, or one of another kind than `role` needs.
    """
    if len(pem) > _PEM_BYTES_MAX:
        raise FormatError(f"key file is longer than {_PEM_BYTES_MAX} bytes")
    seed = _xwing_seed(pem)
    if seed is not None:
        if role != WRAP_ROLE:
            raise FormatError("key file holds an X-Wing key, which cannot sign")
        return from_private(role, seed, 2)
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FormatError("key file is no unencrypted PKCS#8 private key in PEM") from None
    wanted = X25519PrivateKey if role == WRAP_ROLE else Ed25519PrivateKey
    if not isinstance(private, wanted):
        raise FormatError("key file holds a key of another kind than its role needs")
    return from_private(role, private.private_bytes_raw(), 1)


def _xwing_seed(pem: bytes) -> bytes | None:
    lines = pem.decode("ascii", "replace").split()
    text = "".join(lines[3:-3]) if lines[:3] == _PEM_BEGIN.split() and lines[-3:] == _PEM_END.split() else ""
    try:
        der = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return der[len(_XWING_PKCS8) :] if der.startswith(_XWING_PKCS8) and len(der) == len(_XWING_PKCS8) + 32 else None
