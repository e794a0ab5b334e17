"""A ledger that peers have seen further than it is does not sign again until it contains what they saw."""

import shutil
from pathlib import Path

import pytest

from gateway.crypto.checkpoint import sign_checkpoint
from gateway.domain.errors import ConfigurationError, LedgerError, TrustError
from gateway.store.frozen import MARKER, read_frozen
from gateway.store.offline import reconcile
from gateway.store.sqlite.engine import SqliteStore
from tests.store.running import Running
from tests.store.samples import ORIGIN, admit, checkpoint_key, message


def freeze(running: Running, note: bytes) -> None:
    """What the switch does when a peer shows a checkpoint that the ledger does not contain."""
    assert isinstance(running.store, SqliteStore)
    running.store.freeze("a peer holds a later checkpoint", note)


async def test_restored_backup_signs_nothing_until_a_newer_copy_is_there(running: Running, tmp_path: Path) -> None:
    """Design section 6: frozen over restarts, with the remedy; thawed only by a tree that contains what was seen."""
    data, backup, newer = tmp_path / "data", tmp_path / "backup", tmp_path / "newer"
    await running.one(admit(message(1)))
    await running.close()
    shutil.copytree(data, backup)
    running.store = running.open()
    await running.commit(admit(message(2)), admit(message(3)))
    seen = running.store.checkpoint()
    await running.close()
    shutil.copytree(data, newer)
    shutil.rmtree(data)
    shutil.copytree(backup, data)

    running.store = running.open()
    running.store.put(admit(message(9)))
    freeze(running, seen.note)
    freeze(running, b"a second reason does not replace the first")
    for refused in (lambda: running.store.put(admit(message(8))), lambda: running.store.root_at(1)):
        with pytest.raises(LedgerError, match="frozen"):
            refused()
    reported = len(running.reported)
    await running.close()
    assert len(running.reported) == reported
    with pytest.raises(ConfigurationError, match="accord ledger reconcile"):
        running.open()
    with pytest.raises(ConfigurationError, match="does not contain checkpoint 3"):
        reconcile(data, origin=ORIGIN, public=running.key.public)
    assert read_frozen(data) is not None
    shutil.copy(data / MARKER, newer / MARKER)
    shutil.rmtree(data)
    shutil.copytree(newer, data)

    assert reconcile(data, origin=ORIGIN, public=running.key.public) == seen
    running.store = running.open()
    assert (await running.one(admit(message(4)))).index == 3


async def test_fork_of_the_same_length_is_never_thawed(running: Running, tmp_path: Path) -> None:
    """A longer ledger with another past does not contain what was seen either."""
    await running.commit(*[admit(message(n)) for n in range(5)])
    fork = sign_checkpoint(ORIGIN, 3, bytes(32), running.key)
    freeze(running, fork.note)
    await running.close()

    with pytest.raises(ConfigurationError, match="new origin"):
        reconcile(tmp_path / "data", origin=ORIGIN, public=running.key.public)


async def test_reconciliation_needs_the_ledgers_own_signature_and_a_stopped_gateway(
    running: Running, tmp_path: Path
) -> None:
    """A marker with a foreign note proves nothing; a live directory and one that is not frozen are left alone."""
    data = tmp_path / "data"
    with pytest.raises(ConfigurationError, match="in use"):
        reconcile(data, origin=ORIGIN, public=running.key.public)
    await running.close()
    with pytest.raises(ConfigurationError, match="not frozen"):
        reconcile(data, origin=ORIGIN, public=running.key.public)
    running.store = running.open()
    freeze(running, sign_checkpoint(ORIGIN, 0, bytes(32), checkpoint_key()).note)
    await running.close()
    with pytest.raises(TrustError):
        reconcile(data, origin=ORIGIN, public=running.key.public)
    (data / MARKER).write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="damaged"):
        running.open()
