"""What the process tells its operators of a committed batch."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.app.observing import keep_comparing, observer, tell_clock, tell_owed
from gateway.crypto.digests import encode_base64url
from gateway.domain.statement import SeenCheckpoint
from gateway.store.interface import Owed
from gateway.switch.outcomes import Outcomes
from gateway.telemetry.metrics import Metrics
from tests.federation import ORIGIN
from tests.logged import logged
from tests.switch.bench import Bench, until


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An exchange over a fresh store."""
    made = Bench(tmp_path / "data")
    made.start()
    yield made
    await made.store.close()


def test_what_is_owed_is_published_by_priority_and_falls_to_zero() -> None:
    """A flash message that waits is seen as such, and what is delivered leaves no value behind."""
    metrics = Metrics("0.1.0")
    tell_owed(metrics, {0: Owed(3, 40_000), 2: Owed(1, 99_000)}, 100_000)
    waiting = [(depth(metrics, name), age(metrics, name)) for name in ("flash", "urgent", "routine")]
    tell_owed(metrics, {}, 200_000)
    after = [(depth(metrics, name), age(metrics, name)) for name in ("flash", "urgent", "routine")]

    assert waiting == [(3, 60.0), (0, 0.0), (1, 1.0)]
    assert after == [(0, 0.0)] * 3


def depth(metrics: Metrics, priority: str) -> float | None:
    """Return how much of a priority is owed."""
    return metrics.registry.get_sample_value("accord_queue_depth", {"priority": priority})


def age(metrics: Metrics, priority: str) -> float | None:
    """Return how old the oldest delivery of a priority is."""
    return metrics.registry.get_sample_value("accord_oldest_undelivered_age_seconds", {"priority": priority})


def test_clock_is_read_at_every_scrape() -> None:
    """The value is of the moment at which it is asked for, so that it can be held against the scraper's own time."""
    metrics = Metrics("0.1.0")
    tell_clock(metrics)
    told = [metrics.registry.get_sample_value("accord_clock_timestamp_seconds") or 0.0 for _ in range(2)]

    assert abs(told[0] - time.time()) < 5
    assert told[0] <= told[1]


async def test_attempts_are_counted_by_what_became_of_them(bench: Bench) -> None:
    """Fresh and booked deliveries are sent; one that ended on its way to disk is withheld; once a batch."""
    metrics = Metrics("0.1.0")
    observe = observer(metrics, bench.store)
    bench.connect("kz-mvd", room=0)
    sender = bench.connect("cz-police")
    bench.exchange.submit(sender, 0, "message", bench.envelope())
    await until(sender.answers, 1)
    row = bench.store.pending("kz-mvd", None, 1)[0]
    outcomes = Outcomes()
    outcomes.booked, outcomes.unbooked = [row, row], [row]
    observe(outcomes)

    assert {
        outcome: metrics.registry.get_sample_value("accord_delivery_attempts_total", {"outcome": outcome})
        for outcome in ("sent", "withheld", "unacknowledged")
    } == {"sent": 2, "withheld": 1, "unacknowledged": 0}


async def test_rule_that_raised_is_logged_once_a_batch_and_counted(bench: Bench) -> None:
    """Fail closed is not fail silent: one line names rule, type of error and remedy, and a counter goes up."""
    metrics = Metrics("0.1.0")
    outcomes = Outcomes()
    outcomes.refused["rule-failed"] = 3
    outcomes.faults["CZ-33", "third_party: KeyError"] = 3
    with logged() as lines:
        observer(metrics, bench.store)(outcomes)
        (line,) = lines("rule-failed")

    assert (line["rule_id"], line["error"]) == ("CZ-33", "third_party: KeyError")
    assert (line["level"], line["messages_n"]) == ("error", 3)
    assert line["remedy"]
    counted = metrics.registry.get_sample_value(
        "accord_decisions_total", {"decision": "refused", "reason": "rule-failed"}
    )
    assert counted == 3


async def test_claim_to_have_seen_more_of_the_ledger_is_counted_and_logged_once_a_look(bench: Bench) -> None:
    """ADR 0007.5: a claim that the ledger does not bear out stops nothing, and people hear of it."""
    metrics = Metrics("0.1.0")
    checkpoint = bench.store.checkpoint()
    recipient = bench.connect("kz-mvd")
    claims = [
        SeenCheckpoint(ORIGIN, checkpoint.size, encode_base64url(checkpoint.root)),
        SeenCheckpoint("other.example", 7_000, "A" * 43),
        SeenCheckpoint(ORIGIN, 7_000, "A" * 43),
        SeenCheckpoint(ORIGIN, checkpoint.size, "A" * 43),
    ]
    for number, seen in enumerate(claims):
        bench.exchange.acknowledge(recipient, number, bench.acknowledgement("kz-mvd", [bytes(32)], seen=seen))
    with logged() as lines:
        looking = asyncio.create_task(keep_comparing(metrics, bench.history, 0.01))
        await asyncio.sleep(0.1)
        looking.cancel()
        (line,) = lines("ledger-claim-mismatch")

    assert (line["level"], line["rows_n"], line["authority"]) == ("error", 2, "kz-mvd")
    assert line["remedy"]
    assert metrics.registry.get_sample_value("accord_ledger_claim_mismatches_total") == 2
    assert (bench.stopped, bench.failed, recipient.closed) == ([], [], None)
