"""One ledger, one process: a second one neither writes nor takes over while the first one lives."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.federation import ROOT
from tests.system.house import House, ledger_size
from tests.system.peers import calling

WITHIN_S = 20.0


def _second(house: House) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "gateway", "gateway", "run", "--config", str(house.config)]
    return subprocess.run(words, capture_output=True, text=True, timeout=WITHIN_S, check=False, cwd=ROOT)


async def test_threat_G5_second_instance_never_signs_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    """G5: of two processes with one ledger and one key exactly one appends; after a SIGKILL the next one may start."""
    house = House(tmp_path, 1)
    sender, recipient = house.senders[0], house.recipients[0]
    with house.running() as first:
        second = _second(house)
        assert second.returncode == 78
        assert f"in use by process {first.process.pid}" in second.stderr
        assert "remedy: stop that process" in second.stderr
        async with calling(house, sender) as caller:
            (before,) = await caller.submit(house.envelope(sender, recipient))
        first.signal(signal.SIGKILL)
        first.process.wait(WITHIN_S)
    with house.running() as again:
        async with calling(house, sender) as caller:
            (after,) = await caller.submit(house.envelope(sender, recipient))
        assert (house.receipt(before.body).index, house.receipt(after.body).index) == (1, 2)
        assert ledger_size(again) == 3
    assert house.verify().entries == 3
