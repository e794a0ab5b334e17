"""The disk of an endpoint: durable when a write returns, one process, whole or not at all, bounded in memory."""

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.decision import EditionRef
from gateway.domain.errors import CapacityError, ConfigurationError, FormatError, LedgerError
from gateway.domain.receipt import Checkpoint, Receipt, Record
from gateway.endpoint import evidence, outbox
from gateway.endpoint.dispatch import Dispatch
from gateway.endpoint.evidence import Outcome
from gateway.endpoint.journal import DATABASE, Journal, bind
from gateway.endpoint.limits import EndpointLimits
from gateway.endpoint.outbox import Due, Parcel, Placed
from gateway.store.limits import WriterLimits


def parcel(number: int, urgency: int = 2, size_bytes: int = 10) -> Parcel:
    """Return something to send."""
    digest = number.to_bytes(32, "big")
    return Parcel("message", f"id-{number}", digest, b"header", bytes(size_bytes), urgency, 1, None)


async def queue(journal: Journal, *parcels: Parcel) -> list[Due]:
    """Put parcels and return them as they go out."""
    placed = await journal.write(lambda connection: outbox.put(connection, parcels, 0))
    return [
        Due(place.sequence, one.kind, one.object_sha256, one.raw, one.urgency)
        for place, one in zip(placed, parcels, strict=True)
    ]


async def test_change_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    """An error of ours undoes its own change and nobody else's."""
    journal = Journal.open(tmp_path / "data")

    def broken(connection: sqlite3.Connection) -> None:
        outbox.put(connection, [parcel(1)], 0)
        raise FormatError("no")

    with pytest.raises(FormatError):
        await journal.write(broken)
    await queue(journal, parcel(2))
    assert [row.id for row in outbox.newest(journal, 10)] == ["id-2"]
    await journal.close()


async def test_id_or_digest_is_queued_once(tmp_path: Path) -> None:
    """What is queued keeps its place and its bytes, whoever asks again."""
    journal = Journal.open(tmp_path / "data")
    await queue(journal, parcel(1))
    again = replace(parcel(2), id="id-1")

    placed = await journal.write(lambda connection: outbox.put(connection, [again, parcel(1), parcel(3)], 0))
    assert placed[:2] == [Placed(1, parcel(1).object_sha256, fresh=False)] * 2
    assert placed[2].fresh
    assert len(outbox.newest(journal, 10)) == 2
    await journal.close()


async def test_directory_belongs_to_one_authority(tmp_path: Path) -> None:
    """Another configuration cannot open somebody's outbox by mistake."""
    journal = Journal.open(tmp_path / "data")
    await journal.write(lambda connection: bind(connection, "cz-police", "net"))
    with pytest.raises(ConfigurationError, match="belongs to `cz-police`"):
        await journal.write(lambda connection: bind(connection, "kz-mvd", "net"))
    await journal.close()


async def test_directory_is_held_by_one_process(tmp_path: Path) -> None:
    """Two writers on one outbox would send twice: the second one is told who holds it."""
    journal = Journal.open(tmp_path / "data")
    with pytest.raises(ConfigurationError, match="in use by process"):
        Journal.open(tmp_path / "data")
    await journal.close()
    await Journal.open(tmp_path / "data").close()


async def test_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Headers tell who asks whom: nobody else on the machine may read them."""
    journal = Journal.open(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / DATABASE).stat().st_mode & 0o777 == 0o600
    await journal.close()


async def test_low_disk_turns_new_work_away_and_finishes_old(tmp_path: Path) -> None:
    """Below the watermark nothing new is taken; receipts and acknowledgements still are."""
    journal = Journal.open(tmp_path / "data", limits=WriterLimits(disk_free_bytes_min=1 << 60))
    with pytest.raises(CapacityError):
        await journal.write(lambda connection: outbox.put(connection, [parcel(1)], 0), essential=False)
    await journal.write(lambda connection: outbox.put(connection, [parcel(2)], 0))
    assert outbox.waiting(journal) == 1
    await journal.close()


async def test_failed_disk_is_told_and_final(tmp_path: Path) -> None:
    """After an error of the disk nobody knows what it holds: everything ends, nothing is retried."""
    told: list[LedgerError] = []
    journal = Journal.open(tmp_path / "data", told.append)
    with pytest.raises(LedgerError):
        await journal.write(lambda connection: connection.execute("SELECT * FROM no_such_table"))
    with pytest.raises(LedgerError):
        await journal.write(lambda connection: outbox.put(connection, [parcel(1)], 0))
    assert len(told) == 1
    await journal.close()


async def test_dispatch_gives_the_most_urgent_first_and_each_once(tmp_path: Path) -> None:
    """Order is urgency, then age; what is under way is not given again on the same connection."""
    journal = Journal.open(tmp_path / "data")
    dispatch = Dispatch(journal, EndpointLimits())
    await queue(journal, parcel(1, 2), parcel(2, 0), parcel(3, 1), parcel(4, 0))

    assert [due.sequence for due in dispatch.take(3)] == [2, 4, 3]
    assert [due.sequence for due in dispatch.take(3)] == [1]
    assert dispatch.take(3) == []
    dispatch.restart()
    assert [due.sequence for due in dispatch.take(9)] == [2, 4, 3, 1]
    await journal.close()


async def test_dispatch_holds_no_more_than_it_may_and_skips_nothing(tmp_path: Path) -> None:
    """However much is queued, memory is bounded, in items and in bytes; the rest is read when it is its turn."""
    journal = Journal.open(tmp_path / "data")
    dispatch = Dispatch(journal, EndpointLimits(ready_items_max=4, ready_bytes_max=25))
    dispatch.take(1)
    for start in range(0, 30, 5):
        dispatch.add(await queue(journal, *(parcel(number) for number in range(start, start + 5))))
        assert len(dispatch._ready) <= 4
        assert dispatch._ready_bytes <= 25 + 10

    taken: list[int] = []
    while batch := dispatch.take(3):
        taken += [due.sequence for due in batch]
    assert taken == list(range(1, 31))
    await journal.close()


async def test_dispatch_does_not_give_twice_what_it_read_before_it_was_told(tmp_path: Path) -> None:
    """A parcel found on disk and then offered from memory leaves once."""
    journal = Journal.open(tmp_path / "data")
    dispatch = Dispatch(journal, EndpointLimits())
    offered = await queue(journal, parcel(1), parcel(2))
    assert [due.sequence for due in dispatch.take(1)] == [1]
    dispatch.add(offered)

    assert [due.sequence for due in dispatch.take(9)] == [2]
    await journal.close()


async def test_parcel_that_was_turned_back_goes_again(tmp_path: Path) -> None:
    """Busy means later, not never."""
    journal = Journal.open(tmp_path / "data")
    dispatch = Dispatch(journal, EndpointLimits())
    await queue(journal, parcel(1))
    dispatch.take(1)
    dispatch.turned_back(1)

    assert [due.sequence for due in dispatch.take(1)] == [1]
    await journal.close()


async def test_bytes_stay_until_the_receipt_is_there_even_if_the_outcome_is_told_first(tmp_path: Path) -> None:
    """A gateway that died unanswered had recorded the message, and another one tells of its end: we still ask."""
    journal = Journal.open(tmp_path / "data")
    (due,) = await queue(journal, parcel(1))
    digest = due.object_sha256
    outcome = Outcome("other.example", 1, digest, "acknowledged", "kz", "consigned", b"body", 0, 0)

    await journal.write(lambda connection: evidence.put(connection, outcome))
    await journal.write(lambda connection: outbox.release(connection, [digest]))
    found = outbox.load(journal, due.sequence, due.urgency)
    assert found == due
    record = Record(
        v=1,
        network="accord-test",
        origin="gateway.example",
        event="submission-acceptance",
        at_ms=0,
        object_type="header",
        object_sha256="A" * 43,
        signatures_sha256="A" * 43,
        edition=EditionRef(1, "A" * 43),
        law_sha256="A" * 43,
        software="test",
        outcome="permitted",
        reasons=(),
        consents=(),
    )
    receipt = Receipt(record, b"", 0, Checkpoint("gateway.example", 1, bytes(32), b"note"), b"proof")
    await journal.write(lambda connection: outbox.receipted(connection, due.sequence, receipt, True, 0))
    assert journal.row("SELECT raw, receipt FROM outbox") == (None, b"proof")
    await journal.close()
