"""A disk that fills up or fails: nothing acknowledged is lost, what is owed still goes out, nothing is retried."""

import asyncio
import platform
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from gateway.store.sqlite.engine import DATABASE, SPOOL
from tests.app.processes import Running
from tests.system.house import House, header_digest, ledger_size
from tests.system.peers import acknowledgement, calling, digests, eventually
from tests.system.refusing_syncs import NUMBERS
from tests.system.small_disk import small_disk
from tests.system.wrapped import Wrapped, tended

MIB = 1024 * 1024
WITHIN_S = 20.0
WATERMARK = f"[store.writer]\ndisk_free_bytes_min = {8 * MIB}\n"
NO_WATERMARK = "[store.writer]\ndisk_free_bytes_min = 0\n"
# The store looks at the free space four times a second.
LOOKED_AT_S = 0.3
SIZED = bytes(40_000)
BATCH = 25
# A disk on which a recipient could write to the end: so many deliveries, one to a batch of nearly 64 KiB.
ROOMY = 8 * MIB
ENOUGH = 150
UNKNOWN = [number.to_bytes(32, "big") for number in range(1, 251)]
PACE_S = 0.01


async def test_threat_D1_disk_below_the_watermark_means_busy_and_deliveries_go_on(tmp_path: Path) -> None:
    """D1: busy with a time to retry and nothing recorded; what is owed goes out and is acknowledged; then it serves."""
    house = House(tmp_path / "house", 1, WATERMARK)
    sender, recipient = house.senders[0], house.recipients[0]
    queued = [house.envelope(sender, recipient) for _ in range(10)]
    late = house.envelope(sender, recipient)
    with small_disk(house.data, 24 * MIB) as disk, tended(disk.run(house.config, tmp_path / "log")) as gateway:
        async with calling(house, sender) as caller:
            assert all(answer.permitted for answer in await caller.submit(*queued))
            disk.fill(leave_bytes=7 * MIB)
            await asyncio.sleep(LOOKED_AT_S)
            before = ledger_size(gateway)
            (busy,) = await caller.submit(late)
            assert (busy.kind, busy.code, busy.retry_after_s) == ("busy", "busy", 30)
            assert "bound `disk` is reached" in busy.detail
            assert ledger_size(gateway) == before
            async with calling(house, recipient) as hearer:
                await eventually(lambda: len(hearer.deliveries) == len(queued))
                assert (await hearer.acknowledge(sender, digests(hearer.deliveries))).permitted
                await eventually(lambda: len(caller.evidence) == len(queued))
                disk.relieve()
                await asyncio.sleep(LOOKED_AT_S)
                (accepted,) = await caller.submit(late)
                assert accepted.permitted
                await eventually(lambda: digests(hearer.deliveries)[-1] == header_digest(late))
        assert gateway.end() == 0, gateway.output()


async def test_threat_D1_recipient_that_acknowledges_cannot_fill_the_disk(tmp_path: Path) -> None:
    """D1: below the watermark one authority sends all it may, as large as may be; that ends in busy, never in a stop.

    Each batch ends one delivery, and the rest of its 64 KiB names nothing. What was turned away is taken when there is
    room again, and until then it has added nothing.
    """
    house = House(tmp_path / "house", 1, f"[store.writer]\ndisk_free_bytes_min = {ROOMY}\n")
    sender, recipient = house.senders[0], house.recipients[0]
    sent = [house.envelope(sender, recipient) for _ in range(ENOUGH)]
    raws = [acknowledgement(recipient, sender, [header_digest(raw), *UNKNOWN]) for raw in sent]
    assert sum(map(len, raws)) > ROOMY
    with small_disk(house.data, 3 * ROOMY) as disk, tended(disk.run(house.config, tmp_path / "log")) as gateway:
        async with calling(house, sender) as caller, calling(house, recipient) as hearer:
            for first in range(0, ENOUGH, BATCH):
                assert all(answer.permitted for answer in await caller.submit(*sent[first : first + BATCH]))
            disk.fill(leave_bytes=ROOMY - MIB)
            await asyncio.sleep(LOOKED_AT_S)
            (one,) = await hearer.acknowledge_raw(acknowledgement(recipient, sender, UNKNOWN))
            assert (one.kind, one.code) == ("invalid", "nothing-new")
            taken = 0
            while (answer := (await hearer.acknowledge_raw(raws[taken]))[0]).kind == "receipt":
                taken += 1
                await asyncio.sleep(PACE_S)
            assert (answer.kind, answer.code, answer.retry_after_s) == ("busy", "busy", 30)
            assert taken > 10
            before = ledger_size(gateway)
            turned_away = await hearer.acknowledge_raw(*raws[taken:])
            assert {answer.kind for answer in turned_away} == {"busy"}
            assert (ledger_size(gateway), gateway.process.poll()) == (before, None)
            disk.relieve()
            await asyncio.sleep(LOOKED_AT_S)
            late = [(await hearer.acknowledge_raw(raw))[0] for raw in raws[taken:]]
            assert {answer.kind for answer in late} == {"receipt"}
            await eventually(lambda: len(caller.evidence) == ENOUGH)
        assert gateway.end() == 0, gateway.output()
        house.verify(shutil.copytree(disk.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("ballast")))


async def test_threat_D1_full_disk_exits_74_and_everything_acknowledged_is_intact(tmp_path: Path) -> None:
    """D1: a disk without a free byte ends the process; after somebody made room, nothing acknowledged is missing."""
    house = House(tmp_path / "house", 1, NO_WATERMARK)
    with small_disk(house.data, 24 * MIB) as disk:
        with tended(disk.run(house.config, tmp_path / "log")) as gateway:
            disk.fill(leave_bytes=3 * MIB)
            receipts = await _load_until_it_ends(house, gateway)
            assert "full" in gateway.output() or "No space left" in gateway.output()
        disk.relieve()
        with tended(disk.run(house.config, tmp_path / "log-again")) as gateway:
            await _nothing_is_lost(house, gateway, receipts)
        house.verify(shutil.copytree(disk.folder, tmp_path / "copy"))


def _refuse_growth(house: House, gateway: Running) -> None:
    """From now on no file of the process may grow: a write comes back with an error, as from a broken disk."""
    largest = max((house.data / name).stat().st_size for name in (DATABASE, f"{DATABASE}-wal", SPOOL))
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (largest, largest))


def _refuse_syncs(_: House, gateway: Running) -> None:
    if platform.machine() not in NUMBERS:
        pytest.skip(f"no numbers of system calls for `{platform.machine()}`: syncs cannot be refused")
    gateway.signal(signal.SIGUSR2)


@pytest.mark.parametrize(
    ("refuse", "purpose"), [(_refuse_growth, "administrative"), (_refuse_syncs, "detection")], ids=["write", "sync"]
)
async def test_threat_D2_failed_write_or_sync_latches_exits_74_and_recovers(
    tmp_path: Path, refuse: Callable[[House, Running], None], purpose: str
) -> None:
    """D2: the kernel fails a write of the log, or a sync: nobody gets a receipt any more, exit 74, nothing is lost."""
    house = House(tmp_path / "house", 1, NO_WATERMARK)
    program = (sys.executable, "-m", "tests.system.refusing_syncs")
    with tended(Wrapped(house.config, tmp_path / "log", program=program)) as gateway:
        receipts = await _load_until_it_ends(house, gateway, lambda: refuse(house, gateway), purpose)
        (event,) = [event for event in gateway.events() if event["event"] == "ledger-failed"]
        assert event["exit_code"] == 74
    with house.running() as gateway:
        await _nothing_is_lost(house, gateway, receipts)
    house.verify()


async def _load_until_it_ends(
    house: House, gateway: Running, trouble: Callable[[], None] = lambda: None, purpose: str = "detection"
) -> dict[bytes, bytes | None]:
    """Submit until the gateway ends itself with 74; return every envelope with the receipt it got, if any.

    `purpose` is that of the messages after the first batch: what is refused for it is recorded without a body.
    """
    sender, recipient = house.senders[0], house.recipients[0]
    sent: dict[bytes, bytes | None] = {}
    async with calling(house, sender) as caller:
        while caller.closed is None:
            purposes = (purpose if sent else "detection",)
            raws = [house.envelope(sender, recipient, SIZED, purposes=purposes) for _ in range(BATCH)]
            sent.update(dict.fromkeys(raws))
            with suppress(ConnectionError):
                numbers = await caller.put(*raws)
                await eventually(partial(caller.settled, numbers))
                answers = zip(raws, map(caller.answers.get, numbers), strict=True)
                sent.update({raw: answer.body for raw, answer in answers if answer and answer.kind == "receipt"})
            if len(sent) == BATCH:
                trouble()
    assert gateway.process.wait(WITHIN_S) == 74, gateway.output()
    assert None in sent.values()
    assert sum(receipt is not None for receipt in sent.values()) >= BATCH
    return sent


async def _nothing_is_lost(house: House, gateway: Running, sent: dict[bytes, bytes | None]) -> None:
    """After a new start: the same receipts, and every permitted message delivered and its end told once."""
    sender, recipient = house.senders[0], house.recipients[0]
    permitted: list[bytes] = []
    async with calling(house, recipient) as hearer, calling(house, sender) as caller:
        for raw, receipt in sent.items():
            (answer,) = await caller.submit(raw)
            assert receipt in (None, answer.body)
            outcome = house.receipt(answer.body, raw).record.outcome
            assert outcome == ("permitted" if answer.permitted else "refused")
            permitted += [header_digest(raw)] * answer.permitted
        await eventually(lambda: len(hearer.deliveries) >= len(permitted))
        assert sorted(digests(hearer.deliveries)) == sorted(permitted)
        for first in range(0, len(permitted), BATCH):
            assert (await hearer.acknowledge(sender, permitted[first : first + BATCH])).permitted
        await eventually(lambda: len(caller.evidence) == len(permitted))
    assert gateway.end() == 0, gateway.output()
