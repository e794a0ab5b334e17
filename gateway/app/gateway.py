"""The gateway process: settings in, parts built, one TaskGroup of named tasks, an orderly stop.

Start: what is wrong with files, keys, edition or law ends the process before it listens (78, 65). Stop on SIGTERM:
nobody new, what was taken is committed and answered, goodbye to everybody, exit 0. SIGUSR1 (`accord drain`) does the
same and stays, so that an operator sees the last one go before the stop. A failure of the ledger stops at once with 74:
nobody hears of anything that is not on disk.
"""

import asyncio
import gc
import os
import resource
import signal
import ssl
from functools import partial
from importlib.metadata import version
from pathlib import Path

from gateway.app.broker import broker_rank, make_link, require_files
from gateway.app.clock import monotonic_ms, wall_ms
from gateway.app.directory import read_law_folder
from gateway.app.fitness import check_law, check_listed, read_checkpoint_key
from gateway.app.libraries import keep_freed, without_locks
from gateway.app.notify import notify, watchdog_s
from gateway.app.observing import (
    keep_comparing,
    keep_sampling,
    keep_scrubbing,
    keep_timing,
    observer,
    tell_certificates,
    tell_clock,
    tell_edition,
)
from gateway.app.storing import wait_for_store
from gateway.app.trusted import Refused, TrustedDirectory
from gateway.crypto.digests import decode_base64url
from gateway.domain.directory import Directory
from gateway.domain.errors import CapacityError, ConfigurationError, GatewayError, LedgerError
from gateway.links.inspection import Inspection
from gateway.links.mqtt import MqttLink
from gateway.links.server import Gateway as Links
from gateway.policy.consistency import refuse_contradictions
from gateway.policy.decide import Judge
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from gateway.store.interface import RecordEdition
from gateway.switch.history import History
from gateway.switch.in_force import InForce
from gateway.switch.sessions import Exchange
from gateway.switch.upkeep import keep_delivering, keep_expiring, review_spool
from gateway.telemetry.logs import configure, get_logger, refuse_debug
from gateway.telemetry.metrics import Metrics
from gateway.wire.tls import Identity, ReloadableContext, refuse_key_log, server_context


class GatewayProcess:
    """One gateway, from its settings file; `run` is its whole life."""

    def __init__(self, config: Path) -> None:
        """Read settings, keys, law and edition; nothing is opened for writing yet.

        Raises:
            ConfigurationError: what is wrong, with file, key and remedy.
            TrustError: no edition deserves trust.
        """
        refuse_debug(os.environ)
        refuse_key_log(os.environ)
        self._config = config
        self._settings = load(config, GatewaySettings, os.environ).values
        self._version = version("accord")
        self._metrics = Metrics(self._version)
        tell_clock(self._metrics)
        self._log = get_logger("gateway")
        self._key = read_checkpoint_key(self._settings)
        require_files(self._settings)
        self._broker_rank = broker_rank(self._settings)
        self._context = ReloadableContext.around(self._new_context())
        self._trusted = TrustedDirectory(self._settings)
        directory = self._trusted.start(wall_ms())
        check_listed(directory, self._settings, self._key)
        self._in_force = self._judged(directory)
        check_law(self._in_force.judge, self._settings)
        self._ended: asyncio.Future[None] | None = None
        self._look_now = asyncio.Event()
        self._drain_now = asyncio.Event()
        self._told: list[Refused] = []

    async def run(self) -> None:
        """Serve until a signal or a failure.

        Raises:
            ConfigurationError: the data directory is in use, frozen or of another log; an address is taken.
            LedgerError: the store has failed, or a peer has seen a ledger of ours that this one does not contain.
        """
        configure(self._settings.gateway.origin, self._version)
        self._tell_refusals()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        keep_freed()
        without_locks()
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        self._opened = await wait_for_store(self._settings, self._key, f"accord/{self._version}", loop, self._fail)
        self._store = self._opened.store
        try:
            self._trusted.keep()
            self._exchange = self._build_exchange()
            await self._serve(loop)
        finally:
            await self._opened.close()
        self._log.info("stopped", exit_code=0)

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._ended is not None
        links = Links(self._exchange, self._settings.limits, self._metrics, self._context)
        mqtt = make_link(
            self._settings, self._exchange, self._metrics, links.unjudged, lambda name: self._in_force.topics.get(name)
        )
        inspection = Inspection(self._exchange, self._settings.limits, self._metrics, partial(_degraded, mqtt))
        try:
            await self._listen(links, inspection)
            self._catch_signals(loop)
            async with asyncio.TaskGroup() as tasks:
                upkeep = [
                    tasks.create_task(task, name=name)
                    for name, task in (
                        ("deliver", keep_delivering(self._exchange)),
                        ("expire", keep_expiring(self._exchange)),
                        ("review", review_spool(self._exchange, self._store)),
                        ("edition", self._keep_looking()),
                        ("sample", keep_sampling(self._metrics, self._store, self._exchange, self._settings)),
                        ("compare", keep_comparing(self._metrics, self._history)),
                        ("scrub", keep_scrubbing(self._metrics, self._store)),
                        ("lag", keep_timing(self._metrics)),
                        ("drain", self._drain_when_asked(links, mqtt)),
                        ("watchdog", _keep_alive()),
                        *(() if mqtt is None else (("mqtt", mqtt.run()),)),
                    )
                ]
                # The start is over: what lives now lives long, and the collector need not look at it again.
                gc.collect()
                gc.freeze()
                # Messages make no cycles: look rarely, and never while a batch is under way.
                gc.set_threshold(50_000, 20, 100)
                notify("READY=1")
                try:
                    await self._ended
                    if mqtt is not None:
                        await mqtt.drain()
                finally:
                    for task in upkeep:
                        task.cancel()
        finally:
            notify("STOPPING=1")
            if self._store.failure is not None:
                self._exchange.close_all("fault")
            else:
                await self._drain(links)
            await links.stop()
            await inspection.stop()

    async def _drain_when_asked(self, links: Links, mqtt: MqttLink | None) -> None:
        await self._drain_now.wait()
        if mqtt is not None:
            await mqtt.drain()
        await self._drain(links)

    async def _drain(self, links: Links) -> None:
        """Move every connection to other gateways: nobody new, answers for what was taken, then goodbye."""
        self._exchange.begin_draining()
        self._log.info("draining", connections_n=self._exchange.connections())
        notify("STATUS=draining")
        await links.drain()
        self._log.info("drained", connections_n=self._exchange.connections())

    def _build_exchange(self) -> Exchange:
        identity = self._settings.gateway
        self._history = History(self._store, identity.origin, self._key.public, self._diverged)
        exchange = Exchange(
            identity.network,
            self._store,
            self._in_force,
            self._history,
            wall_ms,
            monotonic_ms,
            self._settings.switch,
            observer(self._metrics, self._store),
        )
        self._adopt(self._in_force)
        return exchange

    async def _listen(self, links: Links, inspection: Inspection) -> None:
        for name, part, address in (
            ("links", links, self._settings.listen),
            ("inspection", inspection, self._settings.inspection),
        ):
            try:
                port = await part.start(address.host, address.port)
            except OSError as error:
                why = os.strerror(error.errno) if error.errno else str(error)
                raise ConfigurationError(
                    f"cannot listen on {address.host}:{address.port}: {why.lower()}",
                    "stop whoever listens there, or set another port",
                ) from None
            self._log.info("listening", transport=name, host=address.host, port=port)

    def _catch_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number.name)
        loop.add_signal_handler(signal.SIGHUP, self._look_now.set)
        loop.add_signal_handler(signal.SIGUSR1, self._drain_now.set)

    def _stop(self, name: str) -> None:
        self._log.info("stopping", signal=name)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _fail(self, failure: LedgerError) -> None:
        self._metrics.store_errors.inc()
        self._log.error("ledger-failed", error=str(failure), exit_code=74)
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(failure)

    def _diverged(self, note: bytes) -> None:
        """Stop for good: a peer holds a checkpoint of ours that this ledger does not contain."""
        reason = "a peer holds a signed checkpoint that this ledger does not contain"
        self._store.freeze(reason, note)
        self._fail(LedgerError(f"{reason}: restore the newest copy of the data directory"))

    # The edition in force.

    def _judged(self, directory: Directory) -> InForce:
        return InForce(
            directory, Judge(directory, read_law_folder(self._settings.law.agreements_folder)), self._broker_rank
        )

    def _adopt(self, in_force: InForce) -> None:
        """Record that an edition came into use, and publish it."""
        edition = in_force.edition
        at_ms = wall_ms()
        tell_edition(self._metrics, in_force.directory, in_force.judge.law_sha256, at_ms)
        tell_certificates(self._metrics, self._settings)
        self._log.info("edition-in-force", edition=edition.number)
        try:
            self._store.put(
                RecordEdition(
                    number=edition.number,
                    sha256=decode_base64url(edition.sha256),
                    law_sha256=in_force.judge.law_sha256,
                    at_ms=at_ms,
                    token=None,
                )
            )
        except CapacityError as error:
            # Every decision names its edition, so the record of its beginning can wait for the next start.
            self._log.warning("edition-not-recorded", error=str(error))

    async def _keep_looking(self) -> None:
        """Take newer editions as they come, at once on SIGHUP; a revocation bites within `poll_s` and a moment."""
        while True:
            try:
                async with asyncio.timeout(self._settings.directory.poll_s):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            else:
                self._look_now.clear()
                self._reload()
            await self._look()

    async def _look(self) -> None:
        # In a thread: checking the keys of a large edition takes longer than a link should wait.
        directory = await asyncio.to_thread(self._trusted.look, wall_ms())
        self._tell_refusals()
        if directory is None:
            return
        try:
            in_force = await asyncio.to_thread(self._judged, directory)
        except ConfigurationError as error:
            # A revocation in the edition counts even where its law cannot be read: then nothing passes by that law.
            self._log.error("law-refused", error=error.what, remedy=error.remedy, edition=directory.edition.number)
            in_force = InForce(directory, Judge(directory, self._in_force.judge.law), self._broker_rank)
        self._swap(in_force)
        await review_spool(self._exchange, self._store)

    def _tell_refusals(self) -> None:
        """Log every refused edition once, not at every look."""
        for entry in self._trusted.refused:
            if entry not in self._told:
                self._log.error("edition-refused", path=str(entry.path), error=entry.reason)
        self._told = list(self._trusted.refused)

    def _swap(self, in_force: InForce) -> None:
        self._in_force = in_force
        self._exchange.swap(in_force)
        self._adopt(in_force)
        if in_force.judge.ground.mismatched:
            self._log.error("law-mismatch", remedy="put the agreements that the edition lists in place, then SIGHUP")

    def _reload(self) -> None:
        """Read settings, certificates and law again; what cannot change while running is named."""
        try:
            fresh = load(self._config, GatewaySettings, os.environ).values
            for section in fresh.__struct_fields__:
                if getattr(fresh, section) != getattr(self._settings, section):
                    self._log.warning("restart-needed", path=section)
            self._context.replace(self._new_context())
            in_force = self._judged(self._in_force.directory)
            edition = in_force.directory.edition
            refuse_contradictions(edition, in_force.judge.law, f"edition {edition.number}")
        except GatewayError as error:
            self._log.error("reload-refused", error=str(error))
            return
        if in_force.judge.law_sha256 != self._in_force.judge.law_sha256:
            self._swap(in_force)

    def _new_context(self) -> ssl.SSLContext:
        tls = self._settings.tls
        identity = Identity(Path(tls.certificate_file), Path(tls.key_file), Path(tls.authorities_file))
        return server_context(identity, lambda reason: self._metrics.tls_handshake_failures[reason].inc())


def _degraded(mqtt: MqttLink | None) -> dict[str, str]:
    """Name what is lost while the gateway serves on."""
    return {} if mqtt is None or mqtt.failure is None else {"mqtt": mqtt.failure}


async def _keep_alive() -> None:
    """Tell systemd's watchdog that the event loop turns."""
    every_s = watchdog_s()
    while every_s is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
