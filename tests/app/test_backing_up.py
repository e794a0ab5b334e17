"""Backups: made while the gateway is under load, held against every kind of damage, restored and reconciled."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from gateway.app.backing_up import Whose, verify
from gateway.cli.main import accord
from gateway.domain.errors import GatewayError, LedgerError
from gateway.endpoint import inbox
from gateway.endpoint.office import Office
from gateway.endpoint.words import Nothing
from gateway.store.backup import MANIFEST, read_manifest
from gateway.store.sqlite.engine import DATABASE, SPOOL
from gateway.store.verdict import VerificationError
from tests.federation import NETWORK, ORIGIN, now_ms
from tests.system.house import House, header_digest, ledger_size
from tests.system.peers import Caller, calling, digests, eventually

UNREAD = 40
# Messages that are sent together.
ROUND = 16


def _accord(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(accord, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def _whose(house: House) -> Whose:
    return Whose(NETWORK, {ORIGIN: house.federation.checkpoint_key.public})


async def _flow(house: House, caller: Caller, stop: asyncio.Event) -> int:
    """Submit until told to stop; return how many were accepted."""
    accepted = 0
    while not stop.is_set():
        raws = [house.envelope(house.senders[0], house.recipients[0]) for _ in range(ROUND)]
        accepted += sum(answer.permitted for answer in await caller.submit(*raws))
    return accepted


async def _acknowledge(house: House, hearer: Caller, stop: asyncio.Event) -> None:
    said = 0
    while not stop.is_set():
        fresh = hearer.deliveries[said:]
        if fresh:
            await hearer.acknowledge(house.senders[0], digests(fresh)[:100])
            said += len(fresh[:100])
        await asyncio.sleep(0.002)


async def test_backup_made_under_load_is_whole_and_of_one_moment(tmp_path: Path) -> None:
    """Bodies come and are destroyed all the time; each of five copies verifies, bodies that it calls owed included."""
    house = House(tmp_path / "house", pairs=2)
    absent = house.recipients[1]
    with house.running() as gateway:
        async with calling(house, house.senders[0]) as caller, calling(house, house.recipients[0]) as hearer:
            unread = [house.envelope(house.senders[0], absent) for _ in range(UNREAD)]
            assert all(answer.permitted for answer in await caller.submit(*unread))
            stop = asyncio.Event()
            flow = asyncio.create_task(_flow(house, caller, stop))
            reading = asyncio.create_task(_acknowledge(house, hearer, stop))
            sizes: list[int] = []
            for number in range(5):
                # In a process of its own, as an operator makes it: a thread of ours would hold up those who send.
                command = ("backup", "create", str(tmp_path / f"backup-{number}"), "--config", str(house.config))
                creating = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "gateway", *command, stdout=PIPE, stderr=STDOUT
                )
                said, _ = await creating.communicate()
                assert creating.returncode == 0, said
                size = read_manifest(tmp_path / f"backup-{number}").heads[0].size
                assert size is not None
                sizes.append(size)
            stop.set()
            accepted = await flow
            await reading
        assert ledger_size(gateway) > sizes[-1] > sizes[0] > UNREAD
        assert gateway.end() == 0
    assert accepted > 5 * ROUND
    shutil.rmtree(house.folder / "data")
    for number, size in enumerate(sizes):
        verified = verify(tmp_path / f"backup-{number}", _whose(house), None)
        assert verified.reports[0].entries == size
        owed = verified.reports[0].owed
        assert owed is not None
        assert owed >= UNREAD
    assert not any(file.name.startswith("keys/") for file in verified.manifest.files)


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Path]:
    """Return a house and one backup of it, with deliveries owed; nobody changes either."""
    folder = tmp_path_factory.mktemp("backed-up")
    house = House(folder / "house", pairs=1)

    async def fill() -> None:
        async with calling(house, house.senders[0]) as caller:
            await caller.submit(*[house.envelope(house.senders[0], house.recipients[0]) for _ in range(UNREAD)])

    with house.running():
        asyncio.run(fill())
        code, said = _accord("backup", "create", folder / "backup", "--config", house.config)
        assert (code, "no private key is in it" in said) == (0, True), said
    return house, folder / "backup"


def _flip(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        raw = bytearray((folder / name).read_bytes())
        raw[len(raw) // 2] ^= 1
        (folder / name).write_bytes(raw)

    return damage


def _cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[: len(raw) // 2])

    return damage


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        pytest.param(_flip(DATABASE), VerificationError, "was changed", id="database-flipped"),
        pytest.param(_flip(SPOOL), VerificationError, "was changed", id="body-flipped"),
        pytest.param(_flip("directory/000001.accord"), VerificationError, "was changed", id="edition-flipped"),
        pytest.param(lambda folder: (folder / "added").touch(), VerificationError, "was added", id="file-added"),
        pytest.param(_cut(DATABASE), LedgerError, "cut short", id="database-cut"),
        pytest.param(lambda folder: (folder / SPOOL).unlink(), LedgerError, "cannot be read", id="spool-gone"),
        pytest.param(lambda folder: (folder / MANIFEST).unlink(), LedgerError, "is no backup", id="manifest-gone"),
        pytest.param(_cut(MANIFEST), LedgerError, "cannot be read", id="manifest-cut"),
    ],
)
def test_damaged_backup_tells_what_was_changed_from_what_is_unreadable(
    backed_up: tuple[House, Path],
    tmp_path: Path,
    damage: Callable[[Path], None],
    error: type[GatewayError],
    words: str,
) -> None:
    """Changed is 65, unreadable is 74, whatever the damage; nothing of it is ever restored."""
    house, backup = backed_up
    copy = shutil.copytree(backup, tmp_path / "copy")
    damage(copy)

    with pytest.raises(error, match=words):
        verify(copy, _whose(house), None)
    code, _ = _accord("backup", "verify", copy, "--config", house.config)
    assert code == (65 if error is VerificationError else 74)


def test_backup_whose_manifest_was_made_again_does_not_pass_for_another_ledger(
    backed_up: tuple[House, Path], tmp_path: Path
) -> None:
    """Keys come from outside: who may write the manifest may still not sign; a noted digest tells any change."""
    house, backup = backed_up
    stranger = House(tmp_path / "stranger", pairs=1)

    code, said = _accord(
        "backup", "verify", backup, "--directory", tmp_path / "stranger" / "directory" / "edition.accord"
    )
    assert code == 65, said
    verified = verify(backup, _whose(house), None)
    assert verify(backup, _whose(house), None, verified.sha256) == verified
    code, said = _accord("backup", "verify", backup, "--config", house.config, "--expect", "0" * 64)
    assert (code, "not the one that was noted" in said) == (65, True)
    assert stranger.federation.checkpoint_key.public != house.federation.checkpoint_key.public


def test_create_that_is_killed_leaves_nothing_that_verifies(backed_up: tuple[House, Path], tmp_path: Path) -> None:
    """SIGKILL at any moment: the name is not there, or the whole backup is; what is left over verifies as nothing."""
    house, _ = backed_up
    command = [sys.executable, "-m", "gateway", "backup", "create", "", "--config", str(house.config)]
    kept = 0
    for number in range(12):
        target = tmp_path / f"backup-{number}"
        process = subprocess.Popen([*command[:5], str(target), *command[6:]], stdout=subprocess.DEVNULL)
        # The interpreter needs some 0.3 s before it copies anything.
        time.sleep(0.25 + 0.02 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for left in tmp_path.glob(f".backup-{number}.*"):
            with pytest.raises(LedgerError, match="is no backup"):
                verify(left, _whose(house), None)
            kept += 1
        if target.exists():
            verify(target, _whose(house), None)
    assert _accord("backup", "create", tmp_path / "whole", "--config", house.config)[0] == 0
    code, said = _accord("backup", "create", tmp_path / "whole", "--config", house.config)
    assert (code, "exists already" in said) == (78, True)


async def test_threat_O6_restored_ledger_signs_nothing_until_reconciled_and_repeats_without_effect(
    tmp_path: Path,
) -> None:
    """O6, G4: put into an empty place only; does not start (78) until the word of endpoints was compared.

    What went out after the backup goes out again under the same ids and has one effect; a receipt stays what it was.
    """
    house = House(tmp_path / "house", pairs=1)
    sender, recipient = house.senders[0], house.recipients[0]
    raws = [house.envelope(sender, recipient) for _ in range(10)]
    backup, config = tmp_path / "backup", ("--config", house.config)
    with house.running() as gateway:
        async with calling(house, sender) as caller:
            receipts = [answer.body for answer in await caller.submit(*raws)]
        assert (await _told("backup", "create", backup, *config))[0] == 0
        async with calling(house, recipient) as hearer:
            await eventually(lambda: len(hearer.deliveries) == len(raws))
        seen = gateway.get("/checkpoint")
        gateway.process.kill()
    assert "is not empty" in await _refused("backup", "restore", backup, *config)
    shutil.rmtree(house.data)
    assert (await _told("backup", "restore", backup, *config))[0] == 0

    said = await _refused("gateway", "run", *config)
    assert "restored from a backup" in said
    assert "accord endpoint seen" in said
    assert "nobody has shown" in await _refused("ledger", "reconcile", *config)
    (tmp_path / "seen").write_text(seen)
    assert (await _told("ledger", "reconcile", *config, "--seen", tmp_path / "seen"))[0] == 0
    with house.running() as gateway:
        async with calling(house, sender) as caller, calling(house, recipient) as hearer:
            assert [answer.body for answer in await caller.submit(*raws)] == receipts
            await eventually(lambda: len(hearer.deliveries) == len(raws))
            assert sorted(digests(hearer.deliveries)) == sorted(map(header_digest, raws))
            await hearer.acknowledge(sender, digests(hearer.deliveries))
            await eventually(lambda: len(caller.evidence) == len(raws))
        assert gateway.end() == 0
    house.verify()


async def test_threat_G4_restored_ledger_that_peers_have_seen_further_stays_closed(tmp_path: Path) -> None:
    """G4: a real endpoint shows what it has seen; the older copy is not released, now or ever after."""
    house = House(tmp_path / "house", pairs=1)
    sender, recipient = house.senders[0], house.recipients[0]
    backup, config = tmp_path / "backup", ("--config", house.config)
    with house.running() as gateway:
        async with calling(house, sender) as caller:
            await caller.submit(house.envelope(sender, recipient))
            assert (await _told("backup", "create", backup, *config))[0] == 0
            async with house.endpoint(recipient, tmp_path) as endpoint:
                await eventually(lambda: caller.evidence)
                await eventually(lambda: not inbox.count_owed(endpoint.keeping.journal))
                report = await Office(endpoint, None, now_ms).seen(Nothing())
        assert gateway.end() == 0
    (tmp_path / "seen.json").write_bytes(msgspec.json.encode(report))
    shutil.rmtree(house.data)
    assert (await _told("backup", "restore", backup, *config))[0] == 0

    said = await _refused("ledger", "reconcile", *config, "--seen", tmp_path / "seen.json")

    assert "has 2 entries and does not contain checkpoint 3" in said
    assert "new origin" in said
    assert "does not contain" in await _refused("gateway", "run", *config)
    (tmp_path / "early").write_text(read_manifest(backup).heads[0].note)
    assert "does not contain checkpoint 3" in await _refused(
        "ledger", "reconcile", *config, "--seen", tmp_path / "early"
    )


async def _told(*arguments: object) -> tuple[int, str]:
    return await asyncio.to_thread(_accord, *arguments)


async def _refused(*arguments: object) -> str:
    code, said = await _told(*arguments)
    assert code == 78, said
    return said
