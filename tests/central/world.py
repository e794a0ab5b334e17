"""A central node, two authorities and a fake gateway on real TLS, for the tests of the whole node."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from gateway.central import bodies
from gateway.central.bodies import Change, Changes, Query
from gateway.central.database import Database, open_database
from gateway.central.documents import DATABASE
from gateway.central.node import Node
from gateway.central.outgoing import Desk, Handling
from gateway.crypto.grants import sign_grants
from gateway.crypto.keys import generate
from gateway.crypto.sealing import message_id
from gateway.domain.directory import Grant, Grants
from gateway.domain.errors import LedgerError
from gateway.endpoint.client import Endpoint, Post
from gateway.endpoint.handing import Message
from gateway.endpoint.identity import Identity, KeyRing
from gateway.endpoint.limits import EndpointLimits
from gateway.store.limits import WriterLimits
from tests.central.material import KEY
from tests.endpoint.fake_gateway import FakeGateway
from tests.federation import DAY_MS, NETWORK, PLAIN, Federation, Member, now_ms
from tests.wire.certificates import PrivateCa

CZ, KZ, CENTRAL = "cz-police", "kz-mvd", "interpol-gs"
MEMBERS = ((CZ, "CZ"), (KZ, "KZ"), (CENTRAL, "INTERPOL"))
QUICK = EndpointLimits(reconnect_s_min=0.02, reconnect_s_max=0.1, hello_timeout_s=2.0)
TIMEOUT_S = 10.0


def fail(error: LedgerError) -> None:
    """End the test: a database that is used as it should be never fails."""
    raise error


class World:
    """A federation in which KZ may search travel documents and CZ may not."""

    def __init__(self, folder: Path) -> None:
        """Make certificates, keys, grants and the first edition."""
        self.folder = folder
        ca = PrivateCa(folder)
        self.certificates = {name: ca.issue(name) for name, _ in MEMBERS}
        issued = ca.issue("gateway")
        members = [Member(name, party, spki=(self.certificates[name].spki_sha256,)) for name, party in MEMBERS]
        self.federation = Federation(members, issued.spki_sha256)
        self.grants_key = generate("grants")
        edition = replace(self.federation.edition(), grants=sign_grants(self._grants(), self.grants_key))
        self.gateway = FakeGateway(self.federation, self.federation.directory(edition), issued)

    def _grants(self) -> Grants:
        until_ms = now_ms() + DAY_MS
        grant = Grant(KZ, DATABASE, "restricted", ("border-control",), until_ms)
        return Grants(1, NETWORK, 1, CENTRAL, now_ms(), until_ms, (grant,))

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint of `name`; the same name has the same data folder."""
        ring = KeyRing.of(self.federation.members[name].keys.values())
        identity = Identity(name, NETWORK, ring, self.federation.key_set)
        if name == CENTRAL:
            identity = replace(identity, grants_public=self.grants_key.public)
        return Endpoint(
            identity,
            (self.gateway.address,),
            self.folder / f"{name}-data",
            tls_identity=self.certificates[name].identity,
            clock=now_ms,
            limits=QUICK,
        )

    def database(self) -> Database:
        """Open the node's database, for a node or in its place."""
        desk = Desk(NETWORK, CENTRAL, Handling(), message_id)
        limits = WriterLimits(disk_free_bytes_min=0)
        return open_database(self.folder / "records", KEY, CENTRAL, NETWORK, desk, fail, limits)

    @asynccontextmanager
    async def node(self) -> AsyncIterator[Node]:
        """Run the central node until the block ends; again with the same data if entered again."""
        async with self.endpoint(CENTRAL) as endpoint:
            database = self.database()
            node = Node(endpoint, database, KEY, now_ms, lambda *_: None)
            running = asyncio.create_task(node.run())
            try:
                yield node
            finally:
                if not running.cancel():
                    # It ended by itself: say why.
                    await running
                while not running.done():
                    # A TaskGroup of Python 3.11 that fails in the same moment loses a cancellation.
                    running.cancel()
                    await asyncio.wait({running}, timeout=0.1)
                await database.close()

    def record(self, owner: str, *changes: Change) -> Post:
        """Return a message by which `owner` changes its records."""
        return self._post(owner, "record", bodies.write(Changes(DATABASE, changes)), None)

    def query(self, asker: str, number: str) -> Post:
        """Return a query of `asker`."""
        return self._post(asker, "query", bodies.write(Query(number)), DATABASE)

    def _post(self, originator: str, kind: str, body: bytes, database: str | None) -> Post:
        draft = self.federation.draft(
            originator,
            kind=kind,
            agreement="interpol-membership",
            purposes=("border-control",),
            subjects=(),
            label=replace(PLAIN, third_party="permitted"),
            database=database,
        )
        return Post(draft, body, (CENTRAL,))


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Give a world whose gateway listens."""
    made = World(folder)
    await made.gateway.start()
    try:
        yield made
    finally:
        await made.gateway.stop()


async def ask(endpoint: Endpoint, posts: Sequence[Post]) -> list[Message]:
    """Send messages and return what the central node answers, in their order."""
    sent = await endpoint.send_all(posts)
    answers = [await endpoint.reply_to(each.sha256, CENTRAL, TIMEOUT_S) for each in sent]
    assert None not in answers
    return [answer for answer in answers if answer is not None]
