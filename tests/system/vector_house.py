"""A gateway for the federation of the test vectors: its directory, its keys, its moment, behind real links.

Vectors stand still at one moment of their own, so a process with a clock of its own would find all of them expired.
Here the parts are put together as `gateway.app` does it, with the clock of the vectors: links with mutual TLS, the
exchange, the store. Of the vectors' edition only what must exist is exchanged: certificates, and the law that it names.
It is signed anew with the directory keys of the vectors, which everybody can derive.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.digests import decode_base64url
from gateway.crypto.keys import SecretKey, from_private
from gateway.crypto.signed import decode_signed
from gateway.crypto.trust import sign_edition, verify_edition
from gateway.domain.directory import Authority, Directory, Edition, KeySet, LawEntry
from gateway.domain.errors import LedgerError
from gateway.links.server import Gateway as Links
from gateway.policy.decide import Judge
from gateway.store.limits import StoreLimits, WriterLimits
from gateway.store.sqlite.engine import SqliteStore
from gateway.store.verdict import Report
from gateway.store.verify import verify_ledger
from gateway.switch.history import History
from gateway.switch.in_force import InForce
from gateway.switch.limits import SwitchLimits
from gateway.switch.sessions import Exchange
from gateway.telemetry.metrics import Metrics
from gateway.wire.limits import Limits
from gateway.wire.tls import ReloadableContext, client_context, server_context
from tests.federation import real_law
from tests.schemas.gateway_checks import seed
from tests.schemas.vector_files import federation
from tests.wire.certificates import Issued, PrivateCa


class VectorHouse:
    """The gateway of `federation.json`, and the certificates of its authorities."""

    def __init__(self, folder: Path) -> None:
        """Make certificates and the edition; `open` builds the rest on the running loop."""
        known = federation()
        self.network, self.origin, self._known = str(known["network"]), str(known["origin"]), known
        # The moment of judging; a vector may name another one.
        self.at_ms = self.now_ms = int(known["at_ms"])
        self.folder = folder
        self._ca = PrivateCa(folder)
        self._server = self._ca.issue("gateway")
        self._law = real_law()
        self._clients: dict[str, Issued] = {}
        self.directory = self._edition()
        self.failed: list[LedgerError] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run the gateway while the context lasts."""
        key = _secret("checkpoint")
        self.store = SqliteStore(
            self.folder / "data",
            network=self.network,
            origin=self.origin,
            key=key,
            software="accord test",
            limits=StoreLimits(writer=WriterLimits(disk_free_bytes_min=0)),
            loop=asyncio.get_running_loop(),
            failed=self.failed.append,
        )
        exchange = Exchange(
            network=self.network,
            store=self.store,
            in_force=InForce(self.directory, Judge(self.directory, self._law)),
            history=History(self.store, self.origin, key.public, lambda _: None),
            clock=lambda: self.now_ms,
            monotonic=lambda: time.monotonic_ns() // 1_000_000,
            limits=SwitchLimits(),
            observe=lambda _: None,
        )
        context = ReloadableContext.around(server_context(self._server.identity, lambda _: None))
        links = Links(exchange, Limits(), Metrics("0.0.0"), context)
        self._port = await links.start("127.0.0.1", 0)
        try:
            yield
        finally:
            await links.stop()
            await self.store.close()

    def session(self, authority: str) -> aiohttp.ClientSession:
        """Return an HTTP client that shows the certificate of an authority."""
        tls = client_context(self._clients[authority].identity, self._server.spki_sha256)
        return aiohttp.ClientSession(f"https://127.0.0.1:{self._port}", connector=aiohttp.TCPConnector(ssl=tls))

    def recorded(self) -> int:
        """Return how many entries the ledger has."""
        return self.store.checkpoint().size

    def verify(self) -> Report:
        """Verify the whole ledger."""
        public = _secret("checkpoint").public
        return verify_ledger(self.folder / "data", network=self.network, origin=self.origin, public=public)

    def _edition(self) -> Directory:
        given = canonical.decode(decode_signed(decode_base64url(self._known["edition"])).h, Edition)
        law = tuple(LawEntry(name, self._law.digests[name]) for name in sorted(self._law.agreements))
        edition = replace(
            given,
            law=law,
            gateways=tuple(replace(each, spki_sha256=self._server.spki_sha256) for each in given.gateways),
            authorities=tuple(self._called(each) for each in given.authorities),
        )
        return verify_edition(
            sign_edition(edition, [_secret("directory a"), _secret("directory b")]),
            network=self.network,
            pinned=msgspec.convert(self._known["pinned"], KeySet),
            previous=None,
            grants_public=None,
            grants_number_min=0,
            at_ms=self.at_ms,
        )

    def _called(self, authority: Authority) -> Authority:
        """Return an authority with a certificate that exists in the place of the one that does not."""
        issued = self._clients[authority.id] = self._ca.issue(authority.id)
        endpoint = replace(authority.endpoints[0], spki_sha256=issued.spki_sha256)
        return replace(authority, endpoints=(endpoint,))


def _secret(name: str) -> SecretKey:
    return from_private(name.split(" ", maxsplit=1)[0], seed(name), 2)
