"""Certificates made at run time, sound and flawed, for tests that shake hands for real."""

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.wire.tls import Identity, spki_sha256

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a leaf; the default is a sound endpoint certificate."""

    begins: dt.timedelta = -DAY
    ends: dt.timedelta = 30 * DAY
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
    names: tuple[str, ...] = ("localhost",)
    with_authority_key: bool = True


SOUND = Flaw()


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, as files, and the name by which a directory knows it."""

    identity: Identity
    spki_sha256: str
    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate


class PrivateCa:
    """A certificate authority that lives as long as a test."""

    def __init__(self, folder: Path, name: str = "federation") -> None:
        """Write the CA's certificate below `folder`."""
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")])
        builder = _builder(self._subject, self._subject, self._key, -DAY, 3650 * DAY)
        self._certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.path = folder / f"{name}-ca.pem"
        self.path.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, flaw: Flaw = SOUND, key: PrivateKey | None = None) -> Issued:
        """Return a leaf for `name`."""
        key = key or ed25519.Ed25519PrivateKey.generate()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternatives = [x509.DNSName(item) for item in flaw.names]
        builder = (
            _builder(subject, self._subject, key, flaw.begins, flaw.ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(flaw.usages), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([*alternatives, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
        )
        if flaw.with_authority_key:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return self._write(name, key, certificate)

    def itself(self) -> Issued:
        """Return the CA's own, self-signed certificate."""
        return self._write("itself", self._key, self._certificate)

    def sign_below(self, issuer: Issued, name: str) -> Issued:
        """Return a leaf that an end-entity signed as if it were a CA."""
        key = ed25519.Ed25519PrivateKey.generate()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, issuer.certificate.subject, key, -DAY, 30 * DAY)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        certificate = (
            builder.add_extension(identifier, critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(issuer.key, None)
        )
        return self._write(name, key, certificate, issuer.certificate)

    def _write(self, name: str, key: PrivateKey, certificate: x509.Certificate, *chain: x509.Certificate) -> Issued:
        folder = self._folder / f"{self._name}-{name}"
        folder.mkdir(exist_ok=True)
        identity = Identity(folder / "cert.pem", folder / "key.pem", self.path)
        identity.certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, *chain)))
        identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        identity.key.chmod(0o600)
        return Issued(identity, spki_sha256(certificate.public_bytes(Encoding.DER)), key, certificate)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    begins: dt.timedelta,
    ends: dt.timedelta,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
