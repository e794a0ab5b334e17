"""TLS 1.3 between gateway and endpoints: both sides show a certificate, nothing is resumed.

The private CA says who may knock; the directory says who it is, by the digest of the
certificate's public key (SPKI). No system CA is ever loaded, `ssl.create_default_context` is
never used, tickets are off: a revoked certificate must not live on in a resumed session
(threats N1, N2). Source: S-11 (RFC 8446); reference/reliability.md 4.2.
"""

import os
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.errors import ConfigurationError, TrustError

# CVE-2023-40217: in an `SSLSocket`, plain text sent before the handshake could pass for authenticated data.
PYTHON_MENDED = (3, 11, 5)
ALPN = "http/1.1"

# What a failed handshake is counted as; a closed set, because it becomes a metric label.
REFUSALS = ("no-certificate", "untrusted", "not-in-date", "purpose", "protocol", "other")


class Identity(Struct, frozen=True):
    """Where one side's certificate, private key and private CA lie (PEM)."""

    certificate: Path
    key: Path
    authority: Path


def server_context(identity: Identity, on_refused: Callable[[str], None] = lambda _: None) -> ssl.SSLContext:
    """Return the gateway's side: a client certificate of our CA or no connection.

    `on_refused` hears why a handshake failed, one of `REFUSALS`.

    Raises:
        ConfigurationError: a file is missing or no PEM, or key logging is on.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, identity)
    context.num_tickets = 0
    context.sslobject_class = _counting(on_refused)
    return context


def client_context(identity: Identity, gateway_spki_sha256: str | None) -> ssl.SSLContext:
    """Return the endpoint's side: our CA, the gateway's host name, and the pinned key.

    The pin is checked inside the handshake, so that no byte leaves towards another key.

    Args:
        identity: the endpoint's own files.
        gateway_spki_sha256: the key digest from the directory; None only before there is one.

    Raises:
        ConfigurationError: a file is missing or no PEM, or key logging is on.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, identity)
    context.check_hostname = True
    if gateway_spki_sha256 is not None:
        context.sslobject_class = _pinning(gateway_spki_sha256)
    return context


class ReloadableContext(ssl.SSLContext):
    """A server context whose certificate and CA can be exchanged while the listener runs.

    Each new connection is made by the newest context; those that stand are not touched.
    """

    _current: ssl.SSLContext

    @classmethod
    def around(cls, current: ssl.SSLContext) -> "ReloadableContext":
        """Return a context that lets `current` do the work."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        # Should somebody ever use the shell itself, it trusts nobody.
        context.verify_mode = ssl.CERT_REQUIRED
        context._current = current
        return context

    def replace(self, current: ssl.SSLContext) -> None:
        """Let `current` make every connection from now on."""
        self._current = current

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Make a connection of the newest context; asyncio calls this once a connection."""
        return self._current.wrap_bio(*args, **options)


def refuse_key_log(environment: Mapping[str, str]) -> None:
    """Refuse to run where somebody asks for TLS session keys to be written down (threat O8).

    Raises:
        ConfigurationError: `SSLKEYLOGFILE` is set.
    """
    if environment.get("SSLKEYLOGFILE"):
        raise ConfigurationError(
            "SSLKEYLOGFILE is set: whoever reads that file reads every connection",
            "unset SSLKEYLOGFILE and start again",
        )


def knows_early_data() -> bool:
    """Tell whether this Python refuses plain text that was sent before the handshake (CVE-2023-40217).

    Distributions mend it under an older number (Debian 12: 3.11.2-6+deb12u2), so the code itself is asked. Nothing of
    ours is known to be reached by it: docs/adr/0013-settings.md says why.
    """
    create = ssl.SSLSocket._create.__func__  # type: ignore[attr-defined]  # noqa: SLF001
    return sys.version_info >= PYTHON_MENDED or "notconn_pre_handshake_data" in create.__code__.co_varnames


def spki_sha256(certificate_der: bytes) -> str:
    """Return the base64url digest of a certificate's public key: the name the directory pins.

    Raises:
        TrustError: the bytes are no certificate, or its key is of a kind we cannot read.
    """
    try:
        public = x509.load_der_x509_certificate(certificate_der).public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrustError("the peer's certificate cannot be read") from error
    return encode_base64url(sha256(spki))


def peer_spki_sha256(connection: ssl.SSLObject | ssl.SSLSocket) -> str | None:
    """Return the key digest of whoever is at the other end, None without a certificate."""
    certificate = connection.getpeercert(binary_form=True)
    return spki_sha256(certificate) if certificate else None


def _context(protocol: int, identity: Identity) -> ssl.SSLContext:
    refuse_key_log(os.environ)
    context = ssl.SSLContext(protocol)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols([ALPN])
    _load(identity.authority, "the private CA", lambda: context.load_verify_locations(cafile=identity.authority))
    # A key that asks for a pass phrase must fail, not wait at a terminal that nobody watches.
    _load(
        identity.certificate,
        "certificate and key",
        lambda: context.load_cert_chain(identity.certificate, identity.key, password=_no_pass_phrase),
    )
    return context


def _no_pass_phrase() -> NoReturn:
    raise ValueError("the key is encrypted")


def _load(path: Path, what: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        # `ssl.SSLError` is an `OSError`; its text may quote nothing but OpenSSL's own words.
        reason = getattr(error, "reason", None) or error.__class__.__name__
        raise ConfigurationError(
            f"cannot load {what} from `{path}` ({reason})", "give readable PEM files that belong together"
        ) from error


def _counting(on_refused: Callable[[str], None]) -> type[ssl.SSLObject]:
    class Counting(ssl.SSLObject):
        """Tells why a handshake failed; asyncio itself keeps that to itself."""

        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except ssl.SSLWantReadError:
                raise
            except ssl.SSLError as error:
                on_refused(_refusal(error))
                raise

    return Counting


def _pinning(expected: str) -> type[ssl.SSLObject]:
    class Pinning(ssl.SSLObject):
        """Fails the handshake unless the gateway shows the pinned key."""

        def do_handshake(self) -> None:
            super().do_handshake()
            if peer_spki_sha256(self) != expected:
                raise ssl.SSLCertVerificationError("the gateway's key is not the one that the directory pins")

    return Pinning


def _refusal(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, "untrusted")
    reason = error.reason or ""
    if "DID_NOT_RETURN_A_CERTIFICATE" in reason:
        return "no-certificate"
    return "protocol" if "VERSION" in reason or "PROTOCOL" in reason or "HTTP_REQUEST" in reason else "other"


# X509_V_ERR_*: not yet valid, expired, wrong purpose.
_VERIFY_CODES = {9: "not-in-date", 10: "not-in-date", 26: "purpose"}
