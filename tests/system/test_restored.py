"""A restored, older data directory: signed on until somebody shows the newer past, then never again unreconciled."""

import shutil
from pathlib import Path

from click.testing import Result

from gateway.store.frozen import MARKER
from tests.app.processes import Running, running
from tests.cli.demo_folder import call, copied, said

WITHIN_S = 20.0
WORDS = ("--to", "kz-mvd", "--agreement", "cz-kz", "--purpose", "prevention", "--subject", "narcotic-drugs")


class Restored:
    """A federation, a real endpoint of it, and copies of the gateway's data folder."""

    def __init__(self, federation: Path) -> None:
        """Name the files."""
        self.federation = federation
        self.config = federation / "gateway" / "gateway.toml"
        self.data = federation / "gateway" / "data"
        self._endpoint = federation / "endpoints" / "cz-police" / "endpoint.toml"

    def send(self, text: str) -> Result:
        """Send a message as a person would."""
        return call("send", "--config", self._endpoint, *WORDS, "--text", text)

    def receipts(self) -> list[str]:
        """Return the ledger index of each receipt that the endpoint holds, newest first."""
        lines = said(call("receipts", "--config", self._endpoint, "--wait", 0)).splitlines()
        return [line.split()[-1] for line in lines if " index " in line]

    def settle(self) -> Result:
        """End the first alarm of the endpoint."""
        return call("endpoint", "settle", 1, "--because", "the gateway was restored", "--config", self._endpoint)

    def copy(self, name: str) -> Path:
        """Copy the data folder as it is at this moment."""
        return shutil.copytree(self.data, self.federation / name)

    def restore(self, copy: Path) -> None:
        """Put a copy in the place of the data folder; the mark of a frozen ledger is no part of it."""
        marker = self.data / MARKER
        mark = marker.read_bytes() if marker.exists() else None
        shutil.rmtree(self.data)
        shutil.copytree(copy, self.data)
        if mark is not None:
            marker.write_bytes(mark)


def test_threat_G4_restored_older_copy_stops_when_a_peer_shows_the_later_checkpoint(
    made_once: Path, tmp_path: Path
) -> None:
    """G4: it refuses to sign (74), refuses to start (78), names the remedy; the newest copy, reconciled, goes on.

    Open, and shown here: before an endpoint connects, nothing tells; the gateway is ready and would sign.
    """
    made = Restored(copied(made_once, tmp_path / "demo"))
    with running(made.federation) as gateway:
        assert made.send("one").exit_code == 0
        early = made.copy("early")
        assert made.send("two").exit_code == 0
        assert made.send("three").exit_code == 0
        assert gateway.end() == 0
    newest = made.copy("newest")

    made.restore(early)
    _stops_at_the_later_checkpoint(made)
    _says_what_to_do(made)
    made.restore(newest)
    _goes_on(made)


def _stops_at_the_later_checkpoint(made: Restored) -> None:
    gateway = Running(made.config, made.federation / "restored.log", {})
    gateway.wait_until_ready()
    assert gateway.get("/checkpoint").splitlines()[1] == "2"
    sent = made.send("four")
    assert gateway.process.wait(WITHIN_S) == 74
    assert "restore the newest copy of the data directory" in gateway.output()
    assert sent.exit_code == 65, said(sent)
    assert "history-shrunk" in said(sent)


def _says_what_to_do(made: Restored) -> None:
    started = call("gateway", "run", "--config", made.config)
    checked = call("check", "--config", made.config)
    reconciled = call("ledger", "reconcile", "--config", made.config)
    verified = call("ledger", "verify", "--config", made.config)

    assert (started.exit_code, checked.exit_code, reconciled.exit_code) == (78, 78, 78)
    remedy = "remedy: restore a newer copy of the directory, then run `accord ledger reconcile`"
    for told in (started, checked):
        assert "is frozen: a peer holds a signed checkpoint that this ledger does not contain" in said(told)
        assert remedy in said(told)
    assert "has 2 entries and does not contain checkpoint 4, which peers hold" in said(reconciled)
    # Nothing in the copy was changed; that it is old, only what others hold can show.
    assert verified.exit_code == 0, said(verified)
    assert "2 entries under" in said(verified)


def _goes_on(made: Restored) -> None:
    assert call("gateway", "run", "--config", made.config).exit_code == 78
    reconciled = call("ledger", "reconcile", "--config", made.config)
    assert reconciled.exit_code == 0, said(reconciled)
    assert "contains checkpoint 4" in said(reconciled)
    with running(made.federation) as gateway:
        assert made.settle().exit_code == 0
        sent = made.send("five")
        assert sent.exit_code == 0, said(sent)
        assert sorted(made.receipts()) == ["1", "2", "3", "4", "5"]
        assert gateway.end() == 0
    assert call("ledger", "verify", "--config", made.config).exit_code == 0
