"""Certificates of a federation: leaves only, strong keys only, and requests that prove possession."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.app import pki
from gateway.domain.errors import FormatError

AT_MS = 1_767_225_600_000
AUTHORITY = pki.make_authority("test authority", AT_MS)


def opened(pair: pki.Pair) -> x509.Certificate:
    """Return the certificate of a pair."""
    return pki.load_certificate(pair.certificate)


def test_authority_signs_leaves_and_nothing_below_them() -> None:
    """A stolen client key cannot become an authority (S-11)."""
    constraints = opened(AUTHORITY).extensions.get_extension_for_class(x509.BasicConstraints)

    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert pki.is_issued_by(opened(AUTHORITY), opened(AUTHORITY))


@pytest.mark.parametrize(
    ("pair", "usage"),
    [
        (pki.make_server(AUTHORITY, ("127.0.0.1", "localhost"), AT_MS), ExtendedKeyUsageOID.SERVER_AUTH),
        (pki.make_client(AUTHORITY, "cz-police", AT_MS), ExtendedKeyUsageOID.CLIENT_AUTH),
    ],
    ids=["server", "client"],
)
def test_leaf_is_good_for_one_side_only(pair: pki.Pair, usage: x509.ObjectIdentifier) -> None:
    """A client's certificate is no server's, and neither signs others."""
    extensions = opened(pair).extensions

    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert pki.is_issued_by(opened(pair), opened(AUTHORITY))


def test_validity_begins_before_now_and_ends() -> None:
    """A peer whose clock is slow can connect at once; nothing lives longer than 398 days."""
    certificate = opened(pki.make_client(AUTHORITY, "cz-police", AT_MS))
    now = datetime.fromtimestamp(AT_MS / 1000, UTC)

    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc
    assert (certificate.not_valid_after_utc - now).days == pki.CERTIFICATE_DAYS


def test_request_becomes_a_certificate_of_the_same_key() -> None:
    """What the directory lists before the certificate exists is what the certificate will have."""
    request = pki.make_request("cz-police")
    certificate = pki.certify_request(AUTHORITY, request.certificate, AT_MS)

    assert pki.certificate_spki_sha256(certificate) == pki.request_spki_sha256(request.certificate)


def test_request_without_proof_of_possession_is_refused() -> None:
    """A request that its own key did not sign asks for somebody else's certificate."""
    first, second = (x509.load_pem_x509_csr(pki.make_request(name).certificate) for name in ("a", "b"))
    body, signature = first.public_bytes(serialization.Encoding.DER), second.signature
    forged = body[: -len(first.signature)] + signature[: len(first.signature)].ljust(len(first.signature), b"\0")
    pem = x509.load_der_x509_csr(forged).public_bytes(serialization.Encoding.PEM)

    with pytest.raises(FormatError, match="no proof of possession"):
        pki.open_request(pem)


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65_537, 2_048), ec.generate_private_key(ec.SECP192R1())],
    ids=["rsa-2048", "p-192"],
)
def test_weak_tls_key_is_refused(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    """Nobody is certified for a key weaker than P-256."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cz-police")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())

    with pytest.raises(FormatError, match="must be ECDSA P-256"):
        pki.open_request(request.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_what_is_no_request_is_refused(content: bytes) -> None:
    """Damage ends in an error of ours."""
    with pytest.raises(FormatError):
        pki.open_request(content)
    with pytest.raises(FormatError):
        pki.load_certificate(content)


def test_encrypted_or_foreign_key_file_is_refused() -> None:
    """A key that asks for a pass phrase, or of another kind, is told and not waited for."""
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )

    for content in (encrypted, b"no key"):
        with pytest.raises(FormatError, match="no unencrypted PEM private key"):
            pki.request_for(content, "cz-police")
