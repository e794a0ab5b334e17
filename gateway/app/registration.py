"""The request with which an authority asks to be listed, and the tables it becomes in `directory.toml`.

A request is one JSON file: the signed key registration (every signing key has signed it: proof of
possession) and a certificate request for the TLS key. Whoever keeps the directory compares the
fingerprints with the authority over another channel before the tables are appended.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.app import pki
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256
from gateway.crypto.keys import SecretKey, generate, make_registration, open_registration
from gateway.domain.directory import Office
from gateway.domain.errors import FormatError
from gateway.domain.names import Code, Role
from gateway.domain.statement import KeyRegistration

# One key, one role (wire.md); the TLS key is made beside them.
AUTHORITY_ROLES: tuple[Role, ...] = ("message", "seal", "signatory", "consent", "acknowledgement", "wrap")
REQUEST_BYTES_MAX = 256 * 1024
KEY_DAYS = 730


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True, tag_field="accord", tag="key-request"):
    """The file that travels: base64url of the registration statement, PEM of the certificate request."""

    v: Literal[1]
    network: Code
    registration: str
    certificate_request: str


class OpenedRequest(Struct, frozen=True):
    """A request whose proofs of possession hold."""

    registration: KeyRegistration
    certificate_request: bytes
    spki_sha256: str


def generate_keys() -> tuple[SecretKey, ...]:
    """Return a fresh key for every role of an authority (suite 2 for wraps)."""
    return tuple(generate(role) for role in AUTHORITY_ROLES)


def make_key_request(network: str, authority: str, keys: tuple[SecretKey, ...], tls_key: bytes, at_ms: int) -> bytes:
    """Return the request file for these keys and this TLS key (PEM).

    Raises:
        FormatError: `tls_key` is no private key that we can use.
    """
    asked = pki.request_for(tls_key, authority)
    registration = make_registration(network, authority, keys, (pki.request_spki_sha256(asked),), at_ms)
    request = KeyRequest(1, network, encode_base64url(registration), asked.decode())
    return msgspec.json.format(msgspec.json.encode(request), indent=2) + b"\n"


def open_key_request(raw: bytes, network: str) -> OpenedRequest:
    """Return what a request asks for, once every key in it has proved that its owner holds it.

    Raises:
        FormatError: it is no request, or of another network.
        SignatureError: a proof of possession does not hold.
        TrustError: a key is weak (threat E6).
    """
    if len(raw) > REQUEST_BYTES_MAX:
        raise FormatError(f"the request is larger than {REQUEST_BYTES_MAX} bytes")
    try:
        request = msgspec.json.decode(raw, type=KeyRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"the file is no key request: {str(error).lower()}") from None
    if request.network != network:
        raise FormatError(f"the request is for network `{request.network}`, the directory is of `{network}`")
    registration = open_registration(decode_base64url(request.registration), network)
    for offer in registration.keys:
        if offer.role not in AUTHORITY_ROLES:
            raise FormatError(f"an authority has no key of role `{offer.role}`")
    asked = request.certificate_request.encode()
    spki = pki.request_spki_sha256(asked)
    if registration.certificates != (spki,):
        raise FormatError("the certificate request is not for the TLS key that the registration names")
    return OpenedRequest(registration, asked, spki)


def fingerprint(raw: bytes) -> str:
    """Return what two people read to one another to compare a request: 128 bits in groups."""
    digest = sha256(raw).hex()[:32].upper()
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def tables(
    opened: OpenedRequest,
    at_ms: int,
    clearance: str | None,
    offices: tuple[Office, ...] = (),
    security_profile: str | None = None,
) -> str:
    """Return the TOML tables that list a request's keys and endpoint; made for appending.

    Args:
        opened: the request.
        at_ms: from when its keys count, for two years.
        clearance: of its endpoint; None: the authority's.
        offices: as what its key of role `signatory` signs (C8-17, C1-09).
        security_profile: what its endpoint was attested to meet today (CA-29).
    """
    authority = opened.registration.authority
    begin, end = _moment(at_ms), _moment(at_ms + KEY_DAYS * 24 * 3_600_000)
    parts = [f"\n# Registered by {authority} on {begin[:10]}."]
    for offer in opened.registration.keys:
        parts.append(
            f'[[keys]]\nauthority = "{authority}"\nrole = "{offer.role}"\nkid = "{offer.kid}"\n'
            f'public = "{offer.public}"\nnot_before = {begin}\nnot_after = {end}\n'
        )
    parts.append(f'[[endpoints]]\nauthority = "{authority}"\nspki_sha256 = "{opened.spki_sha256}"')
    if clearance is not None:
        parts.append(f'clearance = "{clearance}"')
    if security_profile is not None:
        parts.append(f'security_profile = "{security_profile}"\nattested_on = {begin[:10]}')
    signatory = next((offer.kid for offer in opened.registration.keys if offer.role == "signatory"), None)
    for office in offices if signatory else ():
        parts.append(f'\n[[signatories]]\nauthority = "{authority}"\nkey = "{signatory}"\noffice = "{office}"')
    return "\n".join(parts) + "\n"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
