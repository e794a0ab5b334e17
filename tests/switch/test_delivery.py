"""Delivery: order, bounds, second chances, and what stops a message that was admitted."""

import asyncio

import pytest
from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url
from gateway.domain.session import CloseReason
from gateway.store.sqlite.engine import DATABASE
from gateway.store.sqlite.owed import owed
from gateway.switch.limits import SwitchLimits
from gateway.switch.upkeep import keep_expiring, review_spool
from tests.federation import now_ms
from tests.switch.bench import Bench, header_digest, until


async def test_messages_queued_for_an_absent_recipient_come_most_urgent_first(bench: Bench) -> None:
    """Order is urgency, then ledger index, whatever the order of arrival (design section 1)."""
    sender = bench.connect("cz-police")
    raws = [bench.envelope(urgency=urgency) for urgency in ("routine", "urgent", "flash", "routine")]

    for number, raw in enumerate(raws):
        bench.exchange.submit(sender, number, "message", raw)
    await until(sender.answers, 4)
    recipient = bench.connect("kz-mvd")
    await until(recipient.deliveries, 4)

    expected = [header_digest(raws[position]) for position in (2, 1, 0, 3)]
    assert [delivery.header_sha256 for delivery in recipient.deliveries] == expected


async def test_threat_E12_slow_recipient_is_served_from_the_spool_without_loss(bench: Bench) -> None:
    """Threat E12: a recipient that takes nothing keeps nothing in memory, and later gets everything once."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd", room=2)
    raws = [bench.envelope() for _ in range(40)]

    for number, raw in enumerate(raws):
        bench.exchange.submit(sender, number, "message", raw)
    await until(sender.answers, 40)
    taken_at_first = len(recipient.deliveries)
    recipient.room = 10_000
    await until(recipient.deliveries, 40)

    assert taken_at_first == 2
    assert sorted(item.header_sha256 for item in recipient.deliveries) == sorted(header_digest(raw) for raw in raws)


async def test_unacknowledged_delivery_goes_to_another_session_of_the_recipient(bench: Bench) -> None:
    """After 30 s without acknowledgement another session gets the message, as a booked second attempt."""
    sender, first, second = bench.connect("cz-police"), bench.connect("kz-mvd", 0), bench.connect("kz-mvd", 1)

    bench.exchange.submit(sender, 0, "message", bench.envelope())
    while not first.deliveries and not second.deliveries:
        await asyncio.sleep(0.002)
    other = second if first.deliveries else first
    bench.later_ms = bench.limits.acknowledge_within_ms + 1
    await until(other.deliveries, 1)

    assert len(first.deliveries) == len(second.deliveries) == 1


async def test_session_that_ends_gives_its_deliveries_back(bench: Bench) -> None:
    """What a connection took and did not acknowledge is delivered again after it ends."""
    sender, first = bench.connect("cz-police"), bench.connect("kz-mvd")

    bench.exchange.submit(sender, 0, "message", bench.envelope())
    await until(first.deliveries, 1)
    bench.exchange.detach(first)
    second = bench.connect("kz-mvd", 1)
    await until(second.deliveries, 1)

    assert second.deliveries[0].header_sha256 == first.deliveries[0].header_sha256


@pytest.mark.parametrize("bench", [SwitchLimits(attempts_max=6)], indirect=True)
async def test_threat_E16_message_nobody_acknowledges_ends_and_the_next_one_proceeds(bench: Bench) -> None:
    """Threat E16: a poisonous message has a budget of attempts; it ends in evidence and blocks nobody."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")
    poison, healthy = bench.envelope(), bench.envelope()

    bench.exchange.submit(sender, 0, "message", poison)
    bench.exchange.submit(sender, 1, "message", healthy)
    await until(recipient.deliveries, 2)
    bench.exchange.acknowledge(recipient, 0, bench.acknowledgement("kz-mvd", [header_digest(healthy)]))
    for _ in range(bench.limits.attempts_max + 2):
        seen = len(recipient.deliveries)
        bench.later_ms += bench.limits.acknowledge_within_ms_max + 1
        bench.exchange.tick()
        async with asyncio.timeout(5):
            while len(recipient.deliveries) == seen and len(sender.evidence) < 2:
                await asyncio.sleep(0.001)
        if len(sender.evidence) == 2:
            break

    assert {item.header_sha256: item.kind for item in sender.evidence} == {
        header_digest(healthy): "acknowledged",
        header_digest(poison): "failed",
    }
    assert sender.evidence[-1].outcome == "attempts-exhausted"


async def test_expired_message_ends_in_failure_evidence(bench: Bench) -> None:
    """P-10: a message that expires in the queue ends in a recorded failure that its originator hears of."""
    sender = bench.connect("cz-police")

    bench.exchange.submit(sender, 0, "message", bench.envelope())
    await until(sender.answers, 1)
    bench.later_ms = 4 * 24 * 3_600_000
    expiring = asyncio.create_task(keep_expiring(bench.exchange))
    await until(sender.evidence, 1)
    expiring.cancel()

    assert (sender.evidence[0].kind, sender.evidence[0].outcome) == ("failed", "expired")
    assert bench.store.spooled() == 0


async def test_undecipherable_message_ends_in_evidence_under_the_recipients_key(bench: Bench) -> None:
    """wire.md: a wrap that does not open ends the delivery; the originator gets the recipient's signed word."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")

    bench.exchange.submit(sender, 0, "message", bench.envelope())
    await until(recipient.deliveries, 1)
    digest = recipient.deliveries[0].header_sha256
    bench.exchange.acknowledge(recipient, 0, bench.acknowledgement("kz-mvd", [digest], "undecipherable"))
    await until(sender.evidence, 1)

    assert sender.evidence[0].outcome == "undecipherable"
    assert bench.store.spooled() == 0


async def test_threat_E26_revoked_keys_queued_messages_are_stopped_at_dispatch(bench: Bench) -> None:
    """Threat E26: after an edition that marks the key compromised, nothing queued under it is dispatched."""
    sender = bench.connect("cz-police")
    for number in range(20):
        bench.exchange.submit(sender, number, "message", bench.envelope())
    await until(sender.answers, 20)
    edition = bench.federation.edition(2, bench.directory.sha256)
    czech = next(each for each in edition.authorities if each.id == "cz-police")
    kid = encode_base64url(bench.members[0].keys["message"].kid)
    keys = tuple(
        replace(key, status="compromised", invalid_from_ms=bench.federation.at_ms) if key.kid == kid else key
        for key in czech.keys
    )
    authorities = tuple(replace(czech, keys=keys) if each is czech else each for each in edition.authorities)
    newer = bench.federation.directory(replace(edition, authorities=authorities), bench.directory)

    bench.exchange.swap(bench.in_force(newer))
    await review_spool(bench.exchange, bench.store)
    await until(sender.evidence, 20)
    recipient = bench.connect("kz-mvd")
    await asyncio.sleep(0.05)

    assert {item.outcome for item in sender.evidence} == {"key-compromised"}
    assert recipient.deliveries == []
    assert sender.editions == [2]


async def test_threat_N3_revoked_certificate_loses_its_live_connection_and_no_other(bench: Bench) -> None:
    """Threat N3: a newer edition closes the connections of a revoked certificate at once, others live on."""
    first, second = bench.connect("kz-mvd", 0), bench.connect("kz-mvd", 1)
    edition = bench.federation.edition(2, bench.directory.sha256)
    authorities = tuple(
        replace(
            each,
            endpoints=tuple(
                replace(endpoint, revoked=endpoint.spki_sha256 == first.peer.spki_sha256) for endpoint in each.endpoints
            ),
        )
        for each in edition.authorities
    )
    newer = bench.federation.directory(replace(edition, authorities=authorities), bench.directory)

    bench.exchange.swap(bench.in_force(newer))

    closed: list[CloseReason | None] = [first.closed, second.closed]
    assert closed == ["revoked", None]
    assert bench.exchange.peer(first.peer.spki_sha256) is None


async def test_after_a_restart_what_was_admitted_is_delivered_once(bench: Bench) -> None:
    """P-07, P-10: recovery is the normal path; the spool outlives the process."""
    sender = bench.connect("cz-police")
    raws = [bench.envelope() for _ in range(5)]
    for number, raw in enumerate(raws):
        bench.exchange.submit(sender, number, "message", raw)
    await until(sender.answers, 5)
    await bench.store.close()

    bench.start()
    recipient = bench.connect("kz-mvd")
    bench.exchange.tick()
    await until(recipient.deliveries, 5)

    assert [item.header_sha256 for item in recipient.deliveries] == [header_digest(raw) for raw in raws]


async def test_what_is_owed_is_told_by_urgency_while_it_is_owed(bench: Bench) -> None:
    """S-16: `queue_depth` and `oldest_undelivered_age_seconds` have a truth behind them, for each urgency."""
    database = bench.folder / DATABASE
    sender = bench.connect("cz-police")
    nothing = owed(database)
    begun_ms = now_ms()
    for number, urgency in enumerate(("routine", "flash", "routine")):
        bench.exchange.submit(sender, number, "message", bench.envelope(urgency=urgency))
    await until(sender.answers, 3)

    found = owed(database)

    assert nothing == {}
    assert {urgency: each.deliveries_n for urgency, each in found.items()} == {0: 1, 2: 2}
    assert begun_ms <= min(each.oldest_at_ms for each in found.values()) <= now_ms()
    assert bench.store.commit_s() > 0


@pytest.mark.parametrize("bench", [SwitchLimits(acknowledge_within_ms=1_000)], indirect=True)
async def test_deliveries_under_way_and_those_nobody_acknowledged_are_counted(bench: Bench) -> None:
    """S-16: `inflight` falls with an acknowledgement; silence is counted once an attempt."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")
    for number in range(2):
        bench.exchange.submit(sender, number, "message", bench.envelope())
    await until(recipient.deliveries, 2)
    under_way = bench.exchange.in_flight()
    bench.exchange.acknowledge(recipient, 0, bench.acknowledgement("kz-mvd", [recipient.deliveries[0].header_sha256]))
    await until(recipient.answers, 1)
    left = bench.exchange.in_flight()
    bench.later_ms += 2_000
    await until(recipient.deliveries, 3)

    assert (under_way, left) == (2, 1)
    assert bench.exchange.unacknowledged() == 1
