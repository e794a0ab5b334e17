"""Make the X.509 certificates of a federation: authority, server, client, and requests for them.

Trust does not rest on a name in a certificate: the directory lists the digest of the public key
(SPKI). What X.509 adds is an expiry and one more signature that a thief would need.
Keys are ECDSA P-256, the curve that every TLS library and every smart card can do (S-11).
"""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.errors import FormatError
from gateway.wire.tls import spki_sha256

# The federation's authority lives ten years, what it signs 398 days: longer lives are refused by common clients.
AUTHORITY_DAYS = 3_652
CERTIFICATE_DAYS = 398
# Clocks of peers may be behind ours by a few minutes.
BACKDATED_MINUTES = 10

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class Pair(Struct, frozen=True):
    """A certificate and its private key, both PEM. The key is for a file of mode 0600."""

    certificate: bytes
    key: bytes


def make_authority(name: str, at_ms: int) -> Pair:
    """Return a self-signed certificate authority that signs leaves and nothing below them."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(name), _name(name), key.public_key(), at_ms, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return Pair(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key))


def make_server(authority: Pair, hosts: tuple[str, ...], at_ms: int) -> Pair:
    """Return a server certificate for `hosts`, names or addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(_issue(authority, hosts[0], hosts, key.public_key(), at_ms, server=True), _key_pem(key))


def make_client(authority: Pair, name: str, at_ms: int) -> Pair:
    """Return a client certificate in the name of an authority of the federation."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(_issue(authority, name, (name,), key.public_key(), at_ms, server=False), _key_pem(key))


def make_request(name: str) -> Pair:
    """Return a certificate signing request (in place of a certificate) and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(request_for(_key_pem(key), name), _key_pem(key))


def request_for(key_pem: bytes, name: str) -> bytes:
    """Return a certificate signing request for an existing private key.

    Raises:
        FormatError: `key_pem` is no unencrypted ECDSA private key.
    """
    key = _load_key(key_pem)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(name))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def certify_request(authority: Pair, request: bytes, at_ms: int, hosts: tuple[str, ...] = ()) -> bytes:
    """Return the certificate for a request whose signature proves possession of its key.

    With `hosts` it is a server's, for these names or addresses; without, a client's.

    Raises:
        FormatError: no request, a signature that does not hold, or a key weaker than P-256.
    """
    asked = open_request(request)
    name = str(asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    return _issue(authority, name, hosts or (name,), strong(asked.public_key()), at_ms, server=bool(hosts))


def open_request(request: bytes) -> x509.CertificateSigningRequest:
    """Return a certificate signing request whose signature holds and whose key is strong enough.

    Raises:
        FormatError: it is neither, or names nobody.
    """
    try:
        asked = x509.load_pem_x509_csr(request)
        valid = asked.is_signature_valid
    except ValueError:
        raise FormatError("the certificate request is no PEM `CERTIFICATE REQUEST`") from None
    if not valid:
        raise FormatError("the certificate request is not signed by the key it names: no proof of possession")
    strong(asked.public_key())
    if not asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        raise FormatError("the certificate request has no common name")
    return asked


def strong(key: object) -> PublicKey:
    """Return a TLS public key that is no weaker than P-256.

    Raises:
        FormatError: RSA, small or exotic curves.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1"):
        return key
    raise FormatError("the key of a TLS certificate must be ECDSA P-256, P-384 or Ed25519")


def certificate_spki_sha256(certificate: bytes) -> str:
    """Return the digest of a PEM certificate's public key, as the directory pins it.

    Raises:
        FormatError: it is no PEM certificate.
    """
    return spki_sha256(load_certificate(certificate).public_bytes(serialization.Encoding.DER))


def request_spki_sha256(request: bytes) -> str:
    """Return the digest that a certificate for this request will have.

    Raises:
        FormatError: as `open_request`.
    """
    public = open_request(request).public_key()
    return encode_base64url(
        sha256(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    )


def load_certificate(certificate: bytes) -> x509.Certificate:
    """Return the first certificate of a PEM file.

    Raises:
        FormatError: it is no PEM certificate.
    """
    try:
        return x509.load_pem_x509_certificate(certificate)
    except ValueError:
        raise FormatError("the file holds no PEM `CERTIFICATE`") from None


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Tell whether `authority` signed `certificate`."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _issue(authority: Pair, name: str, hosts: tuple[str, ...], public: PublicKey, at_ms: int, *, server: bool) -> bytes:
    issuer = load_certificate(authority.certificate)
    key = _load_key(authority.key)
    usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(_name(name), issuer.subject, public, at_ms, CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return _pem(builder.sign(key, hashes.SHA256()))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: PublicKey, at_ms: int, days: int
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(at_ms // 1000, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=BACKDATED_MINUTES))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise FormatError("the file holds no unencrypted PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FormatError("the private key is no ECDSA key")
    return key
