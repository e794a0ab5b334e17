"""The shared schema goes forward only, from any earlier version with data in it, once, whoever comes first."""

import asyncio

import asyncpg
import pytest

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import ConfigurationError
from gateway.store.postgres.migrate import APPLIED, JOURNAL, MIGRATIONS, NOTE, migrate
from gateway.store.sqlite.migrate import digest, steps
from tests.postgres import fresh_schema
from tests.store import samples
from tests.store.samples import BRAVO, acknowledge, admit, edition, message
from tests.store.sharing import Sharing, gateways, looking
from tools.postgres import PostgresServer

KNOWN = steps(MIGRATIONS)
# What newer steps brought; taken away, a store is one of the version before.
ADDED = {
    3: "DROP FUNCTION commit_rare(smallint, jsonb); DROP TABLE effect;"
    " ALTER FUNCTION commit_statements(smallint, jsonb) RENAME TO commit_rare"
}


async def test_threat_D8_store_of_the_version_before_goes_on_with_its_data(postgres_server: PostgresServer) -> None:
    """D8: every receipt, delivery and number is what it was, and what the new version brings works at once."""
    schema, key = fresh_schema(), samples.checkpoint_key()
    sent = [message(number) for number in range(300)]
    before = Sharing(postgres_server, schema, 0, key=key)
    done = await before.commit(edition(1), *[admit(each) for each in sent])
    await before.commit(acknowledge(*sent[:100]))
    owed = before.store.pending(BRAVO, None, 500)
    async with looking(before) as connection:
        await before.close()
        for number in sorted(ADDED, reverse=True):
            await connection.execute(ADDED[number])
            await connection.execute("DELETE FROM schema_version WHERE number = $1", number)

    after = Sharing(postgres_server, schema, 0, key=key)
    again = await after.commit(*[admit(each) for each in sent])
    assert [each.receipt for each in again] == [each.receipt for each in done[1:]]
    assert after.store.pending(BRAVO, None, 500) == owed
    digests = [encode_base64url(sent[200].header_sha256)]
    await after.one(admit(message(900, kind="recall", sources=digests)))
    assert after.store.facts(digests, []).sources[digests[0]].withdrawn
    async with looking(after) as connection:
        assert [row[0] for row in await connection.fetch(APPLIED)] == [number for number, _, _ in KNOWN]
    await after.close()


@pytest.mark.parametrize("stop", range(1, len(KNOWN)))
async def test_each_version_is_made_step_by_step(postgres_server: PostgresServer, stop: int) -> None:
    """The steps build on one another: stopping after any of them and going on gives the same as all at once."""
    schemas = (fresh_schema(), fresh_schema())
    found = []
    for schema in schemas:
        connection = await asyncpg.connect(postgres_server.dsn, server_settings={"search_path": schema})
        if schema == schemas[0]:
            await connection.execute(f'CREATE SCHEMA "{schema}"; {JOURNAL}')
            for number, name, sql in KNOWN[:stop]:
                await connection.execute(sql)
                await connection.execute(NOTE, number, name, digest(sql))
        assert await migrate(connection, schema) == KNOWN[-1][0]
        found.append(
            await connection.fetch(
                "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
                " WHERE table_schema = $1 ORDER BY 1, 2",
                schema,
            )
        )
        await connection.close()

    assert [tuple(row) for row in found[0]] == [tuple(row) for row in found[1]]


async def test_gateways_that_start_at_once_migrate_once(postgres_server: PostgresServer) -> None:
    """Whoever comes second waits for the first, and finds everything done."""
    schema = fresh_schema()
    opened = await asyncio.gather(
        *[asyncio.to_thread(_connect_and_migrate, postgres_server.dsn, schema) for _ in range(4)]
    )

    assert opened == [KNOWN[-1][0]] * 4


def _connect_and_migrate(dsn: str, schema: str) -> int:
    async def run() -> int:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
        try:
            return await migrate(connection, schema)
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("INSERT INTO schema_version VALUES (9999, '9999.sql', 'x')", "database has schema 9999, this program knows"),
        ("UPDATE schema_version SET sha256 = 'x' WHERE number = 1", "`0001.sql` is not the one that was applied"),
    ],
)
async def test_schema_that_this_program_does_not_know_is_refused(
    postgres_server: PostgresServer, spoil: str, says: str
) -> None:
    """A newer schema, or a step that was changed after its release: nothing is guessed, the start ends (78)."""
    async with gateways(postgres_server, 1) as (one,):
        async with looking(one) as connection:
            await connection.execute(spoil)
        await one.close()

        with pytest.raises(ConfigurationError, match=says):
            one.open()
