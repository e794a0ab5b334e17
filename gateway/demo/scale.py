"""The part with three gateways on one PostgreSQL: a message crosses, one gateway is killed, another is drained.

It is a story of its own: `accord demo --postgres DSN`. Gateways and endpoints are real processes, and what is claimed
of a ledger is said by `accord ledger verify`.
"""

import asyncio
import shutil
import socket
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

from gateway.app import pki
from gateway.app.clock import wall_ms
from gateway.app.draining import ask
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import generate, to_pem
from gateway.demo.federation import Federation
from gateway.demo.narration import Narrator
from gateway.demo.processes import Program
from gateway.demo.story import Story
from gateway.domain.errors import ConfigurationError, PeerError
from gateway.endpoint.words import Health, Named, Nothing, Timeline
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load

SENDER, RECIPIENT = "cz-police", "kz-mvd"
GATEWAYS = 3
MESSAGES = 120
KILL_AFTER = 30
WITHIN_S = 60.0
FIELDS: dict[str, Any] = {
    "agreement": "cz-kz",
    "kind": "request",
    "purposes": ("detection",),
    "subjects": ("motor-vehicles",),
}


class Station:
    """One of the gateways: its settings file and its process."""

    def __init__(self, root: Path, number: int) -> None:
        """Take the folder of the first gateway, or one beside it."""
        self.folder = root / ("gateway" if number == 0 else f"gateway-{number}")
        self.file = self.folder / "gateway.toml"
        log = root / "logs" / f"{self.folder.name}.log"
        self.program = Program(self.folder.name, ["gateway", "run", "--config", str(self.file)], log)

    @property
    def settings(self) -> GatewaySettings:
        """What its file says."""
        return load(self.file, GatewaySettings, {}).values

    def ready(self) -> bool:
        """Tell whether it says that it is ready."""
        try:
            return ask(self.settings).ready
        except PeerError:
            return False


class Scaled:
    """A federation with three gateways in front of one database."""

    def __init__(self, root: Path, dsn: str) -> None:
        """Live in `root`, which is empty; the ledgers go to a schema of their own at `dsn`."""
        self.federation = Federation(root)
        self.root = root
        self._overlay = f'[store]\nengine = "postgres"\n[store.postgres]\ndsn = "{dsn}"\nschema = "demo_{wall_ms()}"\n'
        self.stations = [Station(root, number) for number in range(GATEWAYS)]

    def make(self) -> None:
        """Make the files of the demo, then two more gateways, an edition that lists them, and who calls them."""
        self.federation.make()
        ports = _free_ports(2 * (GATEWAYS - 1))
        addresses = "".join(
            self._add(station, ports[2 * place], ports[2 * place + 1])
            for place, station in enumerate(self.stations[1:])
        )
        source = self.root / "directory" / "directory.toml"
        keys = [str(source.parent / "keys" / f"directory-{number}.pem") for number in (1, 2)]
        self.federation.accord("directory", "build", "--source", str(source), "--key", keys[0], "--key", keys[1])
        edition = max((source.parent / "editions").glob("*.accord"))
        for station in self.stations:
            shutil.copy(edition, station.folder / "directory" / "edition.accord")
            (station.folder / "conf.d").mkdir(exist_ok=True)
            (station.folder / "conf.d" / "postgres.toml").write_text(self._overlay)
        for name in (SENDER, RECIPIENT):
            file = self.federation.endpoint_file(name)
            file.write_text(file.read_text() + addresses)

    def start(self) -> None:
        """Start the gateways, then both endpoints."""
        for station in self.stations:
            station.program.start()
        for station in self.stations:
            station.program.wait_until(station.ready)
        for name in (SENDER, RECIPIENT):
            self.federation.endpoints[name].start()

    def stop(self) -> None:
        """End every process."""
        self.federation.stop()
        for station in self.stations:
            station.program.stop()

    def of(self, origin: str) -> Station:
        """Return the gateway of a ledger."""
        return next(station for station in self.stations if station.settings.gateway.origin == origin)

    def _add(self, station: Station, port: int, inspection: int) -> str:
        """Make one more gateway after the first one; return how endpoints name it."""
        first = self.stations[0]
        shutil.copytree(first.folder, station.folder)
        authority = self.root / "authority"
        pair = pki.Pair((authority / "cert.pem").read_bytes(), (authority / "key.pem").read_bytes())
        server, key = pki.make_server(pair, ("127.0.0.1", "localhost"), wall_ms()), generate("checkpoint")
        (station.folder / "tls" / "cert.pem").write_bytes(server.certificate)
        (station.folder / "tls" / "key.pem").write_bytes(server.key)
        (station.folder / "keys" / "checkpoint.pem").write_bytes(to_pem(key))
        settings = first.settings
        origin = f"{station.folder.name}.{settings.gateway.origin.split('.', 1)[1]}"
        text = station.file.read_text().replace(f'origin = "{settings.gateway.origin}"', f'origin = "{origin}"')
        text = text.replace(f"port = {settings.listen.port}\n", f"port = {port}\n")
        text = text.replace(f"port = {settings.inspection.port}\n", f"port = {inspection}\n")
        station.file.write_text(text)
        spki = pki.certificate_spki_sha256(server.certificate)
        with (self.root / "directory" / "directory.toml").open("a") as source:
            source.write(
                f'\n[[gateways]]\norigin = "{origin}"\ncheckpoint_public = "{encode_base64url(key.public)}"\n'
                f'spki_sha256 = "{spki}"\n'
            )
        return f'\n[[gateways]]\nurl = "https://127.0.0.1:{port}"\norigin = "{origin}"\nspki_sha256 = "{spki}"\n'


def play_scale(dsn: str, folder: Path | None) -> int:
    """Play the part with three gateways; return 0 only if every line was as expected."""
    root = folder or Path(tempfile.mkdtemp(prefix="accord-demo-"))
    scaled, narrator = Scaled(root, dsn), Narrator()
    try:
        narrator.note(f"a federation in {root}: three gateways, each with a ledger of its own, one PostgreSQL")
        scaled.make()
        scaled.start()
        asyncio.run(_tell(scaled, narrator))
        return narrator.close()
    finally:
        scaled.stop()
        if folder is None:
            shutil.rmtree(root, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    """Return so many different loopback ports that nobody listens on now."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


async def _tell(scaled: Scaled, narrator: Narrator) -> None:
    async with AsyncExitStack() as stack:
        story = Story(scaled.federation, narrator)
        for name in (SENDER, RECIPIENT):
            story.desks[name] = await stack.enter_async_context(scaled.federation.desk(name))
        narrator.chapter("Three gateways, one database")
        first = await _where(story, SENDER)
        narrator.line(SENDER, "is connected", f"at {first}", True)
        sent = await story.send(SENDER, RECIPIENT, "Stolen vehicle, plate 4A2 1234.", **FIELDS)
        story.passes(f"{SENDER} > {RECIPIENT}", "sends a request", sent)
        await story.outcome(SENDER, sent, "delivered")
        await _kill(scaled, story, first)
        await _drain(scaled, story)
        await _verify(scaled, story)


async def _kill(scaled: Scaled, story: Story, origin: str) -> None:
    narrator = story.narrator
    narrator.chapter("In the middle of it: that gateway is killed, and is not started again")
    known = {line.sha256 for line in (await story.inbox(RECIPIENT)).messages}
    sent: list[Timeline] = []
    began_s = time.monotonic()
    for number in range(MESSAGES):
        if number == KILL_AFTER:
            scaled.of(origin).program.kill()
            narrator.line(origin.split(".")[0], "is killed with SIGKILL under load", "gone", True)
        sent.append(await story.send(SENDER, RECIPIENT, f"Vehicle {number} of a list.", wait_s=0, **FIELDS))
    delivered = await _delivered(story, sent)
    arrived = [line.sha256 for line in (await story.inbox(RECIPIENT)).messages if line.sha256 not in known]
    wanted = {timeline.sha256 for timeline in sent}
    narrator.line(SENDER, "went on by itself", f"at {await _where(story, SENDER)}", True)
    narrator.line(
        f"{SENDER} > {RECIPIENT}",
        f"{MESSAGES} messages across the loss of a gateway",
        f"{delivered} acknowledged, {len(wanted - set(arrived))} lost, {len(arrived) - len(set(arrived))} twice,"
        f" {time.monotonic() - began_s:.1f} s",
        delivered == MESSAGES and set(arrived) == wanted and len(arrived) == MESSAGES,
    )


async def _drain(scaled: Scaled, story: Story) -> None:
    narrator = story.narrator
    narrator.chapter("Maintenance: a second gateway is drained")
    origin = await _where(story, SENDER)
    file = str(scaled.of(origin).file)
    try:
        await asyncio.to_thread(scaled.federation.accord, "drain", "--config", file)
        outcome, drained = "nobody is connected", True
    except ConfigurationError as error:
        outcome, drained = str(error), False
    narrator.line("operator", f"drains {origin.split('.')[0]}", outcome, drained)
    sent = await story.send(SENDER, RECIPIENT, "Still there.", **FIELDS)
    now = await _where(story, SENDER)
    narrator.line(SENDER, "sends at once by the last one", f"{sent.state}, at {now}", now != origin)
    done = await story.outcome(SENDER, sent, "delivered")
    narrator.line(f"{SENDER} > {RECIPIENT}", "and it arrives", done.state, done.state == "delivered")


async def _verify(scaled: Scaled, story: Story) -> None:
    narrator = story.narrator
    narrator.chapter("Afterwards: every ledger is there, that of the dead gateway too")
    edition = str(scaled.stations[0].folder / "directory" / "edition.accord")
    for station in scaled.stations:
        origin = station.settings.gateway.origin
        arguments = ("--config", str(scaled.stations[-1].file), "--directory", edition, "--origin", origin)
        try:
            done = await asyncio.to_thread(scaled.federation.accord, "ledger", "verify", *arguments)
            narrator.line("auditor", f"verifies {origin.split('.')[0]}", done.stdout.splitlines()[0], True)
        except ConfigurationError as error:
            narrator.line("auditor", f"verifies {origin.split('.')[0]}", str(error), False)


async def _where(story: Story, who: str) -> str:
    """Return at which gateway an endpoint is connected, once it is."""
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        health = await story.desks[who].call("health", Nothing(), Health)
        if health.gateway is not None:
            return health.gateway
        await asyncio.sleep(0.05)
    raise PeerError(f"`{who}` is connected nowhere")


async def _delivered(story: Story, sent: list[Timeline]) -> int:
    open_ = {timeline.sha256 for timeline in sent}
    deadline_s = time.monotonic() + WITHIN_S
    while open_ and time.monotonic() < deadline_s:
        for sha256 in list(open_):
            if (await story.desks[SENDER].call("status", Named(name=sha256), Timeline)).state == "delivered":
                open_.discard(sha256)
        await asyncio.sleep(0.2)
    return len(sent) - len(open_)
