"""`gateway.toml`: everything the gateway is told; config/gateway.toml explains every key."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.domain.label import Level
from gateway.domain.names import Code, Digest, Origin
from gateway.store.limits import StoreLimits
from gateway.switch.limits import SwitchLimits
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.limits import Limits

Port = Annotated[int, Meta(ge=0, le=65_535)]


class Identity(Struct, frozen=True, forbid_unknown_fields=True):
    """Which federation, which ledger, and where state lies."""

    network: Code
    origin: Origin
    data_folder: str


class Listen(Struct, frozen=True, forbid_unknown_fields=True):
    """Where peers connect."""

    port: Port
    host: str = "127.0.0.1"


class Inspection(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the operator's monitoring asks; no TLS, so keep it on loopback."""

    port: Port
    host: str = "127.0.0.1"


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway's certificate, its private key, and the authorities that may have signed a client's."""

    certificate_file: str
    key_file: str
    authorities_file: str


class CheckpointKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The private key under which the ledger is signed."""

    key_file: str


class DirectorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where editions arrive, and what was agreed on outside the directory.

    `key_set_file` is a `KeySet` in JSON; `grants_key` the central node's public grants key (base64url).
    """

    edition_file: str
    key_set_file: str
    grants_key: Digest | None = None
    poll_s: Annotated[float, Meta(ge=0.1, le=60)] = 1.0


class Law(Struct, frozen=True, forbid_unknown_fields=True):
    """The folder of agreements, one TOML file each."""

    agreements_folder: str


class Mqtt(Struct, frozen=True, forbid_unknown_fields=True):
    """A link through an MQTT 5 broker: where it is, who we are there, and the most that it may carry.

    `spki_sha256` pins the broker's TLS key; without it any broker of `authority_file` for this name will do.
    Gateways of one `group` share what endpoints submit, so they must share one store.
    """

    url: Annotated[str, Meta(pattern=r"^mqtts://[A-Za-z0-9.:\[\]-]{1,255}\Z")]
    certificate_file: str
    key_file: str
    authority_file: str
    clearance: Level = "restricted"
    spki_sha256: Digest | None = None
    group: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")] = "accord"
    limits: BrokerLimits = BrokerLimits()


class Links(Struct, frozen=True, forbid_unknown_fields=True):
    """Links besides the listener."""

    mqtt: Mqtt | None = None


class GatewaySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    gateway: Identity
    listen: Listen
    inspection: Inspection
    tls: Tls
    checkpoint: CheckpointKey
    directory: DirectorySettings
    law: Law
    links: Links = Links()
    limits: Limits = Limits()
    store: StoreLimits = StoreLimits()
    switch: SwitchLimits = SwitchLimits()
