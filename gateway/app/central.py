"""The central node's process: an endpoint, the records behind it, and an orderly stop.

It starts only with the lookup key under which its records were stored and with the grants key pinned; it
stops at once with 74 when disk or database fail. Cut off anywhere, the next start goes on from there.
"""

import asyncio
import os
import resource
import secrets
import signal
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from msgspec.structs import replace

from gateway.app.clock import wall_ms
from gateway.app.endpoint import Notify, read_identity
from gateway.app.notify import notify, watchdog_s
from gateway.central.database import FILE, Database, open_database
from gateway.central.documents import LookupKey
from gateway.central.node import Node
from gateway.central.outgoing import Desk
from gateway.crypto.digests import decode_base64url
from gateway.crypto.sealing import message_id
from gateway.domain.errors import ConfigurationError, FormatError, LedgerError
from gateway.endpoint.client import Endpoint
from gateway.endpoint.local_api import serve
from gateway.endpoint.office import Office
from gateway.settings.central import CentralSettings
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.source import load, read_secret
from gateway.store.data_directory import write_private_file
from gateway.telemetry.logs import configure, get_logger, refuse_debug
from gateway.wire import tls

TELL_EVERY_S = 60.0


class CentralProcess:
    """One central node, from its settings file; `run` is its whole life."""

    def __init__(self, config: Path) -> None:
        """Read settings and keys; nothing is opened for writing yet, but the lookup key is made if it must be.

        Raises:
            ConfigurationError: what is wrong, with file, key and remedy.
        """
        refuse_debug(os.environ)
        tls.refuse_key_log(os.environ)
        self._settings = load(config, CentralSettings, os.environ).values
        # Only credentials come from the environment: ACCORD__ names keys of central.toml.
        credentials = {name: os.environ[name] for name in ("CREDENTIALS_DIRECTORY",) if name in os.environ}
        self._endpoint_settings = load(Path(self._settings.endpoint_file), EndpointSettings, credentials).values
        self._key = read_lookup_key(Path(self._settings.lookup_key_file), Path(self._settings.data_folder))
        self._log = get_logger("central")
        self._stop = asyncio.Event()
        self._failure: LedgerError | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            ConfigurationError: a data folder is in use or somebody else's, or the lookup key is another one.
            LedgerError: disk or database have failed.
        """
        authority = self._endpoint_settings.authority
        configure(authority, version("accord"))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        async with self._endpoint() as endpoint:
            database = self._open_records(endpoint)
            try:
                office = Office(endpoint, authority, wall_ms)
                async with serve(office, Path(self._endpoint_settings.data_folder)):
                    await self._serve(endpoint, database)
            finally:
                await database.close()
        if self._failure is not None:
            raise self._failure
        self._log.info("stopped", exit_code=0)

    async def _serve(self, endpoint: Endpoint, database: Database) -> None:
        node = Node(endpoint, database, self._key, wall_ms, self._tell)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(task, name=name)
                for name, task in (
                    ("answer", node.run()),
                    ("endpoint", endpoint.failed()),
                    ("tell", self._keep_telling(node)),
                    ("watchdog", _keep_alive()),
                )
            ]
            self._log.info("started", authority=endpoint.authority, path=self._settings.data_folder)
            notify("READY=1")
            await self._stop.wait()
            notify("STOPPING=1")
            for task in tasks:
                task.cancel()

    def _endpoint(self) -> Endpoint:
        settings = self._endpoint_settings
        files = settings.tls
        identity = read_identity(settings)
        return Endpoint(
            replace(identity, grants_public=decode_base64url(self._settings.grants_key)),
            settings.gateways,
            Path(settings.data_folder),
            tls_identity=tls.Identity(Path(files.certificate_file), Path(files.key_file), Path(files.authority_file)),
            clock=wall_ms,
            limits=settings.limits,
            notify=Notify(settings.authority),
        )

    def _open_records(self, endpoint: Endpoint) -> Database:
        return open_database(
            Path(self._settings.data_folder),
            self._key,
            endpoint.authority,
            endpoint.network,
            Desk(endpoint.network, endpoint.authority, self._settings.handling, message_id),
            self._fail,
            self._settings.writer,
        )

    def _fail(self, failure: LedgerError) -> None:
        self._failure = failure
        self._log.error("records-failed", error=str(failure), exit_code=74)
        self._stop.set()

    def _tell(self, event: str, messages_n: int) -> None:
        self._log.warning(event, messages_n=messages_n)

    async def _keep_telling(self, node: Node) -> None:
        """Say once a minute how much was sent: numbers only, nobody's and no document's name."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            served, node.served = node.served, type(node.served)()
            for kind, count in sorted(served.items()):
                self._log.info(f"sent-{kind}", messages_n=count)


def read_lookup_key(path: Path, records: Path) -> LookupKey:
    """Return the key under which document numbers are stored; a node without records gets a new one.

    Raises:
        ConfigurationError: it is missing although records exist, open to others, or of another length.
    """
    if not path.exists() and not (records / FILE).exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError):
            # Where this place is read-only, the message below says what is missing.
            write_private_file(path, secrets.token_bytes(LookupKey.BYTES))
    try:
        return LookupKey(read_secret(path, "lookup key"))
    except FormatError as error:
        raise ConfigurationError(f"`{path}`: {error}", "restore the key under which the records were stored") from None


async def _keep_alive() -> None:
    """Tell systemd's watchdog that the event loop turns."""
    every_s = watchdog_s()
    while every_s is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
