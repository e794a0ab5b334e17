"""The directory as an endpoint keeps it: newer only, signed by enough keys, the same after a restart."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.crypto.keys import SecretKey, generate
from gateway.crypto.trust import sign_edition
from gateway.domain.decision import EditionRef
from gateway.domain.directory import Edition, KeySet
from gateway.domain.errors import CapacityError, TrustError
from gateway.endpoint.alarms import AlarmedError
from gateway.endpoint.editions import Editions
from gateway.endpoint.identity import Identity
from gateway.endpoint.journal import Journal, bind
from tests.endpoint.world import CZ, World, alarms, eventually, world
from tests.federation import DAY_MS, NETWORK, listed, now_ms


async def open_editions(folder: Path, identity: Identity) -> tuple[Journal, Editions]:
    """Return the editions kept in a folder."""
    journal = Journal.open(folder)
    await journal.write(lambda connection: bind(connection, CZ, NETWORK))
    return journal, Editions(identity, journal)


def signed(still: World, number: int, previous_sha256: str | None, **changes: object) -> bytes:
    """Return an edition under two of the present directory keys."""
    return still.federation.sign(replace(still.federation.edition(number, previous_sha256), **changes))


async def test_edition_is_the_same_after_a_restart(still: World, tmp_path: Path) -> None:
    """P-09: what was taken over is on disk before it is used, and an older one does not come back."""
    journal, editions = await open_editions(tmp_path / "data", still.identity(CZ))
    with pytest.raises(CapacityError):
        editions.require(now_ms())
    await editions.take(still.directory.raw, now_ms())
    await editions.take(signed(still, 2, still.directory.sha256), now_ms())
    await journal.close()

    journal, editions = await open_editions(tmp_path / "data", still.identity(CZ))
    assert editions.number == 2
    with pytest.raises(TrustError):
        await editions.take(still.directory.raw, now_ms())
    assert editions.number == 2
    await journal.close()


async def test_edition_that_receipts_name_is_used_for_them(still: World, tmp_path: Path) -> None:
    """Signatures are judged under the edition that was in force at admission, as long as it is kept."""
    journal, editions = await open_editions(tmp_path / "data", still.identity(CZ))
    await editions.take(still.directory.raw, now_ms())
    await editions.take(signed(still, 2, still.directory.sha256), now_ms())

    assert editions.named(EditionRef(1, still.directory.sha256)).edition.number == 1
    assert editions.named(EditionRef(2, editions.kept(2).sha256)).edition.number == 2
    for false in (EditionRef(3, still.directory.sha256), EditionRef(2, still.directory.sha256)):
        with pytest.raises(TrustError):
            editions.named(false)
    await journal.close()


async def test_expired_edition_sends_nothing_and_may_be_followed(still: World, tmp_path: Path) -> None:
    """After its expiry an edition is good for nothing but being replaced by a newer one."""
    journal, editions = await open_editions(tmp_path / "data", still.identity(CZ))
    await editions.take(still.directory.raw, now_ms())
    late_ms = still.federation.at_ms + 31 * DAY_MS
    with pytest.raises(TrustError):
        editions.require(late_ms)

    newer = signed(still, 2, still.directory.sha256, not_after_ms=late_ms + DAY_MS)
    await editions.take(newer, late_ms)
    assert editions.require(late_ms).edition.number == 2
    await journal.close()


def _other_keys(still: World) -> tuple[KeySet, list[SecretKey]]:
    keys = [generate("directory") for _ in range(3)]
    entries = tuple(sorted((listed(key, still.federation.at_ms) for key in keys), key=lambda entry: entry.kid))
    return KeySet(2, entries), keys


def _edition(still: World, number: int, previous: str, key_set: KeySet) -> Edition:
    return replace(still.federation.edition(number, previous), key_set=key_set)


async def test_changed_directory_keys_are_followed_link_by_link(still: World, tmp_path: Path) -> None:
    """K of the old and k of the new keys carry trust over; after that the old ones say nothing any more."""
    key_set, keys = _other_keys(still)
    old = still.federation.directory_keys[:2]
    journal, editions = await open_editions(tmp_path / "data", still.identity(CZ))
    await editions.take(still.directory.raw, now_ms())
    change = _edition(still, 2, still.directory.sha256, key_set)
    with pytest.raises(TrustError):
        await editions.take(sign_edition(change, keys[:2]), now_ms())
    await editions.take(sign_edition(change, [*old, *keys[:2]]), now_ms())
    await journal.close()

    journal, editions = await open_editions(tmp_path / "data", still.identity(CZ))
    assert editions.number == 2
    third = _edition(still, 3, editions.kept(2).sha256, still.federation.key_set)
    with pytest.raises(TrustError):
        await editions.take(sign_edition(third, old), now_ms())
    await journal.close()


async def test_missed_change_of_keys_needs_keys_given_by_hand(still: World, tmp_path: Path) -> None:
    """Whoever missed the link follows again once its operator pins the new keys; the old ones never suffice."""
    key_set, keys = _other_keys(still)
    identity = still.identity(CZ)
    journal, editions = await open_editions(tmp_path / "data", identity)
    await editions.take(still.directory.raw, now_ms())
    fourth = sign_edition(_edition(still, 4, still.directory.sha256, key_set), keys[:2])
    with pytest.raises(TrustError):
        await editions.take(fourth, now_ms())
    await journal.close()

    journal, editions = await open_editions(tmp_path / "data", replace(identity, trusted=key_set))
    await editions.take(fourth, now_ms())
    assert editions.number == 4
    await journal.close()

    journal, editions = await open_editions(tmp_path / "data", identity)
    fifth = _edition(still, 5, editions.kept(4).sha256, still.federation.key_set)
    with pytest.raises(TrustError):
        await editions.take(sign_edition(replace(fifth, number=1, previous_sha256=None), keys[:2]), now_ms())
    assert editions.number == 4
    await journal.close()


async def test_two_editions_of_one_number_end_all_trust(tmp_path: Path) -> None:
    """Directory keys that sign two editions of one number have told two stories: no further trust."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        await eventually(lambda: made.gateway.lines)
        other = replace(made.federation.edition(), not_after_ms=made.federation.at_ms + DAY_MS)
        await made.gateway.publish(made.federation.directory(other))
        await eventually(lambda: alarms(cz) == ["two-editions"])

        with pytest.raises(AlarmedError):
            await cz.send(made.post())
