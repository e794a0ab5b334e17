"""A gateway process, a real broker and real endpoints behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from gateway.app import pki
from gateway.app.editions import encode_key_set
from gateway.crypto.keys import to_pem
from gateway.domain.directory import Authority, Edition, EndpointEntry
from gateway.domain.label import Level
from gateway.endpoint.client import Endpoint
from gateway.endpoint.identity import GatewayAddress, Identity, KeyRing
from gateway.endpoint.limits import EndpointLimits
from gateway.wire import tls
from gateway.wire.topics import topic_id
from tests.app.processes import Running
from tests.federation import NETWORK, ORIGIN, Member, now_ms
from tests.links.broker import GATEWAY, Broker
from tests.system.house import Change, House

QUICK = EndpointLimits(reconnect_s_min=0.05, reconnect_s_max=0.3, hello_timeout_s=5.0)
# Reconnecting fast, so that a test need not wait for what an operator would not notice.
LIMITS = "reconnect_s_min = 0.05\nreconnect_s_max = 0.3\nmuted_s = 0.5"


def name_at_broker(authority: str) -> str:
    """Return the common name of an authority's certificate for a broker."""
    return topic_id(NETWORK, authority)


def behind(broker: Broker, clearance: Level = "restricted") -> Change:
    """Return the change of an edition that lists everybody behind `broker`."""

    def listed(authority: Authority) -> Authority:
        certificate = broker.identity(name_at_broker(authority.id)).certificate.read_bytes()
        spki = pki.certificate_spki_sha256(certificate)
        entry = EndpointEntry(spki_sha256=spki, link="broker", clearance=clearance, revoked=False)
        entries = (*authority.endpoints, entry)
        return replace(authority, endpoints=tuple(sorted(entries, key=lambda one: one.spki_sha256)))

    def change(edition: Edition) -> Edition:
        return replace(edition, authorities=tuple(map(listed, edition.authorities)))

    return change


def settings(broker: Broker, clearance: str = "restricted", name: str = GATEWAY) -> str:
    """Return what a gateway's settings say of `broker`."""
    files = broker.identity(name)
    return (
        f'[links.mqtt]\nurl = "{broker.url}"\nspki_sha256 = "{broker.spki_sha256}"\nclearance = "{clearance}"\n'
        f'certificate_file = "{files.certificate}"\nkey_file = "{files.key}"\nauthority_file = "{files.authority}"\n'
        f"[links.mqtt.limits]\n{LIMITS}\n"
    )


class MqttHouse:
    """A broker, a gateway that uses it, and everybody's endpoints behind it."""

    def __init__(
        self,
        folder: Path,
        pairs: int = 1,
        *,
        clearance: Level = "restricted",
        broker: Broker | None = None,
        further: str = "",
    ) -> None:
        """Write every file; `further` settings go behind those of the link."""
        self.folder = folder
        self.broker = broker or Broker(folder)
        text = settings(self.broker) + further
        self.house = House(folder, pairs, text, behind(self.broker, clearance))
        self.senders, self.recipients = self.house.senders, self.house.recipients

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Run broker and gateway."""
        self.broker.start()
        try:
            with self.house.running() as gateway:
                self.wait_until_connected(gateway)
                yield gateway
        finally:
            self.broker.kill()

    def wait_until_connected(self, gateway: Running) -> None:
        """Return once the gateway has subscribed at the broker."""
        gateway.wait_for(lambda: gateway.metric("accord_mqtt_connected") == 1)

    def endpoint(self, member: Member, limits: EndpointLimits = QUICK) -> Endpoint:
        """Return an endpoint of `member` that knows no other way than the broker."""
        files = self.folder / member.name
        return Endpoint(
            Identity(member.name, NETWORK, KeyRing.of(member.keys.values()), self.house.federation.key_set),
            (GatewayAddress(self.broker.url, ORIGIN, self.broker.spki_sha256),),
            self.folder / f"{member.name}-data",
            tls_identity=tls.Identity(files / "cert.pem", files / "key.pem", self.folder / "ca.pem"),
            broker_identity=self.broker.identity(name_at_broker(member.name)),
            clock=now_ms,
            limits=limits,
        )

    def write_config(self, member: Member) -> Path:
        """Write `endpoint.toml` of `member`, which knows the gateway itself and the broker; return its path."""
        home = self.folder / f"{member.name}-home"
        (home / "keys").mkdir(parents=True)
        direct, behind_broker = self.folder / member.name, self.broker.identity(name_at_broker(member.name))
        lines = [f'authority = "{member.name}"', f'network = "{NETWORK}"', 'data_folder = "data"']
        for url, spki in ((self.house.url, self.house._made._spki), (self.broker.url, self.broker.spki_sha256)):
            lines += ["[[gateways]]", f'url = "{url}"', f'origin = "{ORIGIN}"', f'spki_sha256 = "{spki}"']
        lines += ["[trust]", 'key_set_file = "key-set.json"', "[tls]", f'certificate_file = "{direct / "cert.pem"}"']
        lines += [f'key_file = "{direct / "key.pem"}"', f'authority_file = "{self.folder / "ca.pem"}"', "[broker]"]
        lines += [f'certificate_file = "{behind_broker.certificate}"', f'key_file = "{behind_broker.key}"']
        lines += [f'authority_file = "{behind_broker.authority}"']
        for role, key in member.keys.items():
            path = home / "keys" / f"{role}.pem"
            path.touch(0o600)
            path.write_bytes(to_pem(key))
            lines += ["[[keys]]", f'role = "{role}"', f'key_file = "keys/{role}.pem"']
        (home / "key-set.json").write_bytes(encode_key_set(self.house.federation.key_set))
        (home / "endpoint.toml").write_text("\n".join(lines) + "\n")
        return home / "endpoint.toml"
