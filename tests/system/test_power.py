"""The power goes at any moment: what was acknowledged is there, what was not is whole or absent."""

import asyncio
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from gateway.crypto.keys import SecretKey, from_pem
from gateway.domain.errors import GatewayError
from gateway.store.offline import prove
from gateway.store.sqlite.engine import SqliteStore
from gateway.store.verify import verify_ledger
from tests.federation import ROOT
from tests.store.samples import NETWORK, ORIGIN
from tests.system.committing import BATCHES, LIMITS
from tests.system.power import CALLS, Call, Disk, read_trace

CUTS = (60, pytest.param(5_000, marks=pytest.mark.soak))
ACKED = b"acked "


class Traced(NamedTuple):
    """What a store did, what it handed out, and under which key."""

    data: Path
    calls: list[Call]
    receipts: list[bytes]
    key: SecretKey


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Have a store commit under strace; skip by name where that cannot be."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("`strace` is missing: install Debian's `strace`")
    folder = tmp_path_factory.mktemp("power")
    trace = folder / "trace"
    words: list[str | Path] = [
        strace,
        "-f",
        "-qq",
        "-y",
        "-xx",
        "-s",
        "1000000",
        "--seccomp-bpf",
        "-e",
        f"trace={CALLS}",
        "-o",
        trace,
    ]
    done = subprocess.run(
        [*words, sys.executable, "-m", "tests.system.committing", folder], capture_output=True, check=False, cwd=ROOT
    )
    if b"ptrace" in done.stderr:
        pytest.skip("a process may not be traced here")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.count(ACKED) == BATCHES
    receipts = msgspec.msgpack.decode((folder / "receipts").read_bytes(), type=list[bytes])
    key = from_pem("checkpoint", (folder / "checkpoint.pem").read_bytes())
    return Traced(folder / "data", list(read_trace(trace.read_text())), receipts, key)


@pytest.mark.parametrize("cuts", CUTS)
async def test_threat_D3_power_cut_anywhere_loses_nothing_that_was_acknowledged(
    traced: Traced, tmp_path: Path, cuts: int
) -> None:
    """D3, P-07: of images that POSIX allows after a cut, torn by sectors, each opens, verifies, holds every receipt."""
    seed = random.randrange(2**32)
    for place, cut in enumerate(_cuts(traced, cuts, random.Random(seed))):
        path = _image(tmp_path / str(place), cut.files)
        try:
            await _recovers(traced, path, cut.acked)
        except (GatewayError, AssertionError) as error:
            pytest.fail(f"seed {seed}, call {cut.at}, {cut.acked} acknowledged: {error}")


async def test_power_cut_on_a_disk_that_ignores_syncs_is_noticed(traced: Traced, tmp_path: Path) -> None:
    """The search sees: where syncs are ignored, a cut at the end loses what was acknowledged, and this says so."""
    disk = Disk(traced.data, obeys=False)
    for call in traced.calls:
        disk.take(call)
    path = _image(tmp_path / "cut", dict.fromkeys(disk.after_a_cut(random.Random(1)), b""))

    with pytest.raises((GatewayError, AssertionError)):
        await _recovers(traced, path, len(traced.receipts))


class Cut(NamedTuple):
    """The files after a power cut, after which call, and how many receipts were out by then."""

    files: dict[str, bytes]
    at: int
    acked: int


def _cuts(traced: Traced, count: int, chance: random.Random) -> Iterator[Cut]:
    moments = Counter(chance.choices(range(len(traced.calls)), k=count))
    disk, acked = Disk(traced.data), 0
    for at, call in enumerate(traced.calls):
        if call.name == "say" and call.data.startswith(ACKED):
            acked = int(call.data.removeprefix(ACKED))
        disk.take(call)
        for _ in range(moments[at]):
            yield Cut(disk.after_a_cut(chance), at, acked)


def _image(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir(mode=0o700)
    for name, content in files.items():
        (path / name).touch(0o600)
        (path / name).write_bytes(content)
    return path


async def _recovers(traced: Traced, path: Path, acked: int) -> None:
    """Open what is there as after any crash; then hold it to what was handed out, and to itself."""
    store = SqliteStore(
        path,
        network=NETWORK,
        origin=ORIGIN,
        key=traced.key,
        software="accord/test",
        limits=LIMITS,
        loop=asyncio.get_running_loop(),
        failed=lambda _: None,
    )
    assert store.checkpoint().size >= acked
    await store.close()
    public = traced.key.public
    for index in range(acked):
        assert prove(path, index, origin=ORIGIN, public=public) == traced.receipts[index]
    verify_ledger(path, network=NETWORK, origin=ORIGIN, public=public)
