"""A backup of a store that gateways share: of one moment, proved without a server, restored closed, reconciled."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.app.backing_up import Whose, verify
from gateway.cli.main import accord
from gateway.domain.errors import GatewayError, LedgerError
from gateway.store.verdict import VerificationError
from tests.federation import NETWORK
from tests.postgres import fresh_schema
from tests.scale.cluster import Cluster
from tests.scale.test_moving import calling
from tests.system.peers import digests, eventually
from tools.postgres import PostgresServer

ADMITTED = 30


def _accord(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(accord, [str(argument) for argument in arguments])
    return result.exit_code, result.output


async def _told(*arguments: object) -> tuple[int, str]:
    return await asyncio.to_thread(_accord, *arguments)


async def test_shared_store_is_backed_up_under_load_restored_closed_and_reconciled(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """All ledgers of one moment; damage is told (65, 74); an empty schema only; no gateway signs before reconciliation;
    then every receipt is what it was, and what is owed is delivered.
    """
    cluster = Cluster(tmp_path / "cluster", 2, 1, postgres_server.dsn, fresh_schema())
    first, second = cluster.gateways
    sender, recipient = cluster.senders[0], cluster.recipients[0]
    raws = [cluster.envelope(sender, recipient) for _ in range(2 * ADMITTED)]
    backup = tmp_path / "backup"
    cluster.start()
    try:
        async with calling(cluster, sender, first) as one, calling(cluster, sender, second) as two:
            here = await one.submit(*raws[:ADMITTED])
            later = asyncio.create_task(two.submit(*raws[ADMITTED:]))
            code, said = await _told("backup", "create", backup, "--config", first.config)
            assert code == 0, said
            there = await later
        notes = [gateway.process.get("/checkpoint") for gateway in cluster.gateways]
        code, said = await _told("backup", "restore", backup, "--config", first.config)
        assert (code, "is not empty" in said) == (78, True), said
    finally:
        cluster.stop()
    whose = Whose(NETWORK, cluster.publics)
    verified = verify(backup, whose, None)
    assert {head.origin for head in verified.manifest.heads} == set(cluster.publics)
    assert sum(report.entries for report in verified.reports) >= ADMITTED + 2
    for damage, error, code in ((_flip, VerificationError, 65), (_cut, LedgerError, 74)):
        await asyncio.to_thread(_refuses_damage, tmp_path, backup, first.config, whose, damage, error, code)

    await _restore_the_end(cluster, notes, tmp_path)
    cluster.start()
    try:
        async with calling(cluster, sender, second) as caller, calling(cluster, recipient, first) as hearer:
            again = await caller.submit(*raws)
            await eventually(lambda: len(hearer.deliveries) == len(raws))
            assert [answer.body for answer in again] == [answer.body for answer in (*here, *there)]
            assert len(set(digests(hearer.deliveries))) == len(raws)
    finally:
        cluster.stop()


async def _restore_the_end(cluster: Cluster, notes: list[str], folder: Path) -> None:
    """Put a later backup into an empty schema, and let both gateways go on once the word of peers was compared."""
    whole, config = folder / "whole", cluster.gateways[0].config
    assert (await _told("backup", "create", whole, "--config", config))[0] == 0
    for gateway in cluster.gateways:
        overlay = gateway.folder / "conf.d" / "scale.toml"
        overlay.write_text(overlay.read_text().replace("test_", "restored_"))
    assert (await _told("backup", "restore", whole, "--config", config))[0] == 0
    code, said = await _told("gateway", "run", "--config", config)
    assert (code, "restored from a backup" in said) == (78, True), said
    code, said = await _told("ledger", "reconcile", "--config", config)
    assert (code, "nobody has shown" in said) == (78, True), said
    for gateway, note in zip(cluster.gateways, notes, strict=True):
        seen = folder / f"seen-{gateway.number}"
        seen.write_text(note)
        code, said = await _told("ledger", "reconcile", "--config", gateway.config, "--seen", seen)
        assert code == 0, said


def _refuses_damage(
    folder: Path,
    backup: Path,
    config: Path,
    whose: Whose,
    damage: Callable[[Path], None],
    error: type[GatewayError],
    expected: int,
) -> None:
    copy = shutil.copytree(backup, folder / f"damaged-{expected}")
    damage(copy / "postgres" / "entry.copy")
    with pytest.raises(error):
        verify(copy, whose, None)
    assert _accord("backup", "verify", copy, "--config", config)[0] == expected


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
