"""A gateway as a process on files of its own, and the federation around it."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import replace

from gateway.cli.demo_files import free_ports
from gateway.crypto.digests import sha256
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.receipt import verify_receipt
from gateway.domain.directory import Authority, Edition
from gateway.domain.receipt import Receipt
from gateway.endpoint.client import Endpoint
from gateway.endpoint.identity import GatewayAddress, Identity, KeyRing
from gateway.endpoint.limits import EndpointLimits
from gateway.store.verdict import Report
from gateway.store.verify import verify_ledger
from gateway.wire import tls
from tests.app.processes import Running
from tests.deployment import Deployment
from tests.federation import NETWORK, ORIGIN, Member, now_ms

Change = Callable[[Edition], Edition]


class House:
    """Czech senders, Kazakh recipients, a gateway between them, and what a test changed of it."""

    def __init__(self, folder: Path, pairs: int, settings: str = "", change: Change = lambda edition: edition) -> None:
        """Write every file; `settings` lie over `gateway.toml`, `change` makes the first edition."""
        self._made = Deployment(folder, pairs, *free_ports(2))
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.data = folder / "data"
        self.port = self._made.port
        self.url = f"https://localhost:{self.port}"
        self.federation = self._made.federation
        self.senders, self.recipients = self._made.senders, self._made.recipients
        self.directory = self.federation.directory(change(self.federation.edition()))
        (folder / "directory" / "edition.accord").write_bytes(self.directory.raw)
        # Last in the order of `conf.d`: what it says counts.
        (folder / "conf.d" / "test.toml").write_text(settings or "# Nothing else.\n")
        self._starts = 0

    def stranger(self, name: str) -> Member:
        """Return somebody with a sound certificate of our CA whom no edition lists."""
        return self._made._member(name, "CZ", self.federation.at_ms)

    def session(self, member: Member, url: str | None = None) -> aiohttp.ClientSession:
        """Return an HTTP client that shows the certificate of `member`."""
        connector = aiohttp.TCPConnector(ssl=self._made.context(member), limit=0)
        return aiohttp.ClientSession(url or self.url, connector=connector, auto_decompress=False)

    def endpoint(self, member: Member, folder: Path, limits: EndpointLimits | None = None) -> Endpoint:
        """Return a real endpoint of `member` that keeps its state below `folder`."""
        files = self.folder / member.name
        return Endpoint(
            Identity(member.name, NETWORK, KeyRing.of(member.keys.values()), self.federation.key_set),
            (GatewayAddress(self.url, ORIGIN, self._made._spki),),
            folder / f"{member.name}-data",
            tls_identity=tls.Identity(files / "cert.pem", files / "key.pem", self.folder / "ca.pem"),
            clock=now_ms,
            limits=limits or EndpointLimits(),
        )

    def between(self, member: Member) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """Return both sides of TLS for somebody who holds the gateway's keys and those of `member`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "tls" / "cert.pem", self.folder / "tls" / "key.pem")
        return context, self._made.context(member)

    def tls(self, certificate: tls.Identity | None) -> ssl.SSLContext:
        """Return the client side of TLS with any certificate, or none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / "ca.pem")
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    def envelope(
        self, sender: Member, recipient: Member, plaintext: bytes = b'{"text":"synthetic"}', **changes: Any
    ) -> bytes:
        """Return a sealed message that may pass, with `changes` to its draft."""
        draft = self.federation.draft(sender.name, **changes)
        return self.federation.seal(draft, [recipient.name], plaintext, self.directory)

    def next_edition(self, change: Change) -> bytes:
        """Return the edition after the one in force, changed, signed and from now on the one of this house."""
        before = self.directory
        edition = replace(before.edition, number=before.edition.number + 1, previous_sha256=before.sha256)
        self.directory = self.federation.directory(change(edition), before)
        return self.directory.raw

    def start(self) -> Running:
        """Start the gateway; it is not ready yet."""
        self._starts += 1
        return Running(self.config, self.folder / f"gateway-{self._starts}.log", {})

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Run the gateway; it is ready when the block begins and gone when it ends."""
        gateway = self.start()
        try:
            gateway.wait_until_ready()
            yield gateway
        finally:
            if gateway.process.poll() is None:
                gateway.end()

    def receipt(self, raw: bytes, sent: bytes | None = None) -> Receipt:
        """Return a receipt, verified with the gateway's public key alone; `sent` is the envelope it is for."""
        return verify_receipt(
            raw,
            object_sha256=None if sent is None else header_digest(sent),
            gateways={ORIGIN: self.federation.checkpoint_key.public},
            network=NETWORK,
        )

    def verify(self, data: Path | None = None) -> Report:
        """Verify the whole ledger, as an auditor would."""
        public = self.federation.checkpoint_key.public
        return verify_ledger(data or self.data, network=NETWORK, origin=ORIGIN, public=public)


def header_digest(envelope: bytes) -> bytes:
    """Return the digest by which everybody names a message."""
    return sha256(decode_envelope(envelope).h)


def ledger_size(gateway: Running) -> int:
    """Return how many entries are under the newest checkpoint."""
    return int(gateway.get("/checkpoint").splitlines()[1])


def changed(edition: Edition, name: str, change: Callable[[Authority], Authority]) -> Edition:
    """Return an edition in which one authority is another."""
    return replace(edition, authorities=tuple(change(one) if one.id == name else one for one in edition.authorities))
