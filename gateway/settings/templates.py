"""The settings files that `accord init` writes: every key that must be set, every bound with its default.

Bounds are printed from the structs that define them, so that a template can never lag behind the code.
"""

import msgspec

from gateway.endpoint.limits import EndpointLimits
from gateway.store.limits import StoreLimits
from gateway.switch.limits import SwitchLimits
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.limits import Limits

_GATEWAY = """\
# Settings of a gateway. Unknown keys are refused; relative paths count from the folder of this file.
# Over this file lie conf.d/*.toml beside it, then the environment: ACCORD__LISTEN__PORT=8443.
# `accord check --config {config}` says whether the gateway would start, and why not.

[gateway]
# The name of the federation; it stands in every signed object, so that nothing of one network counts in another.
network = "{network}"
# The origin of this gateway's ledger (a name, no address); the directory lists it with the checkpoint key.
origin = "{origin}"
# Ledger, spool, the last edition that was accepted. One gateway, one folder, on a local disk, mode 0700.
data_folder = "{data_folder}"

# Where authorities connect: TLS 1.3, client certificate required.
[listen]
host = "{host}"
port = {port}

# /metrics, /healthz, /readyz without TLS: keep it on loopback or in the management network.
[inspection]
host = "127.0.0.1"
port = {inspection_port}

# PEM files; the key has mode 0600, or is a bare name ("tls-key.pem") that systemd holds in $CREDENTIALS_DIRECTORY.
# `authorities_file`: the private CAs that may have signed a client's certificate; no others are believed.
[tls]
certificate_file = "{tls}/cert.pem"
key_file = "{tls}/key.pem"
authorities_file = "{tls}/ca.pem"

# The private key that signs the ledger (Ed25519, mode 0600, or a credential). A new key is a new ledger.
[checkpoint]
key_file = "{checkpoint_key}"

# The signed directory. A newer edition in `edition_file` is verified and swapped in while running (or on SIGHUP);
# an older one never comes back. The key set was agreed on by hand, outside the directory.
[directory]
edition_file = "{directory}/edition.accord"
key_set_file = "{directory}/key-set.json"
{grants_key}
# How often the file is looked at.
poll_s = 1.0

# The agreements, one TOML file each. Their digests must be those that the edition lists.
[law]
agreements_folder = "{agreements}"

# A link through an MQTT 5 broker that you run already: deploy/mosquitto, docs/adr/0009-mqtt.md. Left out: none.
# `accord check --broker URL` tries what the broker must grant, and what it must refuse.
# [links.mqtt]
# url = "mqtts://broker.example.org:8883"
# The certificate of this gateway for the broker; its common name is a user of the broker's access rules.
# certificate_file = "broker/cert.pem"
# key_file = "broker/key.pem"
# authority_file = "broker/ca.pem"
# The broker's TLS key (base64url of SHA-256 of its SPKI); left out: any of that CA with that name.
# spki_sha256 = "..."
# The most that the broker may see. A confidential fact never goes through it.
# clearance = "restricted"
# Gateways of one group share what endpoints submit; all behind one broker must share one store (PostgreSQL).
# group = "accord"
# [links.mqtt.limits]
{broker}

# Bounds of the listener and its connections; the numbers are the defaults.
[limits]
{limits}

# What one authority may ask of the gateway, and how long a recipient may take. Signed batches of acknowledgements have
# a share of their own.
[switch]
{switch}

# "sqlite" keeps everything in `data_folder`; "postgres" is for several gateways on one database (ADR 0008):
# `accord store migrate` moves a deployment there.
[store]
{store}

# Below `disk_free_bytes_min` nothing new is taken and what is owed goes on; below a quarter of it, or with a log of
# twice `wal_bytes_max`, acknowledgements and deliveries wait as well. Nothing is lost by that.
[store.writer]
{writer}

# Only with engine = "postgres". No password in `dsn`: name a file of mode 0600, or a credential. Of several hosts
# the primary is found. Gateways that share a database share `schema`.
# Such as `dsn = "postgresql://accord@db.example.org/accord"` and `password_file = "keys/database-password"`.
[store.postgres]
{postgres}
"""

_ENDPOINT = """\
# Settings of the endpoint of {authority}. Unknown keys are refused; relative paths count from this file's folder.

authority = "{authority}"
network = "{network}"
# Outbox, inbox, receipts: nothing is lost that lies here. Mode 0700, one process.
data_folder = "data"
{central}
[[gateways]]
{gateway}

# The gateway through an MQTT broker is one more entry: `url = "mqtts://host:8883"`, `spki_sha256` the key there.
# Our certificate there has the opaque id of our topics as its name, and the directory lists it as `link = "broker"`:
# [broker]
# certificate_file = "broker/cert.pem"
# key_file = "broker/key.pem"
# authority_file = "broker/ca.pem"

# The root of all trust: the directory keys, agreed on by hand.
[trust]
key_set_file = "directory/key-set.json"

[tls]
certificate_file = "tls/cert.pem"
key_file = "tls/key.pem"
authority_file = "tls/ca.pem"
{keys}
# The numbers are the defaults.
[limits]
{limits}
"""


def gateway_toml(
    *,
    config: str,
    network: str,
    origin: str,
    data_folder: str,
    host: str,
    port: int,
    inspection_port: int,
    tls: str,
    checkpoint_key: str,
    directory: str,
    agreements: str,
    grants_key: str | None,
) -> str:
    """Return an annotated `gateway.toml`."""
    granted = "# The central node's public grants key (base64url), pinned here and nowhere else (CA-12).\n"
    granted += f'grants_key = "{grants_key}"' if grants_key else '# grants_key = "..."'
    store = StoreLimits()
    return _GATEWAY.format(
        config=config,
        network=network,
        origin=origin,
        data_folder=data_folder,
        host=host,
        port=port,
        inspection_port=inspection_port,
        tls=tls,
        checkpoint_key=checkpoint_key,
        directory=directory,
        agreements=agreements,
        grants_key=granted,
        broker=defaults(BrokerLimits()),
        limits=defaults(Limits()),
        switch=defaults(SwitchLimits()),
        store=defaults(store),
        writer=defaults(store.writer),
        postgres=_shared(store),
    )


def endpoint_toml(*, authority: str, network: str, gateway: str, roles: tuple[str, ...], central: str | None) -> str:
    """Return an annotated `endpoint.toml`; `gateway` are the TOML lines that say where the gateway is."""
    keys = "".join(f'\n[[keys]]\nrole = "{role}"\nkey_file = "keys/{role}.pem"\n' for role in roles)
    asked = f'# Whom `accord query` asks.\ncentral = "{central}"\n' if central else ""
    return _ENDPOINT.format(
        authority=authority,
        network=network,
        central=asked,
        gateway=gateway,
        keys=keys,
        limits=defaults(EndpointLimits()),
    )


def _shared(store: StoreLimits) -> str:
    """Return the settings of PostgreSQL that have a default; a password has none."""
    lines = defaults(store.postgres).splitlines()
    return "\n".join(line for line in lines if not line.startswith("# password_file"))


def defaults(limits: msgspec.Struct) -> str:
    """Return the fields of a struct of bounds as commented TOML lines."""
    values = msgspec.structs.asdict(limits)
    return "\n".join(
        f"# {name} = {_spelled(value)}" for name, value in values.items() if not isinstance(value, msgspec.Struct)
    )


def _spelled(value: object) -> str:
    """Return a default as TOML has it."""
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:_}" if isinstance(value, int) else str(value)
