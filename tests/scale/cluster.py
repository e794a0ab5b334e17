"""Several gateways of one federation in front of one database: files, processes, endpoints, and what an auditor finds.

Every gateway has a folder, keys, a certificate and a ledger of its own; one directory edition lists them all.
"""

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec.structs import replace

from gateway.app import pki
from gateway.app.editions import encode_key_set
from gateway.cli.demo_files import free_ports
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import generate, to_pem
from gateway.domain.directory import Directory, Edition, GatewayEntry
from gateway.endpoint.client import Endpoint
from gateway.endpoint.identity import GatewayAddress, Identity, KeyRing
from gateway.endpoint.limits import EndpointLimits
from gateway.settings.templates import gateway_toml
from gateway.wire import tls
from gateway.wire.tls import client_context
from tests.app.processes import Running
from tests.federation import NETWORK, ROOT, Federation, Member, now_ms
from tests.links.broker import Broker
from tests.links.mqtt_house import name_at_broker

# Waits scaled down: a test looks on.
QUICK = EndpointLimits(reconnect_s_min=0.05, reconnect_s_max=1.0, connect_timeout_s=3.0, hello_timeout_s=5.0)
# Three interpreters start at once, on a machine that may have other things to do.
READY_WITHIN_S = 90.0
# Leases lapse soon, and no quota decides anything here.
OVERLAY = """
[store]
engine = "postgres"
[store.postgres]
dsn = "{dsn}"
schema = "{schema}"
lease_s = 10.0
alive_s = 3.0
poll_s = 0.5
[switch]
messages_per_s = 1_000_000
messages_burst = 1_000_000
acknowledge_within_ms = 5_000
"""


class GatewayFiles:
    """One gateway: its folder, its keys, where it listens, and its process."""

    def __init__(self, number: int, folder: Path, server: pki.Pair, ports: tuple[int, ...]) -> None:
        """Choose a checkpoint key; `ports` are those of links and inspection."""
        self.number = number
        self.origin = f"gateway-{number}.accord-test.example"
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.key = generate("checkpoint")
        self.server = server
        self.spki_sha256 = pki.certificate_spki_sha256(server.certificate)
        self.port, self.inspection_port = ports
        self.address = GatewayAddress(f"https://localhost:{self.port}", self.origin, self.spki_sha256)
        self.running: Running | None = None
        self.starts = 0

    @property
    def process(self) -> Running:
        """The running process."""
        assert self.running is not None
        return self.running

    def listed(self) -> GatewayEntry:
        """Return the gateway as an edition lists it."""
        return GatewayEntry(
            origin=self.origin,
            checkpoint_key=encode_base64url(self.key.kid),
            checkpoint_public=encode_base64url(self.key.public),
            spki_sha256=self.spki_sha256,
        )

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        self.starts += 1
        self.running = Running(self.config, self.folder / f"gateway-{self.starts}.log", {})

    def ready(self) -> bool:
        """Tell whether it serves now."""
        return self.running is not None and '"ready":true' in self.running.get("/readyz")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.process.kill()
        self.process.process.wait()


class Cluster:
    """Czech and Kazakh authorities, and gateways between them that share a database."""

    def __init__(
        self,
        folder: Path,
        gateways: int,
        pairs: int,
        dsn: str,
        schema: str,
        *,
        others: tuple[tuple[str, str], ...] = (),
        change: Callable[[Edition], Edition] = lambda edition: edition,
    ) -> None:
        """Write every file; `others` are more authorities, (name, party), `change` makes the first edition."""
        self.folder = folder
        at_ms = now_ms()
        self._ca = pki.make_authority("scale", at_ms)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca.pem").write_bytes(self._ca.certificate)
        # All at once: asked one by one, the system may give one port twice.
        ports = free_ports(2 * gateways)
        self.gateways = [
            GatewayFiles(
                number,
                folder / f"gateway-{number}",
                pki.make_server(self._ca, ("localhost",), at_ms),
                ports[2 * number : 2 * number + 2],
            )
            for number in range(gateways)
        ]
        self.senders = [self._member(f"cz-{number:03}", "CZ", at_ms) for number in range(pairs)]
        self.recipients = [self._member(f"kz-{number:03}", "KZ", at_ms) for number in range(pairs)]
        self.others = [self._member(name, party, at_ms) for name, party in others]
        self.federation = Federation([*self.senders, *self.recipients, *self.others])
        self.overlay = OVERLAY.format(dsn=dsn, schema=schema)
        self.directory = self._directory(change(self.federation.edition()), None)
        for gateway in self.gateways:
            self._write(gateway)

    @property
    def addresses(self) -> tuple[GatewayAddress, ...]:
        """Every gateway's address."""
        return tuple(gateway.address for gateway in self.gateways)

    @property
    def publics(self) -> dict[str, bytes]:
        """The public checkpoint key of every gateway, by origin."""
        return {gateway.origin: gateway.key.public for gateway in self.gateways}

    def start(self) -> None:
        """Start every gateway and wait until all are ready."""
        for gateway in self.gateways:
            gateway.start()
        deadline_s = time.monotonic() + READY_WITHIN_S
        for gateway in self.gateways:
            while not gateway.ready():
                assert gateway.process.process.poll() is None, gateway.process.output()
                assert time.monotonic() < deadline_s, gateway.process.output()
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop whatever still runs, in order where it can be."""
        for gateway in self.gateways:
            if gateway.running is not None and gateway.running.process.poll() is None:
                gateway.running.end()

    def context(self, member: Member, gateway: GatewayFiles) -> ssl.SSLContext:
        """Return the client side of TLS for one authority at one gateway."""
        return client_context(self.tls(member), gateway.spki_sha256)

    def session(self, member: Member, gateway: GatewayFiles) -> aiohttp.ClientSession:
        """Return an HTTP client that shows the certificate of `member`."""
        connector = aiohttp.TCPConnector(ssl=self.context(member, gateway), limit=0)
        return aiohttp.ClientSession(gateway.address.url, connector=connector, auto_decompress=False)

    def tls(self, member: Member) -> tls.Identity:
        """Return the certificate files of `member`."""
        files = self.folder / member.name
        return tls.Identity(files / "cert.pem", files / "key.pem", self.folder / "ca.pem")

    def endpoint(self, member: Member, first: int = 0, broker: Broker | None = None, **options: Any) -> Endpoint:
        """Return a real endpoint of `member` that calls gateway `first`, then the others; through `broker` if given."""
        addresses = self.addresses[first:] + self.addresses[:first]
        if broker is not None:
            addresses = tuple(GatewayAddress(broker.url, each.origin, broker.spki_sha256) for each in addresses)
            options["broker_identity"] = broker.identity(name_at_broker(member.name))
        return Endpoint(
            Identity(member.name, NETWORK, KeyRing.of(member.keys.values()), self.federation.key_set),
            addresses,
            self.folder / member.name / "data",
            tls_identity=self.tls(member),
            clock=now_ms,
            limits=QUICK,
            **options,
        )

    def envelope(self, sender: Member, recipient: Member, plaintext: bytes = b'{"text":"synthetic"}') -> bytes:
        """Return a sealed message that may pass."""
        return self.federation.seal(self.federation.draft(sender.name), [recipient.name], plaintext, self.directory)

    def install(self, change: Callable[[Edition], Edition]) -> float:
        """Make the next edition, put it before every gateway, and return the monotonic second at which it lay there."""
        before = self.directory
        edition = replace(before.edition, number=before.edition.number + 1, previous_sha256=before.sha256)
        self.directory = self._directory(change(edition), before)
        for gateway in self.gateways:
            fresh = gateway.folder / "fresh"
            fresh.write_bytes(self.directory.raw)
            fresh.rename(gateway.folder / "directory" / "edition.accord")
        return time.monotonic()

    def write_endpoint(self, member: Member, first: int, home: Path | None = None, more: str = "") -> Path:
        """Write the settings and keys of an endpoint as its operator would have them; return `endpoint.toml`."""
        home = home or self.folder / member.name
        (home / "keys").mkdir(parents=True, exist_ok=True)
        lines = [f'authority = "{member.name}"', f'network = "{NETWORK}"', 'data_folder = "data"', more]
        for address in self.addresses[first:] + self.addresses[:first]:
            lines += ["[[gateways]]", f'url = "{address.url}"', f'origin = "{address.origin}"']
            lines += [f'spki_sha256 = "{address.spki_sha256}"']
        files = self.tls(member)
        lines += ["[trust]", f'key_set_file = "{self.gateways[0].folder / "directory" / "key-set.json"}"', "[tls]"]
        lines += [f'certificate_file = "{files.certificate}"', f'key_file = "{files.key}"']
        lines += [f'authority_file = "{files.authority}"']
        for role, key in member.keys.items():
            write_secret(home / "keys" / f"{role}.pem", to_pem(key))
            lines += ["[[keys]]", f'role = "{role}"', f'key_file = "keys/{role}.pem"']
        lines += ["[limits]", *(f"{name} = {value}" for name, value in msgspec.to_builtins(QUICK).items())]
        (home / "endpoint.toml").write_text("\n".join(lines) + "\n")
        return home / "endpoint.toml"

    def _member(self, name: str, party: str, at_ms: int) -> Member:
        pair = pki.make_client(self._ca, name, at_ms)
        folder = self.folder / name
        folder.mkdir(parents=True)
        (folder / "cert.pem").write_bytes(pair.certificate)
        write_secret(folder / "key.pem", pair.key)
        return Member(name, party, spki=(pki.certificate_spki_sha256(pair.certificate),))

    def _directory(self, edition: Edition, before: Directory | None) -> Directory:
        listed = tuple(sorted((each.listed() for each in self.gateways), key=lambda entry: entry.origin))
        return self.federation.directory(replace(edition, gateways=listed), before)

    def _write(self, gateway: GatewayFiles) -> None:
        folder = gateway.folder
        for name in ("tls", "keys", "directory", "data", "conf.d"):
            (folder / name).mkdir(mode=0o700, parents=True)
        (folder / "tls" / "ca.pem").write_bytes(self._ca.certificate)
        (folder / "tls" / "cert.pem").write_bytes(gateway.server.certificate)
        write_secret(folder / "tls" / "key.pem", gateway.server.key)
        write_secret(folder / "keys" / "checkpoint.pem", to_pem(gateway.key))
        (folder / "directory" / "edition.accord").write_bytes(self.directory.raw)
        (folder / "directory" / "key-set.json").write_bytes(encode_key_set(self.federation.key_set))
        text = gateway_toml(
            config="gateway.toml",
            network=NETWORK,
            origin=gateway.origin,
            data_folder="data",
            host="127.0.0.1",
            port=gateway.port,
            inspection_port=gateway.inspection_port,
            tls="tls",
            checkpoint_key="keys/checkpoint.pem",
            directory="directory",
            agreements=str(ROOT / "config" / "agreements"),
            grants_key=None,
        )
        gateway.config.write_text(text)
        (folder / "conf.d" / "scale.toml").write_text(self.overlay)


def write_secret(path: Path, secret: bytes) -> None:
    """Write a private key that nobody else may read."""
    path.touch(0o600)
    path.write_bytes(secret)
