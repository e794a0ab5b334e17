"""Would this start, and why not: every precondition of a gateway or an endpoint; nothing is changed by looking."""

import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from cryptography import x509
from msgspec import Struct

from gateway.app import pki
from gateway.app.directory import read_law_folder
from gateway.app.fitness import check_law, check_listed, read_checkpoint_key
from gateway.app.storing import read_password, require_client
from gateway.app.trusted import TrustedDirectory
from gateway.central.database import FILE as RECORDS
from gateway.crypto.keys import from_pem
from gateway.domain.directory import Directory
from gateway.domain.errors import ConfigurationError, GatewayError
from gateway.policy.decide import Judge
from gateway.settings.central import CentralSettings
from gateway.settings.endpoint import EndpointSettings, KeyFile
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import read_bytes, read_secret
from gateway.store.data_directory import claim, free_bytes
from gateway.store.frozen import refuse_frozen
from gateway.store.sqlite.connection import library
from gateway.telemetry.logs import refuse_debug
from gateway.wire.tls import Identity, client_context, knows_early_data, refuse_key_log, server_context
from gateway.wire.topics import topic_id

Outcome = Literal["ok", "warning", "configuration", "unavailable", "untrusted", "refused"]
WARN_DAYS = 30
DAY_MS = 24 * 3_600_000
BELONG = "certificate, key and authority belong together"
OURS_ALONE = "readable, for nobody else"
# X25519MLKEM768 in TLS needs it; without, a recorder of traffic may read headers once it has a quantum computer.
OPENSSL_HYBRID = (3, 5)


class Found(Struct, frozen=True):
    """What one check found; `remedy` says what to do where it is not ok."""

    check: str
    outcome: Outcome
    detail: str
    remedy: str = ""


def check_gateway(settings: GatewaySettings, at_ms: int) -> Iterator[Found]:
    """Yield what stands for and against a start of this gateway; it goes on after a failure."""
    yield from check_platform()
    tls = settings.tls
    files = Identity(Path(tls.certificate_file), Path(tls.key_file), Path(tls.authorities_file))
    yield _tried("tls", partial(server_context, files), BELONG)
    yield from _certificate(files.certificate, at_ms)
    yield _secret("tls key", files.key)
    yield _tried("checkpoint key", partial(read_checkpoint_key, settings), OURS_ALONE)
    directory: list[Directory] = []
    yield _tried("directory", partial(_edition, settings, at_ms, directory))
    for found in directory:
        yield _expiry("edition", found.edition.not_after_ms, at_ms, "build and sign the next one")
        yield _tried("listed", partial(_listed, found, settings))
        yield _tried("law", partial(_law, found, settings))
    if settings.directory.grants_key is None:
        yield Found("grants", "warning", "no grants key is pinned: queries are refused", "set directory.grants_key")
    mqtt = settings.links.mqtt
    if mqtt is not None:
        ours = Identity(Path(mqtt.certificate_file), Path(mqtt.key_file), Path(mqtt.authority_file))
        yield _tried("broker tls", partial(client_context, ours, mqtt.spki_sha256), BELONG)
        yield _secret("broker key", ours.key)
    yield from _data(settings)
    if settings.store.engine == "postgres":
        yield _database(settings)
    for name, address in (("links", settings.listen), ("inspection", settings.inspection)):
        yield _port(name, address.host, address.port)


def check_endpoint(settings: EndpointSettings, at_ms: int) -> Iterator[Found]:
    """Yield what stands for and against a start of this endpoint, without asking the gateway."""
    yield from check_platform()
    tls = settings.tls
    files = Identity(Path(tls.certificate_file), Path(tls.key_file), Path(tls.authority_file))
    pin = settings.gateways[0].spki_sha256
    yield _tried("tls", partial(client_context, files, pin), BELONG)
    yield from _certificate(files.certificate, at_ms)
    yield _secret("tls key", files.key)
    for key in settings.keys:
        yield _tried(f"{key.role} key", partial(_read_key, key), key.key_file)
    if any(address.url.startswith("mqtts:") for address in settings.gateways):
        broker = settings.broker or tls
        ours = Identity(Path(broker.certificate_file), Path(broker.key_file), Path(broker.authority_file))
        yield _tried("broker tls", partial(client_context, ours, None), BELONG)
        yield _secret("broker key", ours.key)
        name = topic_id(settings.network, settings.authority)
        yield Found("topics", "ok", f"{name} is our name at a broker: the common name of that certificate")


def check_central(settings: CentralSettings, endpoint: EndpointSettings, at_ms: int) -> Iterator[Found]:
    """Yield what stands for and against a start of this central node: its endpoint, its records, its lookup key."""
    yield from check_endpoint(endpoint, at_ms)
    records = Path(settings.data_folder)
    yield Found("records", "ok", f"`{records}`" if records.exists() else f"`{records}` will be made")
    key = Path(settings.lookup_key_file)
    if key.exists() or (records / RECORDS).exists():
        yield _tried("lookup key", partial(read_secret, key, "lookup key"), OURS_ALONE)
    else:
        yield Found("lookup key", "ok", f"`{key}` will be made; keep a copy of it apart from the records")


def check_platform() -> Iterator[Found]:
    """Yield versions of what the security rests on, with what is known against them."""
    yield _python(sys.version.split()[0], knows_early_data())
    sqlite, _, defect = library().partition(" ")
    if defect:
        yield Found("sqlite", "warning", f"{sqlite} {defect}", "prefer 3.51.3 or newer")
    else:
        yield Found("sqlite", "ok", sqlite)
    if ssl.OPENSSL_VERSION_INFO[:2] < OPENSSL_HYBRID:
        yield Found(
            "openssl", "warning", f"{ssl.OPENSSL_VERSION}: TLS key exchange is classical", "3.5 brings X25519MLKEM768"
        )
    else:
        yield Found("openssl", "ok", ssl.OPENSSL_VERSION)
    yield Found("libsodium", "ok", f"as PyNaCl {version('pynacl')} brings it")
    for refuse in (refuse_key_log, refuse_debug):
        yield from _only_failures(_tried("environment", partial(refuse, os.environ), ""))


def worst(found: list[Found]) -> Outcome:
    """Return the gravest outcome: configuration before trust before availability."""
    outcomes = {entry.outcome for entry in found}
    grave: tuple[Outcome, ...] = ("configuration", "untrusted", "refused", "unavailable", "warning")
    return next((outcome for outcome in grave if outcome in outcomes), "ok")


def _tried(check: str, act: Callable[[], object], detail: str | None = None) -> Found:
    """Return ok with `detail`, or with what `act` says; else what it raised, in our words."""
    try:
        said = act()
        return Found(check, "ok", str(said) if detail is None else detail)
    except ConfigurationError as error:
        return Found(check, "configuration", error.what, error.remedy)
    except GatewayError as error:
        return Found(check, "untrusted", str(error), "get the right file from whoever keeps the directory")
    except OSError as error:
        where = f" `{error.filename}`" if error.filename else ""
        return Found(check, "configuration", f"{error.strerror or error}{where}".lower(), "mend the path or its rights")


def _python(number: str, mended: bool) -> Found:
    if mended:
        return Found("python", "ok", f"{number}, CVE-2023-40217 mended")
    detail = (
        f"{number}: CVE-2023-40217 is open; our listeners and WebSockets are not reached by it, a broker's link may be"
    )
    return Found("python", "warning", detail, "install the security updates of your distribution, or 3.11.5 or newer")


def _only_failures(found: Found) -> Iterator[Found]:
    if found.outcome != "ok":
        yield found


def _edition(settings: GatewaySettings, at_ms: int, into: list[Directory]) -> str:
    trusted = TrustedDirectory(settings)
    directory = trusted.start(at_ms)
    into.append(directory)
    refused = "".join(f"; refused: {entry.path}: {entry.reason}" for entry in trusted.refused)
    return f"edition {directory.edition.number} of {directory.edition.network}{refused}"


def _listed(directory: Directory, settings: GatewaySettings) -> str:
    check_listed(directory, settings, read_checkpoint_key(settings))
    return f"edition {directory.edition.number} lists {settings.gateway.origin} with these keys"


def _law(directory: Directory, settings: GatewaySettings) -> str:
    law = read_law_folder(settings.law.agreements_folder)
    check_law(Judge(directory, law), settings)
    return f"{len(law.agreements)} agreements, as the edition lists them"


def _secret(check: str, path: Path) -> Found:
    return _tried(check, partial(read_secret, path, check), OURS_ALONE)


def _read_key(key: KeyFile) -> None:
    from_pem(key.role, read_secret(Path(key.key_file), f"{key.role} key"))


def _certificate(path: Path, at_ms: int) -> Iterator[Found]:
    try:
        certificate = pki.load_certificate(read_bytes(path, "certificate"))
    except ConfigurationError as error:
        yield Found("certificate", "configuration", error.what, "have your CA sign the request, put the result there")
        return
    except GatewayError as error:
        yield Found("certificate", "configuration", f"`{path}`: {error}", "put the PEM certificate there")
        return
    yield from _validity(certificate, at_ms)


def _validity(certificate: x509.Certificate, at_ms: int) -> Iterator[Found]:
    begins = int(certificate.not_valid_before_utc.timestamp() * 1000)
    if at_ms < begins:
        yield Found("certificate", "configuration", "it is not valid yet", "set the clock, or wait")
    ends = int(certificate.not_valid_after_utc.timestamp() * 1000)
    yield _expiry("certificate", ends, at_ms, "have a new one issued: accord keys request")


def _expiry(check: str, not_after_ms: int, at_ms: int, remedy: str) -> Found:
    until = datetime.fromtimestamp(not_after_ms // 1000, UTC).strftime("%Y-%m-%d")
    if at_ms >= not_after_ms:
        return Found(check, "configuration", f"it expired on {until}", remedy)
    days = (not_after_ms - at_ms) // DAY_MS
    # An edition is made to be short-lived; a certificate gives notice a month ahead.
    warned = WARN_DAYS if check == "certificate" else WARN_DAYS // 4
    return Found(check, "warning" if days < warned else "ok", f"good until {until} ({days} days)", remedy)


def _data(settings: GatewaySettings) -> Iterator[Found]:
    path = Path(settings.gateway.data_folder)
    if not path.exists():
        yield Found("data", "ok", f"`{path}` will be made")
        return
    yield _tried("data", partial(refuse_frozen, path), f"`{path}`")
    try:
        claim(path).close()
    except ConfigurationError as error:
        in_use = "in use" in error.what
        yield Found("data", "unavailable" if in_use else "configuration", error.what, error.remedy)
    free, floor = free_bytes(path), settings.store.writer.disk_free_bytes_min
    if free < floor:
        yield Found("disk", "unavailable", f"{free} bytes free, at least {floor} are needed", "make room")


def _database(settings: GatewaySettings) -> Found:
    """Ask PostgreSQL what it is and how it is set; nothing is written."""
    try:
        require_client()
        from gateway.store.postgres.offline import inspect

        said = inspect(settings.store.postgres, read_password(settings), settings.gateway.origin)
    except ConfigurationError as error:
        return Found("database", "configuration", error.what, error.remedy)
    except GatewayError as error:
        return Found("database", "unavailable", str(error), "start the server, or mend `store.postgres.dsn`")
    return Found("database", "ok", said)


def _port(name: str, host: str, port: int) -> Found:
    if port == 0:
        return Found(name, "warning", "port 0: the system chooses one at each start", "set a port")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Found(
            name,
            "unavailable",
            f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}",
            "stop whoever listens there, or set another port",
        )
    return Found(name, "ok", f"{host}:{port} is free")
