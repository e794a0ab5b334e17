"""Acknowledgements of an endpoint: said with the same bytes until they have a final answer, and no longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from gateway.endpoint import inbox
from gateway.endpoint.acknowledging import KEPT_MAX, Acknowledging
from gateway.endpoint.client import Endpoint
from gateway.endpoint.journal import Journal
from gateway.endpoint.limits import EndpointLimits
from tests.endpoint.world import CZ, KZ, QUICK, World, eventually, world


@asynccontextmanager
async def receiving(folder: Path, *rude: str) -> AsyncIterator[tuple[World, Endpoint]]:
    """Give a world in which a message is on its way to KZ, whose gateway answers acknowledgements rudely at first."""
    async with world(folder) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        made.gateway.manners.acknowledging = list(rude)
        await cz.send(made.post())
        async with made.endpoint(KZ) as kz:
            yield made, kz


def owed(endpoint: Endpoint) -> int:
    """Return how many acknowledgements have no final answer."""
    return inbox.count_owed(endpoint.keeping.journal)


def receipted(endpoint: Endpoint) -> list[bytes]:
    """Return the batches whose receipts are kept."""
    return [row[0] for row in endpoint.keeping.journal.rows("SELECT raw FROM acknowledged")]


async def test_acknowledgements_that_found_the_gateway_busy_come_again_with_the_same_bytes(tmp_path: Path) -> None:
    """P-03: whoever is told to wait sends what it has signed, after that time and over the same connection."""
    async with receiving(tmp_path, "busy", "busy") as (made, kz):
        await eventually(lambda: receipted(kz))
        first, second, third = made.gateway.heard

        assert first == second == third == receipted(kz)[0]
        assert (owed(kz), made.gateway.connections) == (0, 2)


async def test_only_the_batch_that_was_turned_back_comes_again(tmp_path: Path) -> None:
    """What is still under way is not sent twice over one connection because of another batch."""
    async with receiving(tmp_path, "silence", "busy") as (made, kz), made.endpoint(CZ, folder=tmp_path / "2") as cz:
        await eventually(lambda: made.gateway.heard)
        assert await cz.link.until_connected(5)
        await cz.send(made.post())
        await eventually(lambda: receipted(kz))
        first, second, third = made.gateway.heard

        assert (first != second, second == third, receipted(kz), owed(kz)) == (True, True, [third], 1)


async def test_acknowledgements_whose_receipt_was_lost_come_again_with_the_same_bytes(tmp_path: Path) -> None:
    """N8: what the gateway recorded unheard gets its receipt on the next connection, as the same batch."""
    async with receiving(tmp_path, "silence") as (made, kz):
        await eventually(lambda: made.gateway.heard)
        assert owed(kz) == 1
        await made.gateway.bid_farewell("drain")
        await eventually(lambda: receipted(kz))

        assert made.gateway.heard[0] == made.gateway.heard[1] == receipted(kz)[0]
        assert owed(kz) == 0


async def test_acknowledgements_that_change_nothing_are_final(tmp_path: Path) -> None:
    """What the gateway has no use for is owed no more: it is not said again, now or on the next connection."""
    async with receiving(tmp_path, "nothing-new") as (made, kz):
        await eventually(lambda: made.gateway.heard and not owed(kz))
        made.gateway.owed.clear()
        await made.gateway.bid_farewell("drain")
        await eventually(lambda: [line.authority for line in made.gateway.seen_lines].count(KZ) == 2)
        assert await kz.link.until_connected(5)
        await asyncio.sleep(3 * kz.keeping.limits.acknowledge_after_s)

        assert (len(made.gateway.heard), receipted(kz), owed(kz)) == (1, [], 0)


async def test_acknowledgements_that_a_gateway_does_not_take_are_signed_anew(tmp_path: Path) -> None:
    """It may be the signature: the next connection brings the same words in another batch."""
    async with receiving(tmp_path, "signature-invalid") as (made, kz):
        await eventually(lambda: receipted(kz))
        first, second = made.gateway.heard

        assert (first != second, receipted(kz), owed(kz)) == (True, [second], 0)


async def test_more_batches_than_are_kept_are_signed_anew_and_none_is_left_out(tmp_path: Path) -> None:
    """Where no answer counts, memory stays bounded; the next connection says everything that is owed once more."""
    many = KEPT_MAX + 3
    made = World(tmp_path)
    journal = Journal.open(tmp_path / "journal")
    rows = [(number.to_bytes(32, "big"), CZ, "consigned", 1) for number in range(many)]
    owe = "INSERT INTO acknowledgement (header_sha256, originator, status, at_ms) VALUES (?, ?, ?, ?)"
    await journal.write(lambda connection: connection.executemany(owe, rows).rowcount)
    acknowledging = Acknowledging(made.identity(KZ), journal, replace(QUICK, acknowledgements_max=1))
    first = [batch for _ in range(many) if (batch := acknowledging.take(None)) is not None]
    acknowledging.landed(first[0])
    await journal.write(lambda connection: inbox.owe_no_more(connection, first[0].sequences))
    assert acknowledging.take(None) is None
    acknowledging.restart()
    second = [batch for _ in range(many) if (batch := acknowledging.take(None)) is not None]
    await journal.close()

    assert [batch.sequences for batch in second] == [batch.sequences for batch in first[1:]]
    assert {batch.raw for batch in second}.isdisjoint(batch.raw for batch in first)


def test_recipients_do_not_speak_together_for_long() -> None:
    """Pauses differ within their bound, so that recipients that were served together soon speak apart."""
    limits = EndpointLimits(acknowledge_after_s=0.4)
    pauses = [limits.acknowledge_pause_s() for _ in range(200)]

    assert 0.2 <= min(pauses) < 0.25 < 0.35 < max(pauses) <= 0.4
    assert EndpointLimits(acknowledge_after_s=0).acknowledge_pause_s() == 0
