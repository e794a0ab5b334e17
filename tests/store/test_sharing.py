"""Several gateways on one PostgreSQL: one effect, one receipt, a ledger each, and nobody delivers what another does."""

import asyncio

import pytest

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import ConfigurationError
from gateway.store.interface import BookAttempt, ConsentUse, Pending
from gateway.store.postgres.places import place_of
from tests.store import samples
from tests.store.samples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    NOW_MS,
    acknowledge,
    admit,
    admit_statement,
    consent,
    fail,
    message,
    revocation,
)
from tests.store.sharing import Sharing, gateways, looking, start_child
from tools.postgres import PostgresServer


def attempt(row: Pending, consents: tuple[bytes, ...] = ()) -> BookAttempt:
    """Take a delivery that was read."""
    return BookAttempt(
        index=row.index, recipient=row.recipient, at_ms=NOW_MS, token=None, consents=consents, lease=row.lease
    )


async def test_threat_E2_replay_at_another_gateway_finds_the_same_receipt(postgres_server: PostgresServer) -> None:
    """E2, P-03: byte-identical receipt, under the key of the gateway that admitted; one effect."""
    sent, other = message(1), message(1, body=b"another")
    async with gateways(postgres_server, 2) as (one, two):
        first = await one.one(admit(sent))
        again = await two.one(admit(sent))
        reused = await two.one(admit(other))

        assert (again.receipt, again.index, again.duplicate) == (first.receipt, first.index, True)
        assert two.proved(again.receipt, one).checkpoint.origin == one.origin
        assert (reused.permitted, two.proved(reused.receipt).checkpoint.origin) == (False, two.origin)
        assert [store.store.pending(BRAVO, None, 5)[0].receipt for store in (one, two)] == [first.receipt] * 2
        assert (one.store.checkpoint().size, two.store.checkpoint().size) == (1, 1)


async def test_same_ids_at_two_gateways_at_once_have_one_effect(postgres_server: PostgresServer) -> None:
    """E1 over gateways: whoever is quicker admits, and both answer with that one receipt."""
    sent = [message(number) for number in range(300)]
    async with gateways(postgres_server, 2) as both:
        # Both have seen a lower id: from now on they take rising ids to be new, and must find out that they are not.
        for each in both:
            await each.one(admit(message(0, originator=CHARLIE)))
            await each.one(admit(sent[0]))
        done = await asyncio.gather(*[each.commit(*[admit(one) for one in sent[1:]]) for each in both])

        assert [mine.receipt for mine in done[0]] == [theirs.receipt for theirs in done[1]]
        fresh = [sum(not each.duplicate for each in batch) for batch in done]
        assert sum(fresh) == 299
        async with looking(both[0]) as connection:
            assert await connection.fetchval("SELECT count(*) FROM delivery") == 300 + 1
            assert await connection.fetchval("SELECT count(*) FROM entry") == 300 + 2


async def test_consent_is_used_as_often_as_it_allows_over_all_gateways(postgres_server: PostgresServer) -> None:
    """wire.md, "Consent": uses are booked once, whichever gateway books them; a revocation counts everywhere."""
    source = message(1)
    statement = admit_statement(consent(2, [encode_base64url(source.header_sha256)], uses_max=5))
    use = ConsentUse(statement.statement.sha256, 5)
    async with gateways(postgres_server, 2) as both:
        await both[0].commit(admit(source), statement)
        onward = [[message(10 + 8 * g + n, originator=BRAVO, recipients=(CHARLIE,)) for n in range(4)] for g in (0, 1)]
        done = await asyncio.gather(
            *[g.commit(*[admit(m, consents=[use]) for m in mine]) for g, mine in zip(both, onward, strict=True)]
        )
        assert sum(each.permitted for batch in done for each in batch) == 5

        await both[1].one(admit_statement(revocation(statement)))
        row = both[0].store.pending(CHARLIE, None, 1)[0]
        booked = await both[0].one(attempt(row, (use.consent_sha256,)))
        assert not booked.permitted


async def test_no_delivery_is_taken_by_two_gateways(postgres_server: PostgresServer) -> None:
    """Claims with SKIP LOCKED and a fencing token: of two that read the same rows, one has each delivery."""
    async with gateways(postgres_server, 3) as (admitting, *both):
        await admitting.commit(*[admit(message(number)) for number in range(200)])
        read = [each.store.pending(BRAVO, None, 200) for each in both]
        assert [row.index for row in read[0]] == [row.index for row in read[1]]
        done = await asyncio.gather(
            both[0].commit(*[attempt(row) for row in read[0]]),
            both[1].commit(*[attempt(row) for row in reversed(read[1])]),
        )

        taken = [
            {row.index for row, each in zip(rows, answers, strict=True) if each.permitted}
            for rows, answers in ((read[0], done[0]), (list(reversed(read[1])), done[1]))
        ]
        assert not taken[0] & taken[1]
        assert taken[0] | taken[1] == {row.index for row in read[0]}
        # What the other one holds is not offered any more; our own is, for the next attempt.
        assert {row.index for row in both[0].store.pending(BRAVO, None, 200)} == taken[0]


async def test_stale_fencing_token_takes_nothing(postgres_server: PostgresServer) -> None:
    """D6: a gateway that slept over the end of its lease cannot take a delivery that others have had since."""
    async with gateways(postgres_server, 2) as (one, two):
        await one.one(admit(message(1)))
        slept = two.store.pending(BRAVO, None, 1)[0]
        assert (await one.one(attempt(one.store.pending(BRAVO, None, 1)[0]))).permitted
        async with looking(one) as connection:
            await connection.execute("UPDATE delivery SET leased_until = now() - interval '1 s'")

        assert not (await two.one(attempt(slept))).permitted
        assert (await two.one(attempt(two.store.pending(BRAVO, None, 1)[0]))).permitted


async def test_deliveries_of_a_killed_gateway_are_taken_over(postgres_server: PostgresServer) -> None:
    """SIGKILL: what it had leased is free once its last sign of life has lapsed; its peers are told, within 10 s."""
    async with gateways(postgres_server, 1) as (peer,):
        peer.listen(BRAVO)
        schema = peer.shared.limits.postgres.schema
        child = await start_child(postgres_server.dsn, schema, 7, samples.checkpoint_seed(), count=0)
        assert child.stdout is not None
        while not (await child.stdout.readline()).startswith(b"admitted"):
            pass
        # It attends bravo itself, so all that it admits is leased to it, for ten minutes.
        assert peer.store.pending(BRAVO, None, 5) == []
        child.kill()
        await child.wait()
        killed_at = asyncio.get_running_loop().time()
        peer.woken.clear()

        await peer.woken_for(BRAVO)
        rows = peer.store.pending(BRAVO, None, 5)
        assert asyncio.get_running_loop().time() - killed_at < 10
        assert [each.permitted for each in await peer.commit(*map(attempt, rows))] == [True] * len(rows)
        assert len(rows) > 0
        assert place_of(rows[0].index)[0] == 1


async def test_recipient_is_served_where_it_is_connected(postgres_server: PostgresServer) -> None:
    """Wake-up by notification: admitted here, connected there; whoever leaves is free for the gateway it goes to."""
    async with gateways(postgres_server, 2) as (here, there):
        there.listen(BRAVO)
        await asyncio.sleep(0.5)
        await here.one(admit(message(1)))
        await there.woken_for(BRAVO)
        row = there.store.pending(BRAVO, None, 1)[0]
        assert (await there.one(attempt(row))).permitted
        assert here.store.pending(BRAVO, None, 1) == []

        here.listen(BRAVO)
        there.listen()
        await here.woken_for(BRAVO)
        assert [each.index for each in here.store.pending(BRAVO, None, 5)] == [row.index]


async def test_evidence_reaches_its_originator_wherever_it_is_connected(postgres_server: PostgresServer) -> None:
    """One sequence an originator over all gateways, without gaps; failures and acknowledgements from any of them."""
    sent = [message(number) for number in range(40)]
    async with gateways(postgres_server, 3) as (one, two, three):
        three.listen(ALPHA)
        await asyncio.sleep(0.5)
        done = await one.commit(*[admit(each) for each in sent])
        rows = {row.header_sha256: row.index for row in two.store.pending(BRAVO, None, 100)}
        said = await asyncio.gather(
            one.commit(*[acknowledge(*sent[n : n + 3]) for n in range(0, 18, 3)]),
            two.commit(*[fail(rows[each.header_sha256]) for each in sent[18:]]),
        )
        await three.woken_for(ALPHA)
        told = three.store.evidence(ALPHA, 0, 100)

        assert [each.sequence for each in told] == list(range(1, 41))
        assert {each.outcome for each in told} == {"consigned", "expired"}
        assert told == one.store.evidence(ALPHA, 0, 100)
        published = [item for batch in said for each in batch for _, item in each.evidence]
        assert sorted(published, key=lambda item: item.sequence) == told
        assert len(done) == 40
        async with looking(one) as connection:
            assert await connection.fetchval("SELECT count(*) FROM body") == 0


async def test_body_goes_when_two_gateways_end_its_last_deliveries_at_once(postgres_server: PostgresServer) -> None:
    """Destruction: neither of two endings that cannot see one another leaves the body behind."""
    sent = [message(number, recipients=(BRAVO, CHARLIE)) for number in range(20)]
    async with gateways(postgres_server, 2) as (one, two):
        await one.commit(*[admit(each) for each in sent])
        await one.one(acknowledge(sent[0]))
        async with looking(one) as connection:
            # Both end their deliveries, and come to a halt before they commit.
            async with connection.transaction():
                await connection.execute("SELECT FROM originator FOR UPDATE")
                ending = asyncio.gather(
                    one.commit(acknowledge(*sent, by=BRAVO)), two.commit(acknowledge(*sent, by=CHARLIE))
                )
                await asyncio.sleep(0.7)
            await ending
            assert await connection.fetchval("SELECT count(*) FROM delivery WHERE outcome IS NULL") == 0
            assert await connection.fetchval("SELECT count(*) FROM body") == 0


async def test_delivery_that_two_gateways_end_at_once_ends_once(postgres_server: PostgresServer) -> None:
    """P-10 over gateways: acknowledged here and expired there is one of both, told once."""
    sent = [message(number) for number in range(60)]
    async with gateways(postgres_server, 2) as (one, two):
        await one.commit(*[admit(each) for each in sent])
        rows = two.store.pending(BRAVO, None, 100)
        done = await asyncio.gather(
            one.commit(*[acknowledge(each) for each in sent]), two.commit(*[fail(row.index) for row in rows])
        )

        assert sum(each.ended for batch in done for each in batch) == 60
        assert [each.sequence for each in one.store.evidence(ALPHA, 0, 100)] == list(range(1, 61))


async def test_second_process_with_the_same_ledger_does_not_start(postgres_server: PostgresServer) -> None:
    """Two gateways with the same origin or the same key: the error names who has it and what to do."""
    async with gateways(postgres_server, 2) as (one, two):
        with pytest.raises(ConfigurationError, match=r"in use by another gateway .*checkpoint key of its own"):
            one.open()
        with pytest.raises(ConfigurationError, match=r"`gateway-1.example/ledger`: one key signs one"):
            Sharing(postgres_server, one.shared.limits.postgres.schema, 2, key=two.key)
        with pytest.raises(ConfigurationError, match="restore the settings and keys"):
            Sharing(postgres_server, one.shared.limits.postgres.schema, 0)

        assert (await one.one(admit(message(1)))).permitted
