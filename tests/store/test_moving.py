"""`accord store migrate`: an embedded deployment goes on in PostgreSQL, receipt by receipt the same."""

import asyncio
import os
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.interface import ConsentUse
from gateway.store.limits import PostgresSettings
from gateway.store.postgres.moving import Moved, move
from gateway.store.postgres.verify import verify_shared
from gateway.store.sqlite.engine import DATABASE, SPOOL, mark_moved
from gateway.store.verdict import VerificationError
from tests.postgres import fresh_schema
from tests.store.running import Running, postgres, sqlite
from tests.store.samples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    NETWORK,
    ORIGIN,
    acknowledge,
    admit,
    admit_statement,
    consent,
    edition,
    fail,
    message,
    revocation,
)
from tests.store.test_contract_delivery import attempt
from tools.postgres import PostgresServer

MESSAGES = 520


async def deployment(path: Path) -> tuple[Running, dict[str, bytes]]:
    """An embedded deployment with something of everything, stopped; and the receipts of its messages."""
    running = Running(sqlite, path)
    sent = [message(n, recipients=(BRAVO, CHARLIE), body=os.urandom(n * 7 + 1)) for n in range(MESSAGES)]
    statement = admit_statement(consent(7_000, [encode_base64url(sent[0].header_sha256)]))
    use = ConsentUse(statement.statement.sha256, None)
    done = await running.commit(edition(1), statement, *[admit(each) for each in sent])
    await running.commit(
        admit(message(0, body=b"another")),
        admit(sent[5], "peer-not-originator", against=CHARLIE),
        admit(message(8_000), "refused"),
        admit(message(8_001, originator=BRAVO, recipients=(CHARLIE,)), consents=[use]),
        admit(message(8_002, kind="recall", sources=[encode_base64url(sent[1].header_sha256)])),
        admit_statement(revocation(statement)),
        acknowledge(*sent[:200]),
        acknowledge(*sent[200:300]),
        acknowledge(*sent[:10], status="destroyed"),
        acknowledge(*sent[:150], by=CHARLIE, status="refused"),
        acknowledge(*sent[150:290], by=CHARLIE, status="refused"),
        fail(done[2 + 400].index),
        attempt(done[2 + 500].index),
    )
    await running.close()
    return running, {each.header.id: one.receipt for each, one in zip(sent, done[2:], strict=True)}


async def moved(server: PostgresServer, running: Running, path: Path, schema: str) -> Moved:
    """Run the migration, as the command does: on no event loop."""
    access = PostgresSettings(dsn=server.dsn, schema=schema)
    run = partial(move, path / "data", access, None, network=NETWORK, origin=ORIGIN, public=running.key.public)
    return await asyncio.to_thread(run)


async def test_moved_deployment_goes_on_with_every_receipt_as_it_was(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """No receipt changes by a byte, what is owed is delivered, evidence and ledger go on where they were, verified."""
    embedded, receipts = await deployment(tmp_path)
    embedded.store = embedded.open()
    told = embedded.store.evidence(ALPHA, 0, 10_000)
    owed = [embedded.store.pending(name, None, 2_000) for name in (BRAVO, CHARLIE)]
    head = embedded.store.checkpoint()
    await embedded.close()
    schema = fresh_schema()
    done = await moved(postgres_server, embedded, tmp_path, schema)
    shared = Running(postgres(postgres_server, schema), tmp_path, key=embedded.key)

    assert (done.already, done.report.checkpoint, done.rows["entry"]) == (False, head, head.size)
    assert shared.store.checkpoint() == head
    for message_id, receipt in list(receipts.items())[::5]:
        status = shared.store.status(ALPHA, message_id)
        assert status is not None
        assert status.receipt == receipt
    assert shared.store.evidence(ALPHA, 0, 10_000) == told
    assert [shared.store.pending(name, None, 2_000) for name in (BRAVO, CHARLIE)] == owed
    again = await shared.one(admit(message(9_000)))
    assert again.index == head.size
    assert [one.sequence for one in shared.store.evidence(ALPHA, len(told), 10)] == []
    await shared.close()
    access = PostgresSettings(dsn=postgres_server.dsn, schema=schema)
    verify = partial(verify_shared, access, None, network=NETWORK, origin=ORIGIN, public=embedded.key.public)
    report = await asyncio.to_thread(verify)
    assert (report.entries, report.owed) == (head.size + 1, done.report.owed + 1)


async def test_move_is_repeated_and_the_embedded_engine_does_not_go_on(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Two engines never sign one ledger: the directory opens no more, and a second run only verifies."""
    embedded, _ = await deployment(tmp_path)
    schema = fresh_schema()
    first = await moved(postgres_server, embedded, tmp_path, schema)
    with pytest.raises(ConfigurationError, match="moved to PostgreSQL"):
        embedded.open()
    again = await moved(postgres_server, embedded, tmp_path, schema)
    assert (again.already, again.rows) == (True, first.rows)

    shared = Running(postgres(postgres_server, schema), tmp_path, key=embedded.key)
    await shared.one(admit(message(9_000)))
    await shared.close()
    with pytest.raises(ConfigurationError, match="the target is not empty"):
        await moved(postgres_server, embedded, tmp_path, schema)


async def test_move_that_was_cut_off_is_run_again(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """Killed, or its server was, between the mark and the end of the transaction: the next run moves everything."""
    embedded, _ = await deployment(tmp_path)
    mark_moved(tmp_path / "data" / DATABASE)
    done = await moved(postgres_server, embedded, tmp_path, fresh_schema())

    assert (done.already, done.rows["entry"]) == (False, done.report.entries)


async def test_move_stops_at_what_was_changed_and_leaves_nothing(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """A row that does not follow from the ledger, or a body that is not the signed one: nothing is moved."""
    embedded, _ = await deployment(tmp_path)
    schema = fresh_schema()
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE)) as connection, connection:
        connection.execute("UPDATE delivery SET outcome = 'handed-over' WHERE leaf = 10 AND recipient = 'bravo'")
    with pytest.raises(VerificationError, match="leaf 10"):
        await moved(postgres_server, embedded, tmp_path, schema)
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE)) as connection, connection:
        connection.execute("UPDATE delivery SET outcome = 'consigned' WHERE leaf = 10 AND recipient = 'bravo'")
        slot = connection.execute("SELECT slot FROM delivery WHERE outcome IS NULL AND leaf = 500").fetchone()[0]
    with (tmp_path / "data" / SPOOL).open("r+b") as spool:
        spool.seek(slot * 4_096)
        spool.write(b"another")
    with pytest.raises(VerificationError, match="leaf 500"):
        await moved(postgres_server, embedded, tmp_path, schema)

    # It may go on where it was: the mark is set only when everything was there.
    embedded.store = embedded.open()
    await embedded.close()


async def test_move_refuses_another_ledger_and_a_gateway_that_runs(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Wrong key, or a directory in use: said before anything is written."""
    embedded, _ = await deployment(tmp_path)
    other = Running(sqlite, tmp_path / "other")
    with pytest.raises(ConfigurationError, match="in use"):
        await moved(postgres_server, other, tmp_path / "other", fresh_schema())
    await other.close()
    embedded.key = other.key
    with pytest.raises((VerificationError, LedgerError)):
        await moved(postgres_server, embedded, tmp_path, fresh_schema())
