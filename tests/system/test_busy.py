"""Bounds of a running gateway: whoever reaches one hears when to come back, and nobody else notices."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.domain.session import Answer
from gateway.store.sqlite.engine import DATABASE
from tests.app.processes import Running
from tests.system.house import House, ledger_size
from tests.system.peers import Caller, calling, digests, eventually

BURST, SPOOL = 40, 60
SETTINGS = f"""
[switch]
messages_per_s = 1
messages_burst = {BURST}
[store]
spooled_deliveries_max = {SPOOL}
"""
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
