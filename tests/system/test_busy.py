"""Bounds of a running gateway: whoever reaches one hears when to come back, and nobody else notices."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.domain.session import Answer
from gateway.endpoint import inbox
from gateway.endpoint.limits import EndpointLimits
from gateway.store.sqlite.engine import DATABASE
from tests.app.processes import Running
from tests.system.house import House, header_digest, ledger_size
from tests.system.peers import Caller, acknowledgement, calling, digests, eventually

BURST, SPOOL = 40, 60
SETTINGS = f"""
[switch]
messages_per_s = 1
messages_burst = {BURST}
[store]
spooled_deliveries_max = {SPOOL}
"""
ACKNOWLEDGED_AT_ONCE = 2
ACKNOWLEDGING = f"[switch]\nacknowledgements_per_s = 1\nacknowledgements_burst = {ACKNOWLEDGED_AT_ONCE}\n"
SIGNED = {"Content-Type": "application/vnd.accord.acknowledgements+msgpack"}
LOG_BYTES_MAX = 512 * 1024
LOG_SETTINGS = f"[store.writer]\ncheckpoint_bytes = {LOG_BYTES_MAX // 4}\nwal_bytes_max = {LOG_BYTES_MAX}\n"
CHUNK = 25
ENOUGH_CHUNKS = 80


def _kinds(answers: list[Answer]) -> list[str]:
    return [answer.kind for answer in answers]


async def test_threat_E13_flood_of_one_authority_is_told_to_wait_and_others_are_served(tmp_path: Path) -> None:
    """E13: beyond its share an authority hears `busy` and when to come back; the next one has its whole share.

    A full spool is busy too, for everybody, until somebody takes delivery; then the same bytes are accepted.
    """
    house = House(tmp_path, 3, SETTINGS)
    flooder, calm, last = house.senders
    floods = [house.envelope(flooder, house.recipients[0]) for _ in range(BURST + 20)]
    late = [house.envelope(last, house.recipients[2]) for _ in range(4)]
    with house.running() as gateway:
        async with calling(house, flooder) as flood, calling(house, calm) as other, calling(house, last) as third:
            flooded = await flood.submit(*floods)
            taken = _kinds(flooded).count("receipt")
            # A bucket that leaks one a second may have let in a few more meanwhile.
            assert BURST <= taken < BURST + 5
            assert _kinds(flooded) == ["receipt"] * taken + ["busy"] * (len(floods) - taken)
            assert {(answer.code, answer.retry_after_s) for answer in flooded[taken:]} == {("busy", 1)}
            assert all("`messages of an authority` is reached" in answer.detail for answer in flooded[taken:])

            others = [house.envelope(calm, house.recipients[1]) for _ in range(SPOOL - taken)]
            assert _kinds(await other.submit(*others)) == ["receipt"] * len(others)
            full = ledger_size(gateway)
            refused = await third.submit(*late)
            assert {(answer.kind, answer.code, answer.retry_after_s) for answer in refused} == {("busy", "busy", 10)}
            assert all("`spooled deliveries` is reached" in answer.detail for answer in refused)
            assert ledger_size(gateway) == full

            async with calling(house, house.recipients[1]) as hearer:
                await eventually(lambda: len(hearer.deliveries) == len(others))
                await hearer.acknowledge(calm, digests(hearer.deliveries))
            assert _kinds(await third.submit(*late)) == ["receipt"] * len(late)


async def test_threat_E13_acknowledgements_beyond_the_share_are_told_to_wait_over_every_link(tmp_path: Path) -> None:
    """E13: on WebSocket and HTTPS alike one authority has one share; the same bytes count once it has refilled."""
    house = House(tmp_path, 1, ACKNOWLEDGING)
    sender, recipient = house.senders[0], house.recipients[0]
    sent = house.envelope(sender, recipient)
    useless = acknowledgement(recipient, sender, [bytes(32)])
    useful = acknowledgement(recipient, sender, [header_digest(sent)])
    with house.running() as gateway:
        async with calling(house, sender) as caller, calling(house, recipient) as hearer:
            await caller.submit(sent)
            size = ledger_size(gateway)
            answers = await hearer.acknowledge_raw(*[useless] * ACKNOWLEDGED_AT_ONCE, useful)
            assert [answer.code for answer in answers] == ["nothing-new"] * ACKNOWLEDGED_AT_ONCE + ["busy"]
            assert answers[-1].retry_after_s == 1
            async with house.session(recipient) as session:
                async with session.post("/v1/inbox/ack", data=useful, headers=SIGNED) as busy:
                    assert (busy.status, busy.headers["Retry-After"]) == (429, "1")
                assert ledger_size(gateway) == size
                await asyncio.sleep(1)
                async with session.post("/v1/inbox/ack", data=useful, headers=SIGNED) as taken:
                    assert taken.status == 202
                await asyncio.sleep(1)
                async with session.post("/v1/inbox/ack", data=useless, headers=SIGNED) as final:
                    assert (final.status, (await final.json(content_type=None))["code"]) == (409, "nothing-new")
            await eventually(lambda: len(caller.evidence) == 1)
            assert ledger_size(gateway) == size + 1


async def test_endpoint_that_is_told_to_wait_acknowledges_everything_in_the_end(tmp_path: Path) -> None:
    """A real endpoint beyond its share keeps its connection, and each of its batches is recorded once."""
    house = House(tmp_path, 1, ACKNOWLEDGING)
    sender, recipient = house.senders[0], house.recipients[0]
    with house.running() as gateway:
        endpoint = house.endpoint(recipient, tmp_path, EndpointLimits(acknowledge_after_s=0.05))
        async with calling(house, sender) as caller, endpoint as hearer:
            assert await hearer.link.until_connected(5)
            for _ in range(2 * ACKNOWLEDGED_AT_ONCE):
                await caller.submit(house.envelope(sender, recipient))
                await asyncio.sleep(4 * hearer.keeping.limits.acknowledge_after_s)
            await eventually(lambda: len(caller.evidence) == 2 * ACKNOWLEDGED_AT_ONCE)
            await eventually(lambda: inbox.count_owed(hearer.keeping.journal) == 0)
            kept = hearer.keeping.journal.rows("SELECT raw FROM acknowledged")
        assert gateway.metric('accord_answers_total{kind="busy"}') > 0
        assert gateway.metric('accord_answers_total{kind="invalid"}') == 0
        assert gateway.metric("accord_acknowledgements_received_total") > len(kept)
    # The edition in force, what was sent, what was signed for it.
    assert house.verify().entries == 1 + 2 * ACKNOWLEDGED_AT_ONCE + len(kept)


async def test_threat_D4_log_that_a_reader_holds_means_busy_until_it_lets_go(tmp_path: Path) -> None:
    """D4: a reader that will not end cannot make the write-ahead log grow without bound; nothing is lost by it."""
    house = House(tmp_path, 1, LOG_SETTINGS)
    sender, recipient = house.senders[0], house.recipients[0]
    with house.running() as gateway:
        async with calling(house, sender, after=None) as caller:
            await caller.submit(house.envelope(sender, recipient))
            with closing(sqlite3.connect(f"file:{house.data / DATABASE}?mode=ro", uri=True)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM entry").fetchone()
                busy = None
                for _ in range(ENOUGH_CHUNKS):
                    answers = await caller.submit(*[house.envelope(sender, recipient) for _ in range(CHUNK)])
                    busy = next((answer for answer in answers if answer.kind == "busy"), None)
                    if busy is not None:
                        break
                assert busy is not None
                assert "`write-ahead log` is reached" in busy.detail
                assert busy.retry_after_s == 5
                assert _log_bytes(house) < 4 * LOG_BYTES_MAX
            await _serves_again(house, gateway, caller)


async def _serves_again(house: House, gateway: Running, caller: Caller) -> None:
    raw = house.envelope(house.senders[0], house.recipients[0])
    answers: list[Answer] = []
    while _kinds(answers[-1:]) != ["receipt"]:
        answers += await caller.submit(raw)
        assert len(answers) < 100, answers[-1]
        await asyncio.sleep(0.05)
    assert gateway.process.poll() is None
    await eventually(lambda: _log_bytes(house) <= LOG_BYTES_MAX)


def _log_bytes(house: House) -> int:
    return (house.data / f"{DATABASE}-wal").stat().st_size
