"""Ledgers in PostgreSQL verify: each by its own key, all of them together, and whatever was changed is named."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.interface import ConsentUse
from gateway.store.postgres.verify import verify_shared
from gateway.store.verdict import Report, VerificationError
from tests.store.samples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    NETWORK,
    acknowledge,
    admit,
    admit_statement,
    consent,
    edition,
    fail,
    message,
    revocation,
)
from tests.store.sharing import Sharing, gateways, looking
from tools.postgres import PostgresServer


@pytest.fixture
async def both(postgres_server: PostgresServer) -> AsyncIterator[list[Sharing]]:
    """Two gateways whose ledgers speak of one another's messages, in every way there is."""
    sent = [message(n, originator=(ALPHA, CHARLIE)[n % 2], recipients=(BRAVO,)) for n in range(300)]
    statement = admit_statement(consent(7_000, [encode_base64url(sent[0].header_sha256)]))
    use = ConsentUse(statement.statement.sha256, None)
    async with gateways(postgres_server, 2) as (one, two):
        await one.commit(edition(1), statement, *[admit(each) for each in sent[:280]])
        await two.commit(edition(1), *[admit(each) for each in sent[280:]], admit(message(0, body=b"another")))
        rows = {row.header_sha256: row.index for row in two.store.pending(BRAVO, None, 1_000)}
        await asyncio.gather(
            one.commit(*[acknowledge(*sent[n : n + 7]) for n in range(0, 140, 7)]),
            two.commit(*[fail(rows[each.header_sha256]) for each in sent[100:180]]),
        )
        await two.commit(
            acknowledge(*sent[:20], status="destroyed"),
            admit(message(8_000, originator=BRAVO, recipients=(CHARLIE,)), consents=[use]),
            admit(message(8_001, kind="recall", sources=[encode_base64url(sent[2].header_sha256)])),
            admit_statement(revocation(statement)),
            acknowledge(sent[290], sent[200]),
            admit(sent[6], "peer-not-originator", against=BRAVO),
        )
        yield [one, two]


async def verified(gateway: Sharing, **whose: object) -> Report:
    """Verify the ledger of a gateway that is running."""
    known = {"network": NETWORK, "origin": gateway.origin, "public": gateway.key.public} | whose
    verify = partial(verify_shared, gateway.shared.limits.postgres, None, **known)  # type: ignore[arg-type]  # As named.
    return await asyncio.to_thread(verify)


async def test_every_gateway_verifies_the_ledger_of_every_other(both: list[Sharing]) -> None:
    """Issue 4, point 5: a ledger stays readable and verifiable by the others, also while all of them write."""
    reports = [await verified(each) for each in both]

    assert [report.checkpoint for report in reports] == [each.store.checkpoint() for each in both]
    async with looking(both[0]) as connection:
        assert sum(report.owed for report in reports) == await connection.fetchval(
            "SELECT count(*) FROM delivery WHERE outcome IS NULL"
        )
    with pytest.raises(VerificationError, match="another key"):
        await verified(both[0], public=both[1].key.public)
    with pytest.raises(LedgerError, match="no ledger of"):
        await verified(both[0], origin="elsewhere.example/ledger")
    with pytest.raises(VerificationError, match="network"):
        await verified(both[0], network="another")


DAMAGE = [
    ("UPDATE entry SET salt = decode(repeat('00', 32), 'hex') WHERE (log, leaf) = (0, 7)", "leaf 7"),
    ("UPDATE entry SET object = object || 'x' WHERE (log, leaf) = (0, 7)", "leaf 7"),
    ("DELETE FROM entry WHERE (log, leaf) = (0, 7)", "leaf 7"),
    ("DELETE FROM checkpoint WHERE log = 0 AND size = (SELECT max(size) FROM checkpoint WHERE log = 0)", "to its end"),
    ("UPDATE tile SET hashes = decode(repeat('00', 8192), 'hex')", "leaf 0"),
    ("UPDATE log SET size = size - 1 WHERE number = 0", "its head|newest checkpoint"),
    ("DELETE FROM message WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("UPDATE message SET header_sha256 = 'x' WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("UPDATE message SET permitted = false WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("UPDATE delivery SET at_ms = at_ms + 1 WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("UPDATE delivery SET outcome = 'handed-over' WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("UPDATE delivery SET outcome = NULL, ended_log = NULL, ended_leaf = NULL WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("UPDATE delivery SET ended_log = 1 WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("DELETE FROM delivery WHERE (log, leaf) = (0, 9)", "leaf 9"),
    ("UPDATE body SET ciphertext = ciphertext || 'x' WHERE (log, leaf) = (0, 270)", "leaf 270"),
    ("UPDATE body SET wraps = decode('90', 'hex') WHERE (log, leaf) = (0, 270)", "leaf 270"),
    ("DELETE FROM body WHERE (log, leaf) = (0, 270)", "leaf 270"),
    ("UPDATE consent SET uses = 0", "leaf 1"),
    ("DELETE FROM revocation", "leaf"),
    ("DELETE FROM effect", "leaf"),
    ("DELETE FROM edition WHERE log = 1", "leaf 0 of `gateway-1"),
    ("DELETE FROM later WHERE leaf = (SELECT min(leaf) FROM later)", "leaf"),
    ("UPDATE evidence SET sequence = sequence + 1000 WHERE sequence = 3 AND originator = 'alpha'", "leaf"),
    ("DELETE FROM evidence WHERE sequence = (SELECT max(sequence) FROM evidence)", "leaf"),
    ("UPDATE originator SET sequence = sequence + 1", "evidence"),
    ("DELETE FROM acknowledgement WHERE log = 0", "leaf"),
    ("DELETE FROM aside", "leaf"),
    ("UPDATE aside SET at_ms = 0", "leaf"),
    ("UPDATE statement SET permitted = false", "leaf 1"),
]


async def test_whatever_is_changed_in_the_database_is_found(both: list[Sharing]) -> None:
    """D5, G5: every table, every column that means something; the first entry that does not fit is named."""
    for damage, names in DAMAGE:
        async with looking(both[0]) as connection, connection.transaction() as _:
            snapshot = connection.transaction()
            await snapshot.start()
            assert not (await connection.execute(damage)).endswith(" 0"), damage
            with pytest.raises((VerificationError, LedgerError), match=names):
                await within(connection, both[0])
            await snapshot.rollback()
    await verified(both[0])


async def within(connection: object, gateway: Sharing) -> None:
    """Verify what one connection sees of its own changes, before it takes them back."""
    from gateway.store.postgres.verify import verify_within

    await verify_within(
        connection,  # type: ignore[arg-type]  # asyncpg's own.
        network=NETWORK,
        origin=gateway.origin,
        public=gateway.key.public,
    )


async def test_schema_of_another_program_is_not_judged(both: list[Sharing]) -> None:
    """A database with steps that this program does not know says nothing to it."""
    async with looking(both[0]) as connection:
        await connection.execute("INSERT INTO schema_version VALUES (9999, '9999.sql', 'x')")

    with pytest.raises(ConfigurationError, match="another schema"):
        await verified(both[0])
