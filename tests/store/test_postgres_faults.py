"""What a PostgreSQL that goes away, comes back, fills up or is not ours does to a store: never a lost receipt."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from gateway.crypto.digests import sha256
from gateway.crypto.keys import from_private
from gateway.domain.errors import CapacityError, ConfigurationError, LedgerError
from gateway.store.interface import Store
from gateway.store.postgres.connecting import refuse_version
from tests.postgres import fresh_schema
from tests.store import samples
from tests.store.samples import ALPHA, BRAVO, acknowledge, admit, message
from tests.store.sharing import Sharing, gateways, looking, start_child
from tests.store.wire_cut import Cut, Wire
from tools.postgres import PostgresServer

KILLS = 3


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may kill."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def read_lines(child: asyncio.subprocess.Process, seconds: float) -> list[str]:
    """What a child says within some time."""
    assert child.stdout is not None
    lines = []
    try:
        async with asyncio.timeout(seconds):
            while line := await child.stdout.readline():
                lines.append(line.decode())
    except TimeoutError:
        pass
    return lines


async def check_said(peer: Sharing, lines: list[str]) -> None:
    """Everything that was reported is there, byte for byte; nothing is there twice."""
    said = [line.split() for line in lines]
    for what, name, digest in said:
        if what == "admitted":
            status = peer.store.status(ALPHA, name)
            assert status is not None
            assert sha256(status.receipt).hex() == digest
    async with looking(peer) as connection:
        known = {row[0].hex() for row in await connection.fetch("SELECT sha256 FROM acknowledgement")}
        assert {name for what, name, _ in said if what == "ended"} <= known
        twice = "SELECT 1 FROM evidence GROUP BY log, leaf, recipient HAVING count(*) > 1"
        assert await connection.fetch(twice) == []
        gaps = "SELECT 1 FROM evidence GROUP BY originator HAVING max(sequence) <> count(*) OR min(sequence) <> 1"
        assert await connection.fetch(gaps) == []
        orphans = "SELECT 1 FROM delivery LEFT JOIN body USING (log, leaf) WHERE outcome IS NULL AND ciphertext IS NULL"
        assert await connection.fetch(orphans) == []
        assert len({name for what, name, _ in said if what == "admitted"}) > KILLS


async def test_server_killed_under_load_recovers_and_nothing_reported_is_lost(own_server: PostgresServer) -> None:
    """D7, P-07: kill -9 of the server in the middle of commits; the gateway stays up and goes on by itself."""
    schema, seed = fresh_schema(), samples.checkpoint_seed()
    child = await start_child(own_server.dsn, schema, 3, seed, count=0)
    lines: list[str] = []
    for _ in range(KILLS):
        before = len(lines)
        while len(lines) < before + 60:
            lines += await read_lines(child, 0.2)
        own_server.kill()
        lines += await read_lines(child, 0.2)
        own_server.start()
    while len(lines) < before + 200:
        lines += await read_lines(child, 0.2)
    assert child.returncode is None
    child.kill()
    lines += await read_lines(child, 5)

    peer = Sharing(own_server, schema, 3, key=from_private("checkpoint", seed))
    await check_said(peer, lines)
    await peer.close()


async def test_gateway_killed_under_load_loses_nothing_reported(postgres_server: PostgresServer) -> None:
    """P-07: kill -9 of the gateway in the middle of commits; its ledger goes on from what is there."""
    schema, seed = fresh_schema(), samples.checkpoint_seed()
    lines: list[str] = []
    for _ in range(KILLS):
        child = await start_child(postgres_server.dsn, schema, 3, seed, count=0)
        before = len(lines)
        while len(lines) < before + 60:
            lines += await read_lines(child, 0.1)
        child.kill()
        lines += await read_lines(child, 5)
        await child.wait()

    peer = Sharing(postgres_server, schema, 3, key=from_private("checkpoint", seed))
    await check_said(peer, lines)
    assert (await peer.one(admit(message(1)))).permitted
    await peer.close()


@pytest.mark.parametrize("cut", ["answer", "question"])
async def test_threat_D7_unknown_outcome_of_a_commit_is_asked_for(postgres_server: PostgresServer, cut: Cut) -> None:
    """D7: the connection is lost in the middle of a commit; it is there once, and reported once, either way."""
    sent = [message(number) for number in range(4)]
    with Wire(postgres_server.port) as wire:
        server = PostgresServerAt(postgres_server, wire.port)
        async with gateways(server, 1) as (one,):
            await one.commit(admit(sent[0]), admit(sent[1]))
            wire.cut(cut, sent[2].envelope.h)
            done = await one.commit(admit(sent[2]), acknowledge(sent[0], sent[1]))
            again = await one.commit(admit(sent[2]), admit(sent[3]))

            assert wire.cuts == 1
            assert [(each.index, each.duplicate, each.ended) for each in done] == [(2, False, 0), (3, False, 2)]
            assert [(each.index, each.duplicate) for each in again] == [(2, True), (4, False)]
            assert [item.sequence for _, item in done[1].evidence] == [1, 2]
            assert one.store.evidence(ALPHA, 0, 10) == [item for _, item in done[1].evidence]
            async with looking(one) as connection:
                assert await connection.fetchval("SELECT count(*) FROM entry") == 5


class PostgresServerAt:
    """The same server by another way."""

    def __init__(self, server: PostgresServer, port: int) -> None:
        """Go through `port`."""
        self.dsn = server.dsn.replace(f":{server.port}/", f":{port}/")


async def test_server_that_is_away_means_busy_and_what_was_taken_is_committed_when_it_is_back(
    own_server: PostgresServer,
) -> None:
    """reliability.md 3.3: no new work and no receipt while it is away, a cause by name, and no restart needed."""
    async with gateways(own_server, 1) as (one,):
        await one.one(admit(message(1)))
        own_server.kill()
        one.store.put(admit(message(2)))
        await until_busy(one.store)
        busy = one.store.busy()
        assert busy is not None
        assert "database is away" in str(busy)
        for ask in (lambda: one.store.put(admit(message(3))), lambda: one.store.pending(BRAVO, None, 1)):
            with pytest.raises(CapacityError) as refused:
                ask()
            assert refused.value.retry_after_s > 0
        assert (len(one.reported), one.failures) == (1, [])

        own_server.start()
        done = (await one.commit(admit(message(3))))[-1] if await until_back(one) else None
        assert done is not None
        assert [each.index for _, each in one.reported] == [0, 1, 2]
        assert len(one.store.pending(BRAVO, None, 5)) == 3


async def until_busy(store: Store) -> None:
    """Wait until the store turns new work away."""
    async with asyncio.timeout(10):
        while store.busy() is None:
            await asyncio.sleep(0.02)


async def until_back(one: Sharing) -> bool:
    """Wait until everything that was taken is reported."""
    async with asyncio.timeout(20):
        while one.store.busy() is not None or len(one.reported) < 2:
            await asyncio.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("state", "cause"),
    [("53100", "disk is full"), ("25006", "read-only"), ("57014", "canceled"), ("40P01", "deadlock")],
)
async def test_commit_that_the_server_refuses_for_now_is_tried_again(
    postgres_server: PostgresServer, state: str, cause: str
) -> None:
    """Full, read-only since a failover, cancelled: busy with the server's own word for it, then committed once."""
    async with gateways(postgres_server, 1) as (one,):
        async with looking(one) as connection:
            await connection.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" RAISE EXCEPTION '{cause}' USING ERRCODE = '{state}'; END $$;"
                " CREATE TRIGGER refuse BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
            one.store.put(admit(message(1)))
            await until_busy(one.store)
            assert cause in str(one.store.busy())
            await connection.execute("DROP TRIGGER refuse ON entry")
            async with asyncio.timeout(10):
                while not one.reported:
                    await asyncio.sleep(0.02)

        assert ([each.index for _, each in one.reported], one.failures, one.store.busy()) == ([0], [], None)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("UPDATE log SET token = token + 1", "another process has opened this ledger"),
        ("UPDATE log SET size = size + 1", "not where this gateway left it"),
        ("UPDATE log SET batch = batch + 7", "not where this gateway left it"),
        ("INSERT INTO entry SELECT log, leaf + 1, salt, record, object, signatures FROM entry", "duplicate key"),
    ],
)
async def test_contradiction_stops_the_gateway(postgres_server: PostgresServer, spoil: str, says: str) -> None:
    """Fencing lost, a head that is not ours: no receipt, no second try, the process must end (74)."""
    async with gateways(postgres_server, 1) as (one,):
        await one.one(admit(message(1)))
        async with looking(one) as connection:
            await connection.execute(spoil)
        with pytest.raises(LedgerError, match=says):
            await one.one(admit(message(2)))

        assert len(one.failures) == 1
        with pytest.raises(LedgerError):
            one.store.put(admit(message(3)))
        with pytest.raises(LedgerError):
            one.store.spooled()


async def test_frozen_ledger_signs_nothing_any_more(postgres_server: PostgresServer) -> None:
    """G3: a peer holds what this ledger lacks: the reason is in the database, and no process opens the ledger again."""
    async with gateways(postgres_server, 2) as (one, two):
        await one.one(admit(message(1)))
        one.store.freeze("a peer holds more", b"note")  # type: ignore[attr-defined]  # Beside the interface.
        with pytest.raises(LedgerError, match="frozen"):
            one.store.put(admit(message(2)))
        await one.close()
        with pytest.raises(ConfigurationError, match="a peer holds more; restore a newer copy"):
            one.open()

        assert (await two.one(admit(message(3)))).permitted


@pytest.mark.parametrize(
    ("set_", "reset", "says"),
    [
        ("SET synchronous_commit = off", "RESET synchronous_commit", "`synchronous_commit` at `off`"),
        ("SET synchronous_commit = remote_write", "RESET synchronous_commit", "`synchronous_commit` at"),
        ("SET default_transaction_read_only = on", "RESET default_transaction_read_only", "read-only"),
    ],
)
async def test_role_that_weakens_a_commit_is_found_at_start(
    postgres_server: PostgresServer, set_: str, reset: str, says: str
) -> None:
    """reliability.md 4.4: a default of role or database cannot make "committed" mean less; the setting is named."""
    connection = await asyncpg.connect(postgres_server.dsn)
    try:
        await connection.execute(f"ALTER ROLE accord {set_}")
        with pytest.raises(ConfigurationError, match=says):
            Sharing(postgres_server, fresh_schema(), 0)
    finally:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER ROLE accord {reset}")
        await connection.close()


async def test_server_that_may_lose_commits_is_refused_at_start() -> None:
    """`fsync` and `full_page_writes` off are found, each with its remedy."""
    server = PostgresServer(fsync="off", full_page_writes="off")
    try:
        server.start()
        with pytest.raises(ConfigurationError, match="`fsync` at `off`, not `on`; set `fsync = on`"):
            Sharing(server, fresh_schema(), 0)
        server.stop()
        server.settings["fsync"] = "on"
        server.start()
        with pytest.raises(ConfigurationError, match="`full_page_writes` at `off`"):
            Sharing(server, fresh_schema(), 0)
    finally:
        server.remove()


async def test_address_that_leads_nowhere_says_so(postgres_server: PostgresServer) -> None:
    """A wrong database is for the operator, a server that is not there for later; passwords stay out of settings."""
    server = PostgresServerAt(postgres_server, 1)
    with pytest.raises(CapacityError, match=r"database is away .*refused"):
        Sharing(server, fresh_schema(), 0)
    server.dsn = postgres_server.dsn.replace("/postgres", "/nowhere")
    with pytest.raises(ConfigurationError, match=r"\"nowhere\" does not exist; check `store.postgres.dsn`"):
        Sharing(server, fresh_schema(), 0)
    server.dsn = "postgresql://accord:geheim@127.0.0.1/accord"
    with pytest.raises(ConfigurationError, match="holds a password") as refused:
        Sharing(server, fresh_schema(), 0)
    assert "geheim" not in str(refused.value)


def test_older_server_is_refused() -> None:
    """PostgreSQL 15 is the oldest that is tested; the text says which one is there."""
    refuse_version(150_018)
    with pytest.raises(ConfigurationError, match="PostgreSQL 14 is too old, at least 15"):
        refuse_version(140_009)
