"""The table of TLS handshakes: who gets in, who does not, and what is counted. Real TLS on loopback."""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.wire.tls import Identity, client_context, server_context
from tests.links.raw import CHECKPOINT, RawPeer, outcome
from tests.links.running import Running
from tests.wire.certificates import SOUND, Flaw, Issued, PrivateCa, PrivateKey

HOUR = dt.timedelta(hours=1)


def _lax(identity: Identity | None, ca: Path, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Return a client that believes in the gateway and keeps none of our rules for itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = highest
    context.load_verify_locations(cafile=ca)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


Make = Callable[[Running, Path], Issued | None]


def _flawed(flaw: Flaw) -> Make:
    return lambda running, _: running.ca.issue("flawed", flaw)


def _foreign(name: str) -> Make:
    return lambda _, folder: PrivateCa(folder, name).issue("cz-police")


def _below_a_leaf(running: Running, _: Path) -> Issued:
    return running.ca.sign_below(running.ca.issue("insider"), "below")


def _weak(running: Running, _: Path) -> Issued:
    return running.ca.issue("weak", key=rsa.generate_private_key(65537, 1024))  # noqa: S505  # Weak on purpose.


REFUSED: dict[str, tuple[Make, str]] = {
    "no-certificate": (lambda *_: None, "no-certificate"),
    "foreign-ca": (_foreign("elsewhere"), "untrusted"),
    "foreign-ca-of-the-same-name": (_foreign("federation"), "untrusted"),
    "expired": (_flawed(Flaw(begins=-48 * HOUR, ends=-HOUR)), "not-in-date"),
    "not-yet-valid": (_flawed(Flaw(begins=HOUR)), "not-in-date"),
    "for-servers-only": (_flawed(Flaw(usages=(ExtendedKeyUsageOID.SERVER_AUTH,))), "purpose"),
    "for-code-signing-only": (_flawed(Flaw(usages=(ExtendedKeyUsageOID.CODE_SIGNING,))), "purpose"),
    "without-authority-key-identifier": (_flawed(Flaw(with_authority_key=False)), "untrusted"),
    "self-signed": (lambda _, folder: PrivateCa(folder, "self").itself(), "untrusted"),
    "signed-by-an-end-entity": (_below_a_leaf, "untrusted"),
    "rsa-1024": (_weak, "untrusted"),
}


@pytest.mark.parametrize(("make", "counted"), REFUSED.values(), ids=REFUSED)
async def test_threat_N1_handshake_is_refused(running: Running, tmp_path: Path, make: Make, counted: str) -> None:
    """Whoever does not show a sound client certificate of our CA gets not one byte, and is counted by reason.

    The row lists its key in the directory: it is TLS that refuses, before anybody looks there.
    """
    issued = make(running, tmp_path)
    if issued is not None:
        running.exchange.admit("cz-police", issued.spki_sha256)

    assert await outcome(running.port, _lax(issued.identity if issued else None, running.ca.path)) == "refused"
    assert running.sample("tls_handshake_failures_total", reason=counted) == 1
    assert await outcome(running.port, running.tls()) == "200"


@pytest.mark.parametrize("raw", [CHECKPOINT, b"\x16\x03\x01\x00\x05hello", bytes(600), b"\xff" * 600])
async def test_threat_N1_plain_text_and_garbage_are_refused(running: Running, raw: bytes) -> None:
    """Nothing but TLS is spoken on this port; at most an alert comes back, never HTTP."""
    async with RawPeer(running.port, None) as peer:
        heard = await peer.ask(raw)

    assert b"HTTP" not in heard
    assert await outcome(running.port, running.tls()) == "200"


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2], ids=lambda version: version.name)
async def test_threat_N7_older_protocol_is_refused(running: Running, highest: ssl.TLSVersion) -> None:
    """TLS 1.2 is refused with a sound certificate too: there is nothing to downgrade to (S-11)."""
    assert await outcome(running.port, _lax(running.client.identity, running.ca.path, highest)) == "refused"
    assert running.sample("tls_handshake_failures_total", reason="protocol") == 1


async def test_threat_N7_connection_is_tls_1_3_and_has_no_early_data(running: Running) -> None:
    """What is negotiated is TLS 1.3 with an AEAD, no compression, HTTP/1.1 by ALPN, and no ticket."""
    async with RawPeer(running.port, running.tls()) as peer:
        assert (await peer.ask(CHECKPOINT)).startswith(b"HTTP/1.1 200 ")
        tls: ssl.SSLObject = peer.writer.get_extra_info("ssl_object")

        assert tls.version() == "TLSv1.3"
        assert tls.compression() is None
        assert tls.selected_alpn_protocol() == "http/1.1"
        assert tls.session is None or not tls.session.has_ticket


SOUND_KEYS: dict[str, Callable[[], PrivateKey | None]] = {
    "ed25519": lambda: None,
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("make_key", SOUND_KEYS.values(), ids=SOUND_KEYS)
async def test_sound_certificate_is_accepted(running: Running, make_key: Callable[[], PrivateKey | None]) -> None:
    """Every kind of key that an authority may hold lets it in, once the directory lists it."""
    issued = running.ca.issue("sound", SOUND, make_key())
    running.exchange.admit("kz-mvd", issued.spki_sha256)

    assert await outcome(running.port, running.tls(issued)) == "200"


async def test_unlisted_key_is_refused_by_the_directory(running: Running) -> None:
    """A certificate of our CA alone opens nothing: 401, with the remedy."""
    async with RawPeer(running.port, running.tls(running.ca.issue("stranger"))) as peer:
        heard = await peer.ask(CHECKPOINT)

    assert heard.startswith(b"HTTP/1.1 401 ")
    assert b"endpoint-unknown" in heard
    assert b"application/problem+json" in heard


async def test_revoked_endpoint_is_refused(running: Running) -> None:
    """What an edition lists no more is let in no more, with the certificate still in date."""
    assert await outcome(running.port, running.tls()) == "200"

    running.exchange.peers.clear()

    assert await outcome(running.port, running.tls()) == "401"


async def test_threat_N2_session_is_never_resumed(running: Running) -> None:
    """A second connection that offers the first one's session makes a full handshake."""

    def connect(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        with socket.create_connection(("127.0.0.1", running.port)) as plain:
            context = contexts
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                secure.sendall(CHECKPOINT)
                while secure.recv(65536):
                    pass
                return bool(secure.session_reused), secure.session

    contexts = _lax(running.client.identity, running.ca.path)
    _, session = await asyncio.to_thread(connect, None)
    reused, _ = await asyncio.to_thread(connect, session)

    assert session is None or not session.has_ticket
    assert not reused


async def test_certificate_and_ca_are_exchanged_while_the_listener_runs(running: Running, tmp_path: Path) -> None:
    """After a reload new connections see the new certificate and the new CA; standing ones go on."""
    other = PrivateCa(tmp_path, "successor")
    server, client = other.issue("gateway"), other.issue("cz-police")
    running.exchange.admit("cz-police", client.spki_sha256)
    async with RawPeer(running.port, running.tls()) as standing:
        running.context.replace(server_context(server.identity))

        assert await outcome(running.port, client_context(client.identity, server.spki_sha256)) == "200"
        assert await outcome(running.port, _lax(running.client.identity, other.path)) == "refused"
        assert await outcome(running.port, running.tls()) == "refused"
        assert (await standing.ask(CHECKPOINT)).startswith(b"HTTP/1.1 200 ")


IMPOSTORS: dict[str, Callable[[PrivateCa, Path], Issued]] = {
    "foreign-ca": lambda _, folder: PrivateCa(folder, "elsewhere").issue("gateway"),
    "another-key-of-our-ca": lambda ca, _: ca.issue("impostor"),
    "another-host": lambda ca, _: ca.issue("elsewhere", Flaw(names=("elsewhere.example",))),
    "expired": lambda ca, _: ca.issue("old", Flaw(begins=-48 * HOUR, ends=-HOUR)),
    "for-clients-only": lambda ca, _: ca.issue("client", Flaw(usages=(ExtendedKeyUsageOID.CLIENT_AUTH,))),
}


@pytest.mark.parametrize("make", IMPOSTORS.values(), ids=IMPOSTORS)
async def test_threat_N1_endpoint_sends_nothing_to_an_impostor(
    ca: PrivateCa, client: Issued, tmp_path: Path, make: Callable[[PrivateCa, Path], Issued]
) -> None:
    """Private CA, host name and pinned key are all checked inside the handshake: no byte leaves."""
    impostor = make(ca, tmp_path)
    pinned = ca.issue("gateway-of-the-directory").spki_sha256
    if impostor.identity.authority == ca.path and "impostor" not in str(impostor.identity.certificate):
        # Only the row `another-key-of-our-ca` is about the pin.
        pinned = impostor.spki_sha256
    received = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.read(1000))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(impostor.identity.certificate, impostor.identity.key)
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context(client.identity, pinned), server_hostname="localhost"
        )

    await asyncio.sleep(0.05)
    assert not received
    server.close()


async def test_endpoint_refuses_a_gateway_that_speaks_tls_1_2(ca: PrivateCa, client: Issued, server: Issued) -> None:
    """The endpoint does not let itself be talked down either (N7)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server.identity.certificate, server.identity.key)
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = listener.sockets[0].getsockname()[1]

    assert await outcome(port, client_context(client.identity, server.spki_sha256)) == "refused"
    listener.close()
