"""What the process measures of itself, every few seconds: sizes, free space, ages, how late the event loop runs."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gateway.app import pki
from gateway.app.clock import monotonic_ms, wall_ms
from gateway.app.probes import Probes
from gateway.app.storing import GatewayStore
from gateway.domain.directory import Directory
from gateway.domain.errors import CapacityError
from gateway.settings.gateway import GatewaySettings
from gateway.store.data_directory import free_bytes
from gateway.store.interface import Owed
from gateway.store.verdict import VerificationError
from gateway.switch.history import History
from gateway.switch.outcomes import Outcomes
from gateway.switch.sessions import Exchange
from gateway.telemetry.logs import get_logger
from gateway.telemetry.metrics import Metrics

SAMPLE_S = 5.0
LAG_S = 0.25
# One tile are 256 entries: at one a second, ten million entries are read again in eleven hours.
SCRUB_S = 1.0


def observer(metrics: Metrics, store: GatewayStore) -> Callable[[Outcomes], None]:
    """Return what the exchange calls once a committed batch."""
    log = get_logger("policy")
    probes = Probes(metrics.end_to_end_duration_seconds, lambda: monotonic_ms() / 1_000)

    def observe(outcomes: Outcomes) -> None:
        metrics.commit_batch_size.observe(outcomes.items)
        metrics.commit_duration_seconds.observe(store.commit_s())
        attempts = len(outcomes.booked) + sum(len(fresh) for fresh in outcomes.fresh.values())
        metrics.delivery_attempts["sent"].inc(attempts)
        metrics.delivery_attempts["withheld"].inc(len(outcomes.unbooked))
        metrics.ledger_checkpoint_timestamp_seconds.set(wall_ms() / 1000)
        metrics.decided(outcomes.permitted, outcomes.refused)
        metrics.messages_committed.inc(outcomes.permitted)
        metrics.duplicates.inc(outcomes.duplicates)
        metrics.acknowledged.inc(outcomes.acknowledged)
        probes.take(outcomes)
        if outcomes.failed:
            metrics.failed(outcomes.failed)
        for (rule, detail), times in outcomes.faults.items():
            remedy = "report it with `accord --version`; what it judges is refused until it is mended"
            log.error("rule-failed", rule_id=rule, error=detail, messages_n=times, remedy=remedy)

    return observe


def tell_edition(metrics: Metrics, directory: Directory, law_sha256: str, at_ms: int) -> None:
    """Publish which edition and which law are in force, and until when."""
    metrics.edition.set(directory.edition.number)
    metrics.edition_not_after_timestamp_seconds.set(directory.edition.not_after_ms / 1000)
    metrics.law_loaded_timestamp_seconds.set(at_ms / 1000)
    metrics.law(law_sha256)


def tell_certificates(metrics: Metrics, settings: GatewaySettings) -> None:
    """Publish when our own certificate and the authority that signs our peers' expire."""
    for role, file in (("server", settings.tls.certificate_file), ("client-authority", settings.tls.authorities_file)):
        until = pki.load_certificate(Path(file).read_bytes()).not_valid_after_utc
        metrics.certificate_not_after_timestamp_seconds[role].set(until.timestamp())


def tell_clock(metrics: Metrics) -> None:
    """Publish our clock, as it is at the moment of every scrape.

    How far it is off, Prometheus computes from the time at which it scraped. The kernel's own estimate (adjtimex) is
    closed to us by `ProtectClock=` of our unit, and says nothing where no NTP runs (docs/adr/0012-metrics.md).
    """
    metrics.clock_timestamp_seconds.set_function(lambda: wall_ms() / 1_000)


async def keep_sampling(metrics: Metrics, store: GatewayStore, exchange: Exchange, settings: GatewaySettings) -> None:
    """Publish sizes and ages, and log when the database goes and comes back; ends by cancellation."""
    folder = Path(settings.gateway.data_folder)
    log = get_logger("store")
    metrics.disk_watermark_bytes.set(settings.store.writer.disk_free_bytes_min)
    told: str | None = None
    unacknowledged = 0
    while True:
        away = store.away()
        if away is not None and told is None:
            log.error("store-away", error=str(away), retry_after_s=away.retry_after_s)
        elif away is None and told is not None:
            log.info("store-back")
        told = None if away is None else str(away)
        metrics.inflight["commit"].set(store.queued())
        metrics.inflight["delivery"].set(exchange.in_flight())
        metrics.delivery_attempts["unacknowledged"].inc(exchange.unacknowledged() - unacknowledged)
        unacknowledged = exchange.unacknowledged()
        metrics.wal_bytes.set(store.log_bytes())
        metrics.disk_free_bytes.set(free_bytes(folder))
        metrics.ledger_size.set(store.checkpoint().size)
        with suppress(CapacityError):
            metrics.store_bytes.set(await asyncio.to_thread(store.stored_bytes))
            tell_owed(metrics, await asyncio.to_thread(store.owed), wall_ms())
        await asyncio.sleep(SAMPLE_S)


def tell_owed(metrics: Metrics, owed: Mapping[int, Owed], at_ms: int) -> None:
    """Publish how much is owed and how old it is, by urgency; nothing owed is zero."""
    for urgency, (depth, age) in enumerate(
        zip(metrics.queue_depth, metrics.oldest_undelivered_age_seconds, strict=True)
    ):
        found = owed.get(urgency)
        depth.set(0 if found is None else found.deliveries_n)
        age.set(0 if found is None else max(0.0, (at_ms - found.oldest_at_ms) / 1_000))


async def keep_comparing(metrics: Metrics, history: History, every_s: float = SAMPLE_S) -> None:
    """Count what peers claim to have seen of our ledger and it does not contain; ends by cancellation.

    One line for whatever came since the last look, with whose claim was the last: a peer must not fill the log.
    """
    log = get_logger("ledger")
    remedy = (
        "have endpoints run `accord endpoint seen`: a signed checkpoint that this ledger does not contain proves it"
    )
    told = 0
    while True:
        found = history.unsigned_mismatches
        if found > told:
            metrics.ledger_claim_mismatches.inc(found - told)
            log.error("ledger-claim-mismatch", authority=history.claimed_by, rows_n=found - told, remedy=remedy)
        told = found
        await asyncio.sleep(every_s)


async def keep_scrubbing(metrics: Metrics, store: GatewayStore) -> None:
    """Read the ledger again, a tile a time, round and round; what was changed is told with its leaf (D5, O1)."""
    log = get_logger("ledger")
    tile = 0
    while True:
        await asyncio.sleep(SCRUB_S)
        try:
            tile = tile + 1 if store.scrub(tile) else 0
        except CapacityError:
            # The database is away; what is stored there is looked at when it is back.
            continue
        except VerificationError as error:
            # The alarm is for a person: what is stored stays as it is, as evidence, and other entries are sound.
            metrics.ledger_verify_failures.inc()
            log.error("ledger-changed", error=str(error), remedy="run `accord ledger verify` on a copy")
            tile += 1


async def keep_timing(metrics: Metrics) -> None:
    """Publish how late timers of the event loop run; ends by cancellation."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_S
        await asyncio.sleep(LAG_S)
        metrics.event_loop_lag_seconds.set(max(0.0, loop.time() - due))
