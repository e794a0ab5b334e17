"""What a store promises of its ledger: a tree that only grows, provable at every size, checked when it opens."""

import base64

import pytest

from gateway.crypto.checkpoint import verify_checkpoint
from gateway.crypto.merkle import TILE_WIDTH, leaf_hash, root, verify_consistency
from gateway.crypto.receipt import leaf_data
from gateway.domain.errors import TrustError
from gateway.domain.receipt import Checkpoint
from tests.store.running import Running
from tests.store.samples import ORIGIN, admit, message

# Batches of these sizes cross tile borders in the middle, at the edge, and by one leaf.
BATCHES = (1, 2, 200, 52, 1, 1, 199, 56, 3)


async def grow(running: Running) -> tuple[list[bytes], list[Checkpoint]]:
    """Fill the ledger batch by batch; return receipts and checkpoints."""
    receipts: list[bytes] = []
    heads = [running.store.checkpoint()]
    number = 0
    for size in BATCHES:
        done = await running.commit(*[admit(message(number + n)) for n in range(size)])
        number += size
        receipts += [each.receipt for each in done]
        heads.append(running.store.checkpoint())
    return receipts, heads


async def test_every_entry_is_provable_in_every_later_checkpoint(running: Running) -> None:
    """P-08, S-01: heads are consistent with one another, receipts lead to them, and both survive a restart."""
    receipts, heads = await grow(running)
    await running.reopen()
    store = running.store
    hashes = []
    for index, raw in enumerate(receipts):
        receipt = running.verified(raw)
        hashes.append(leaf_hash(leaf_data(receipt.salt, raw_record(raw, receipt.salt))))
        assert receipt.index == index

    for head in heads:
        verify_checkpoint(head.note, ORIGIN, running.key.public)
        assert head.root == root(hashes[: head.size]) == store.root_at(head.size)
    for old in heads:
        for new in heads[heads.index(old) :]:
            verify_consistency(old.size, old.root, new.size, new.root, store.consistency(old.size, new.size))


def raw_record(receipt: bytes, salt: bytes) -> bytes:
    """The record in a receipt as it was hashed."""
    extra = base64.b64decode(receipt.split(b"\n")[1].removeprefix(b"extra "))
    assert extra.startswith(salt)
    return extra[len(salt) :]


async def test_receipts_made_again_have_the_same_bytes(running: Running) -> None:
    """P-03: each leaf has one receipt, under the checkpoint of its batch, however the ledger has grown."""
    receipts, _ = await grow(running)
    sent = [message(number) for number in range(len(receipts))]
    again = [running.store.status("alpha", each.header.id) for each in sent]

    assert [status.receipt for status in again if status] == receipts


async def test_threat_G2_a_receipt_without_its_entry_cannot_be_made(running: Running) -> None:
    """G2, P-02: a bare record, another index or another checkpoint's path verifies under no published head."""
    done = await running.commit(*[admit(message(number)) for number in range(5)])
    receipt = done[3].receipt
    head, index, *path = receipt.split(b"\n\n")[0].split(b"\n")[1:]
    forged = (
        receipt.replace(index, b"index 2"),
        receipt.replace(path[0], path[1]),
        receipt.replace(head, done[2].receipt.split(b"\n")[1]),
        receipt.replace(b"\n".join([index, *path]), index),
    )

    running.verified(receipt)
    for raw in forged:
        with pytest.raises(TrustError):
            running.verified(raw)


async def test_checkpoint_is_seen_only_after_its_batch_was_reported(running: Running) -> None:
    """A head covers what is durable and nothing else: put alone shows nothing."""
    before = running.store.checkpoint()
    running.store.put(admit(message(1)))

    assert running.store.checkpoint() is before
    await running.commit()
    await running.reopen()
    assert running.store.checkpoint().size == 1


async def test_tiles_hold_the_hashes_of_the_tree_as_far_as_it_has_grown(running: Running) -> None:
    """S-05: complete tiles and the growing ones together are exactly the leaves and the roots of tiles."""
    await grow(running)
    store = running.store
    size = store.checkpoint().size
    level_0 = b"".join(store.tile(0, number) for number in range(size // TILE_WIDTH + 1))
    hashes = [level_0[start : start + 32] for start in range(0, len(level_0), 32)]

    assert (len(hashes), root(hashes)) == (size, store.checkpoint().root)
    assert store.tile(1, 0) == b"".join(root(hashes[n * 256 : n * 256 + 256]) for n in range(size // TILE_WIDTH))
    assert store.tile(0, size // TILE_WIDTH + 1) == b""
