"""Consent and its revocation: signed by the provider, open to the gateway.

One key of role `consent` signs, and its authority is the provider that the statement names: nobody else can
permit the use of somebody's information (threat O7). Whether a consent covers a use is policy's business.
"""

from typing import Literal

from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, payload_type, sha256, signatures_digest
from gateway.crypto.keys import SecretKey, sign, verify
from gateway.crypto.signed import decode_signed, encode_signed, signed_bytes
from gateway.domain.directory import Directory
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import CLOCK_AHEAD_MS_MAX, Signature
from gateway.domain.statement import AuthenticStatement, Consent, ConsentRevocation, SignedStatement

StatementKind = Literal["consent", "consent-revocation"]

_TYPES: dict[str, type[Consent] | type[ConsentRevocation]] = {
    "consent": Consent,
    "consent-revocation": ConsentRevocation,
}
_KINDS = {payload_type(kind): kind for kind in _TYPES}
_SORTED = ("sources", "recipients", "purposes", "conditions")


def sign_statement(kind: StatementKind, value: Consent | ConsentRevocation, key: SecretKey) -> bytes:
    """Return the statement (MessagePack) under the provider's `consent` key.

    Raises:
        FormatError: the value is not of this kind, breaks a bound, or a list in it is not sorted.
        SignatureError: the key has another role.
    """
    if key.role != "consent":
        raise SignatureError("a consent is signed by a key of role `consent`")
    h = canonical.encode(value)
    _check(canonical.decode(h, _TYPES[kind]))
    return encode_signed(
        SignedStatement(payload_type(kind), h, (Signature(key.kid, sign(key, signed_bytes(kind, h))),))
    )


def open_statement(raw: bytes, directory: Directory, network: str, at_ms: int) -> AuthenticStatement:
    """Return the statement in `raw` once its provider's key in force signed exactly its bytes.

    `type` of the result is `consent` or `consent-revocation`; `sha256` is the digest that consents are cited by.

    Raises:
        FormatError: no statement of these kinds, another network, or issued in the future.
        SignatureError: the key is unknown, not in force, of another role or authority, or did not sign this.
    """
    signed = decode_signed(raw)
    kind = _KINDS.get(signed.t)
    if kind is None:
        raise FormatError("statement is neither a consent nor a revocation")
    if len(signed.s) != 1:
        raise SignatureError(f"a {kind} has exactly one signature")
    signature = signed.s[0]
    listed = directory.keys.get(signature.k)
    if listed is None or listed.entry.role != "consent" or not directory.accepts_key(listed, at_ms):
        kid = encode_base64url(signature.k)
        raise SignatureError(f"key `{kid}` is none of role `consent` in force in edition {directory.edition.number}")
    verify(listed.public, signature.g, signed_bytes(kind, signed.h))
    value = canonical.decode(signed.h, _TYPES[kind])
    if value.network != network:
        raise FormatError(f"{kind} names another network")
    if value.provider != listed.authority.id:
        raise SignatureError("the signing key is not the provider's")
    _check(value)
    issued_at_ms = value.issued_at_ms if isinstance(value, Consent) else value.at_ms
    if issued_at_ms > at_ms + CLOCK_AHEAD_MS_MAX:
        raise FormatError(f"{kind} was issued more than {CLOCK_AHEAD_MS_MAX // 1000} s in the future")
    return AuthenticStatement(kind, listed.authority.id, value, sha256(signed.h), signatures_digest(signed.s), raw)


def _check(value: Consent | ConsentRevocation) -> None:
    if isinstance(value, ConsentRevocation):
        return
    for name in _SORTED:
        if not canonical.in_order(getattr(value, name)):
            raise FormatError(f"`{name}` is not strictly increasing")
    if value.not_before_ms >= value.not_after_ms:
        raise FormatError("`not_after_ms` is not after `not_before_ms`")
