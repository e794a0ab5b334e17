"""Two authorities, a fake gateway and their endpoints, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gateway.crypto.keys import to_pem
from gateway.domain.directory import Directory, Edition
from gateway.endpoint import evidence, outbox
from gateway.endpoint.client import Endpoint, Post, SentMessage
from gateway.endpoint.identity import GatewayAddress, Identity, KeyRing
from gateway.endpoint.keeping import Notice
from gateway.endpoint.limits import EndpointLimits
from gateway.endpoint.office import Office
from gateway.endpoint.reconnecting import Connect
from gateway.endpoint.timeline import timeline
from gateway.endpoint.words import Timeline
from tests.endpoint.fake_gateway import FakeGateway
from tests.federation import NETWORK, Federation, Member, now_ms
from tests.wire.certificates import Issued, PrivateCa

CZ, KZ = "cz-police", "kz-mvd"
QUICK = EndpointLimits(reconnect_s_min=0.02, reconnect_s_max=0.1, hello_timeout_s=2.0)


class World:
    """A federation whose gateway is a `FakeGateway`."""

    def __init__(self, folder: Path) -> None:
        """Make certificates, keys and the first edition."""
        self.folder = folder
        self.ca = PrivateCa(folder)
        self.certificates: dict[str, Issued] = {name: self.ca.issue(name) for name in (CZ, KZ)}
        issued = self.ca.issue("gateway")
        members = [Member(CZ, "CZ", spki=(self._spki(CZ),)), Member(KZ, "KZ", spki=(self._spki(KZ),))]
        self.federation = Federation(members, issued.spki_sha256)
        self.directory = self.federation.directory()
        self.gateway = FakeGateway(self.federation, self.directory, issued)

    def _spki(self, name: str) -> str:
        return self.certificates[name].spki_sha256

    def identity(self, name: str) -> Identity:
        """Return who an endpoint of `name` is."""
        return Identity(name, NETWORK, KeyRing.of(self.federation.members[name].keys.values()), self.federation.key_set)

    def endpoint(
        self,
        name: str,
        *,
        limits: EndpointLimits = QUICK,
        address: GatewayAddress | None = None,
        notify: Callable[[Notice], None] = lambda _: None,
        clock: Callable[[], int] = now_ms,
        identity: Identity | None = None,
        folder: Path | None = None,
        connect_by: Connect | None = None,
    ) -> Endpoint:
        """Return an endpoint of `name`; the same name has the same data directory."""
        return Endpoint(
            identity or self.identity(name),
            (address or self.gateway.address,),
            folder or self.folder / f"{name}-data",
            tls_identity=self.certificates[name].identity,
            clock=clock,
            limits=limits,
            notify=notify,
            connect_by=connect_by,
        )

    def post(
        self, originator: str = CZ, recipients: tuple[str, ...] = (KZ,), body: bytes = b"body", **changes: object
    ) -> Post:
        """Return a message to send."""
        return Post(self.federation.draft(originator, **changes), body, recipients)

    def next_edition(self, change: Callable[[Edition], Edition] = lambda edition: edition) -> Directory:
        """Return the edition after the one in force, changed."""
        before = self.gateway.directory
        edition = change(self.federation.edition(before.edition.number + 1, before.sha256))
        return self.federation.directory(edition, before)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Give a world whose gateway listens."""
    made = World(folder)
    await made.gateway.start()
    try:
        yield made
    finally:
        await made.gateway.stop()


async def eventually(holds: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: it did not, in time.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + timeout_s
    while not holds():
        assert loop.time() < end_s, "it did not come true in time"
        await asyncio.sleep(0.005)


def office(endpoint: Endpoint) -> Office:
    """Return what a person would work with."""
    return Office(endpoint, None, now_ms)


def state(endpoint: Endpoint, sent: SentMessage, at_ms: int | None = None) -> Timeline:
    """Return the timeline of something sent."""
    keeping = endpoint.keeping
    row = outbox.find(keeping.journal, sent.id, None)
    assert row is not None
    return timeline(row, evidence.outcomes(keeping.journal, sent.sha256), at_ms or now_ms(), 3_600_000)


def alarms(endpoint: Endpoint) -> list[str]:
    """Return the kinds of all open alarms, oldest first."""
    return [row.kind for row in reversed(endpoint.keeping.alarms.rows(100, True))]


def write_config(made: World, name: str, folder: Path | None = None) -> Path:
    """Write the settings and keys of an endpoint of `name` as its operator would have them; return `endpoint.toml`."""
    home = folder or made.folder / f"{name}-home"
    (home / "keys").mkdir(parents=True)
    lines = [f'authority = "{name}"', f'network = "{NETWORK}"', 'data_folder = "data"', f'central = "{KZ}"']
    address = made.gateway.address
    lines += ["[[gateways]]", f'url = "{address.url}"', f'origin = "{address.origin}"']
    lines += [f'spki_sha256 = "{address.spki_sha256}"', "[trust]", 'key_set_file = "key-set.json"']
    files = made.certificates[name].identity
    lines += ["[tls]", f'certificate_file = "{files.certificate}"', f'key_file = "{files.key}"']
    lines += [f'authority_file = "{files.authority}"']
    for role, key in made.federation.members[name].keys.items():
        path = home / "keys" / f"{role}.pem"
        path.touch(0o600)
        path.write_bytes(to_pem(key))
        lines += ["[[keys]]", f'role = "{role}"', f'key_file = "keys/{role}.pem"']
    lines += ["[limits]", "reconnect_s_min = 0.05", "reconnect_s_max = 0.2"]
    (home / "key-set.json").write_bytes(msgspec.json.encode(made.federation.key_set))
    (home / "endpoint.toml").write_text("\n".join(lines) + "\n")
    return home / "endpoint.toml"
