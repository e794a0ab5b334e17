"""TLS contexts: exact settings, refused key logs, readable errors. Handshakes are in tests/links."""

import socket
import ssl
import struct
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.errors import ConfigurationError, TrustError
from gateway.wire.tls import client_context, knows_early_data, refuse_key_log, server_context, spki_sha256
from tests.wire.certificates import Issued, PrivateCa


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    """A sound certificate with key and CA."""
    return PrivateCa(tmp_path).issue("gateway")


@pytest.mark.parametrize("side", ["server", "client"])
def test_context_is_exactly_as_strict_as_it_must_be(issued: Issued, side: str) -> None:
    """TLS 1.3 alone, a certificate required, our CA alone, strict chains, no tickets (N2, N7; S-11)."""
    context = server_context(issued.identity) if side == "server" else client_context(issued.identity, None)

    assert context.minimum_version == context.maximum_version == ssl.TLSVersion.TLSv1_3
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.options & ssl.OP_NO_TICKET
    assert context.check_hostname == (side == "client")
    assert not context.keylog_filename
    assert context.cert_store_stats()["x509_ca"] == 1
    if side == "server":
        assert context.num_tickets == 0


@pytest.mark.skipif(not knows_early_data(), reason="this Python has CVE-2023-40217; `accord check` says so")
def test_python_that_is_called_mended_refuses_text_before_the_handshake(issued: Issued) -> None:
    """CVE-2023-40217: what a peer sent in plain and left behind is never read as if TLS had brought it."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as peer:
        ours, _ = listener.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        peer.close()
        # The reset has arrived when the kernel says that nobody is at the other end.
        while _connected(ours):
            time.sleep(0.001)

        with ours, pytest.raises(OSError):
            server_context(issued.identity).wrap_socket(ours, server_side=True).recv(1)


def _connected(connection: socket.socket) -> bool:
    try:
        connection.getpeername()
    except OSError:
        return False
    return True


def test_threat_O8_key_log_is_refused() -> None:
    """A process that would write down TLS session keys does not start, and says why."""
    refuse_key_log({"SSLKEYLOGFILE": ""})
    with pytest.raises(ConfigurationError, match="unset SSLKEYLOGFILE"):
        refuse_key_log({"SSLKEYLOGFILE": "/tmp/keys"})


@pytest.mark.parametrize("part", ["certificate", "key", "authority"])
@pytest.mark.parametrize("content", [None, b"", b"no PEM"], ids=["missing", "empty", "garbage"])
def test_unusable_file_is_named(issued: Issued, part: str, content: bytes | None, tmp_path: Path) -> None:
    """The operator reads which file is wrong and what to do, never a stack of ssl errors."""
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_bytes(content)
    identity = replace(issued.identity, **{part: path})

    with pytest.raises(ConfigurationError, match=r"cannot load .* PEM files that belong together"):
        server_context(identity)


def test_key_of_another_certificate_is_refused(issued: Issued, tmp_path: Path) -> None:
    """Certificate and key must belong together."""
    other = PrivateCa(tmp_path, "other").issue("gateway")

    with pytest.raises(ConfigurationError, match=r"KEY_VALUES_MISMATCH|KEY_TYPE_MISMATCH"):
        server_context(replace(issued.identity, key=other.identity.key))


def test_encrypted_key_is_refused_instead_of_asking(tmp_path: Path) -> None:
    """A daemon must not wait for a pass phrase at a terminal that nobody watches."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = PrivateCa(tmp_path).issue("gateway", key=key)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    issued.identity.key.write_bytes(secret)

    with pytest.raises(ConfigurationError, match="cannot load certificate and key"):
        server_context(issued.identity)


def test_spki_digest_is_that_of_the_public_key_alone(tmp_path: Path) -> None:
    """Two certificates of one key have one name in the directory; another key has another."""
    ca = PrivateCa(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    first, second, other = ca.issue("first", key=key), ca.issue("second", key=key), ca.issue("other")
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert first.spki_sha256 == second.spki_sha256 == encode_base64url(sha256(spki))
    assert other.spki_sha256 != first.spki_sha256


@pytest.mark.parametrize("raw", [b"", b"\x30\x03\x02\x01\x01", bytes(1000)])
def test_bytes_that_are_no_certificate_deserve_no_trust(raw: bytes) -> None:
    """Whatever the other side shows, the outcome is a digest or `TrustError`."""
    with pytest.raises(TrustError):
        spki_sha256(raw)
