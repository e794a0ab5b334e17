"""The endpoint process, and the way of a command to an endpoint: the one that runs, or one of its own.

`run_endpoint` is a daemon: it holds the data directory, stays connected and serves the local interface. A command
finds it by the socket in the data directory; where nobody holds that directory, the command opens it itself.
"""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from msgspec.structs import replace

from gateway.app.clock import wall_ms
from gateway.app.editions import read_key_set
from gateway.app.notify import notify
from gateway.crypto.digests import decode_base64url
from gateway.crypto.keys import SecretKey, from_pem
from gateway.domain.errors import CapacityError, ConfigurationError, FormatError
from gateway.endpoint.client import Endpoint
from gateway.endpoint.identity import GatewayAddress, Identity, KeyRing
from gateway.endpoint.keeping import Notice
from gateway.endpoint.local_api import Desk, OwnDesk, other_desk, serve
from gateway.endpoint.office import Office
from gateway.settings.endpoint import BrokerTls, EndpointSettings, KeyFile, TlsSettings
from gateway.settings.source import load, read_secret
from gateway.telemetry.logs import configure, get_logger, refuse_debug
from gateway.wire import tls

# A command that finds the directory held by another command waits this long for its turn.
TURN_S = 10.0
TURN_LOOK_S = 0.1


def read_identity(settings: EndpointSettings) -> Identity:
    """Return who the endpoint of these settings is.

    Raises:
        ConfigurationError: a key is missing, readable by others, or of another kind than its role.
    """
    return Identity(
        authority=settings.authority,
        network=settings.network,
        ring=KeyRing.of(_read_key(entry) for entry in settings.keys),
        trusted=read_key_set(Path(settings.trust.key_set_file)),
        siblings=frozenset(decode_base64url(kid) for kid in settings.trust.siblings),
    )


def make_endpoint(settings: EndpointSettings, notify_of: "Notify | None" = None) -> Endpoint:
    """Return an endpoint as its settings describe it; nothing is opened yet."""
    return Endpoint(
        read_identity(settings),
        settings.gateways,
        Path(settings.data_folder),
        tls_identity=_tls_identity(settings.tls),
        broker_identity=broker_identity(settings),
        clock=wall_ms,
        limits=settings.limits,
        notify=notify_of or _unheard,
    )


def broker_identity(settings: EndpointSettings) -> tls.Identity:
    """Return who this endpoint is to an MQTT broker."""
    return _tls_identity(settings.broker or settings.tls)


class Notify:
    """Writes what an endpoint notices to the log."""

    def __init__(self, authority: str) -> None:
        """Log for one authority."""
        self._log = get_logger("endpoint")
        self._authority = authority

    def __call__(self, notice: Notice) -> None:
        """Write one line; alarms are errors."""
        speak = self._log.error if notice.event.startswith(("alarm-", "store-")) else self._log.info
        speak(notice.event, authority=self._authority, host=notice.gateway or None, error=notice.detail or None)


async def run_endpoint(config: Path) -> None:
    """Run the endpoint of a settings file until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: a file, key or directory is not usable.
        LedgerError: the disk has failed.
    """
    refuse_debug(os.environ)
    tls.refuse_key_log(os.environ)
    settings = load(config, EndpointSettings, os.environ).values
    configure(settings.authority, version("accord"))
    # A core file would hold our keys.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log = get_logger("endpoint")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with make_endpoint(settings, Notify(settings.authority)) as endpoint:
        office = Office(endpoint, settings.central, wall_ms)
        async with serve(office, Path(settings.data_folder)):
            log.info("started", authority=settings.authority, path=settings.data_folder)
            notify("READY=1")
            await _until_stopped(stop, endpoint)
            notify("STOPPING=1")
    log.info("stopped", authority=settings.authority)


@asynccontextmanager
async def open_desk(config: Path, *, connect: bool, via: str | None = None) -> AsyncIterator[Desk]:
    """Give a desk: of the running endpoint if there is one, else of our own, connected if asked for.

    `via` names the only gateway or broker to be called, by its address in the settings.

    Raises:
        ConfigurationError: the settings or files are not usable, or an endpoint runs that has its own link.
        CapacityError: another command holds the data directory for too long.
    """
    settings = load(config, EndpointSettings, os.environ).values
    if via is not None:
        settings = replace(settings, gateways=_only(settings, via))
    folder = Path(settings.data_folder)
    end_s = asyncio.get_running_loop().time() + TURN_S
    while True:
        async with other_desk(folder) as desk:
            if desk is not None and via is not None:
                raise ConfigurationError(
                    "an endpoint runs on this data directory and keeps its own connection",
                    "leave --via out, or stop it: its order of [[gateways]] is what counts",
                )
            if desk is not None:
                yield desk
                return
        endpoint = make_endpoint(settings)
        try:
            await endpoint.open()
        except ConfigurationError as error:
            if "is in use by process" not in error.what:
                raise
            if asyncio.get_running_loop().time() > end_s:
                raise CapacityError("data directory", 1) from error
            await asyncio.sleep(TURN_LOOK_S)
            continue
        break
    try:
        if connect:
            endpoint.connect()
        yield OwnDesk(Office(endpoint, settings.central, wall_ms))
    finally:
        await endpoint.close()


async def _until_stopped(stop: asyncio.Event, endpoint: Endpoint) -> None:
    waits = {asyncio.create_task(stop.wait()), asyncio.create_task(endpoint.failed())}
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()


def _only(settings: EndpointSettings, via: str) -> tuple[GatewayAddress, ...]:
    found = tuple(address for address in settings.gateways if address.url == via.rstrip("/"))
    if not found:
        known = ", ".join(address.url for address in settings.gateways)
        raise ConfigurationError(
            f"`{via}` is no address of [[gateways]] (there are: {known})", "name it there, with origin and pinned key"
        )
    return found


def _tls_identity(files: TlsSettings | BrokerTls) -> tls.Identity:
    return tls.Identity(Path(files.certificate_file), Path(files.key_file), Path(files.authority_file))


def _read_key(entry: KeyFile) -> SecretKey:
    path = Path(entry.key_file)
    try:
        return from_pem(entry.role, read_secret(path, f"{entry.role} key"))
    except FormatError as error:
        raise ConfigurationError(f"`{path}`: {error}", f"give the key of role `{entry.role}`") from None


def _unheard(_: Notice) -> None:
    """Commands tell what they found themselves."""
