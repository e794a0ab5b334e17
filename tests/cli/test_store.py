"""`accord store migrate`: a gateway that ran on its own disk goes on in PostgreSQL, and its ledger with it."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.app.processes import Running, running
from tests.cli.demo_folder import call, copied, said
from tests.postgres import fresh_schema, postgres_server
from tools.postgres import PostgresServer

__all__ = ["postgres_server"]

WORDS = ["--to", "kz-mvd", "--agreement", "cz-kz", "--purpose", "prevention", "--subject", "narcotic-drugs"]
TEXT = ["--text", "Two.", "--wait", "1"]


def ok(*words: object) -> str:
    """Run a command that must succeed, and return what it said."""
    result = call(*words)
    assert result.exit_code == 0, said(result)
    return said(result)


def send(federation: Path, text: str) -> str:
    """Send one message from the Czech police."""
    config = federation / "endpoints" / "cz-police" / "endpoint.toml"
    return ok("send", "--config", config, *WORDS, "--text", text)


@pytest.fixture
def stopped(made_once: Path, tmp_path: Path) -> Path:
    """A federation whose gateway took one message on its own disk, still owed, and stopped."""
    federation = copied(made_once, tmp_path / "demo")
    with running(federation) as gateway:
        send(federation, "Who holds passport 123?")
        assert gateway.end() == 0
    return federation


@pytest.fixture
def settings(stopped: Path, postgres_server: PostgresServer) -> Path:
    """The gateway's settings, turned to an empty schema of PostgreSQL."""
    return turned(stopped, postgres_server)


def turned(federation: Path, server: PostgresServer) -> Path:
    """Write down that the gateway's store is in `server`; return its settings."""
    folder = federation / "gateway" / "conf.d"
    folder.mkdir(exist_ok=True)
    (folder / "store.toml").write_text(
        '[store]\nengine = "postgres"\n[store.postgres]\n'
        f'dsn = "{server.dsn}"\nschema = "{fresh_schema()}"\npoll_s = 0.2\n'
    )
    return federation / "gateway" / "gateway.toml"


@pytest.fixture
def moved(stopped: Path, settings: Path) -> Iterator[tuple[Path, Path, Running]]:
    """The same gateway after the move, running on PostgreSQL: federation, settings, process."""
    printed = ok("store", "migrate", "--from", stopped / "gateway" / "data", "--to", settings)
    assert "verified: 2 entries" in printed
    with running(stopped) as gateway:
        yield stopped, settings, gateway


def test_moved_gateway_delivers_what_it_owed_and_goes_on(moved: tuple[Path, Path, Running]) -> None:
    """The message of before arrives with its receipt, others follow; the ledger verifies by settings and edition."""
    federation, config, gateway = moved
    kazakh = federation / "endpoints" / "kz-mvd" / "endpoint.toml"
    assert "cz-police" in ok("inbox", "--config", kazakh, "--wait", "10")
    send(federation, "And passport 124?")
    ok("inbox", "--config", kazakh, "--wait", "10")
    edition = federation / "gateway" / "directory" / "edition.accord"

    def told(*words: object) -> dict[str, object]:
        found: dict[str, object] = json.loads(ok("ledger", "verify", "--json", "--config", config, *words))
        return found

    gateway.wait_for(lambda: told()["owed"] == 0)
    own, by_edition = told(), told("--directory", edition)
    assert own == by_edition
    assert int(str(own["entries"])) >= 5
    assert ok("ledger", "checkpoint", "--config", config).startswith("gateway.accord-demo.example\n")
    assert "tlog-proof" in ok("ledger", "prove", "1", "--config", config)
    acts = [json.loads(line)["act"] for line in ok("ledger", "register", "--json", "--config", config).splitlines()]
    assert acts.count("provision") == acts.count("receipt") == 2


def test_check_tells_what_the_database_is(federation: Path, postgres_server: PostgresServer) -> None:
    """Before a start: server, schema and settings; a database that is away, or not there, has its remedy."""
    config = turned(federation, postgres_server)
    assert "will be made" in said(call("check", "--config", config))
    store = federation / "gateway" / "conf.d" / "store.toml"
    text = store.read_text()
    store.write_text(text.replace("/postgres", "/nowhere"))
    missing = call("check", "--config", config)
    assert (missing.exit_code, '"nowhere" does not exist' in said(missing)) == (78, True)
    store.write_text(text.replace(f":{postgres_server.port}", ":1"))
    away = call("check", "--config", config)
    assert (away.exit_code, "the database is away" in said(away)) == (69, True)


def test_embedded_engine_does_not_open_a_moved_ledger(moved: tuple[Path, Path, Running]) -> None:
    """Who forgets the setting is told, before a second history begins (78)."""
    federation, config, gateway = moved
    assert gateway.end() == 0
    (config.parent / "conf.d" / "store.toml").unlink()
    result = call("gateway", "run", "--config", config)

    assert result.exit_code == 78, said(result)
    assert "moved to PostgreSQL" in said(result)
    again = call("store", "migrate", "--from", federation / "gateway" / "data", "--to", config)
    assert again.exit_code == 78, said(again)
    assert 'set `engine = "postgres"`' in said(again)


SPOILT: list[tuple[list[object], str]] = [
    (["verify"], "UPDATE entry SET salt = decode(repeat('00', 32), 'hex') WHERE leaf = 1"),
    (["prove", 1], "UPDATE entry SET salt = decode(repeat('00', 32), 'hex') WHERE leaf = 1"),
    (["prove", 1, "--newest"], "UPDATE entry SET salt = decode(repeat('00', 32), 'hex') WHERE leaf = 0"),
    (["prove", 1], "DELETE FROM entry WHERE leaf = 1"),
    (["prove", 1], "DELETE FROM entry WHERE leaf = 0"),
    (["checkpoint"], "UPDATE checkpoint SET note = 'x'"),
]


def test_ledger_in_postgresql_tells_tampering_from_what_cannot_be_read(stopped: Path, settings: Path) -> None:
    """65 with what to do about tampering, 74 where no copy can be made; neither is taken for the other (O1)."""
    ok("store", "migrate", "--from", stopped / "gateway" / "data", "--to", settings)
    nowhere = call("ledger", "verify", "--config", settings, "--scratch", stopped / "none")
    assert (nowhere.exit_code, "no copy can be made" in said(nowhere)) == (74, True)
    assert "remedy: this says nothing of tampering" in said(nowhere)

    for words, statement in SPOILT:
        with spoilt(settings, statement):
            result = call("ledger", *words, "--config", settings)
        assert result.exit_code == 65, (words, statement, said(result))
        assert "remedy: keep it as it is, as evidence" in said(result)
    ok("ledger", "verify", "--config", settings)


@contextmanager
def spoilt(settings: Path, statement: str) -> Iterator[None]:
    """Do to the database what its administrator could do, and take it back afterwards."""
    shared = load(settings, GatewaySettings, {}).values.store.postgres
    tables = ("entry", "checkpoint")

    async def run(*statements: str) -> None:
        connection = await asyncpg.connect(shared.dsn, server_settings={"search_path": shared.schema})
        try:
            async with connection.transaction():
                # What hangs on an entry does not matter here.
                await connection.execute("SET LOCAL session_replication_role = replica")
                for each in statements:
                    await connection.execute(each)
        finally:
            await connection.close()

    asyncio.run(run(*[f"CREATE TABLE kept_{name} AS TABLE {name}" for name in tables], statement))
    try:
        yield
    finally:
        back = "DELETE FROM {0}; INSERT INTO {0} SELECT * FROM kept_{0}; DROP TABLE kept_{0}"
        asyncio.run(run(*map(back.format, tables)))


def test_gateway_without_its_database_is_up_and_says_why_it_is_not_ready(federation: Path) -> None:
    """reliability.md 3.3: the database away is a cause in /readyz, no exit; back again, it is ready by itself."""
    server = PostgresServer()
    try:
        server.start()
        turned(federation, server)
        with running(federation) as gateway:
            send(federation, "One.")
            server.kill()
            gateway.wait_for(lambda: "database is away" in unready(gateway))
            result = call("send", "--config", federation / "endpoints" / "cz-police" / "endpoint.toml", *WORDS, *TEXT)
            assert "submission-acceptance" not in said(result)
            server.start()
            gateway.wait_until_ready()
            send(federation, "Three.")
            assert gateway.end() == 0
    finally:
        server.remove()


def unready(gateway: Running) -> str:
    """What stands in the way of readiness, in the log and behind /readyz."""
    try:
        with urllib.request.urlopen(gateway.inspection + "/readyz", timeout=5) as answer:  # noqa: S310  loopback
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        return str(refused.read().decode())
