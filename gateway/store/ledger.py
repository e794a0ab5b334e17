"""The ledger of one gateway: leaves, right edge, tiles, and one signed tree head a batch.

A head is signed inside the transaction that brings its leaves, stored with them, and shown only after the commit
(ADR 0002): either both are on disk or neither is, and one that was rolled back never left the process. That makes
recovery after a crash the normal way of opening.
"""

import os
from collections.abc import Callable, Sequence

from msgspec import Struct

from gateway.crypto.checkpoint import sign_checkpoint, verify_checkpoint
from gateway.crypto.keys import SecretKey
from gateway.crypto.merkle import TILE_WIDTH, RightEdge, Tile
from gateway.crypto.receipt import assemble_receipt, receipt_leaves, spell_node
from gateway.domain.errors import FormatError, LedgerError, TrustError
from gateway.domain.receipt import Checkpoint

SALT_BYTES = 32

# Salt and record of one leaf.
Line = tuple[bytes, bytes]


class Extension(Struct, frozen=True):
    """What a batch of leaves brings: where it begins, complete tiles, the signed head, a receipt a leaf."""

    first: int
    tiles: list[Tile]
    checkpoint: Checkpoint
    receipts: list[bytes]


class Ledger:
    """The head of the log in memory. The writer owns it; a batch that does not commit ends its life."""

    def __init__(self, key: SecretKey, checkpoint: Checkpoint, edge: RightEdge) -> None:
        """Go on from `checkpoint`, whose tree ends in `edge`.

        Raises:
            LedgerError: the edge is not the one that was signed.
        """
        if (edge.size, edge.root()) != (checkpoint.size, checkpoint.root):
            raise LedgerError(
                f"the ledger holds {edge.size} entries that do not lead to its checkpoint of {checkpoint.size}"
            )
        self._key = key
        self._edge = edge
        self.checkpoint = checkpoint

    @property
    def size(self) -> int:
        """Leaves so far, those of the open batch included."""
        return self._edge.size

    def branch(self) -> "Ledger":
        """Return a ledger that goes on from here; whoever may have to take a batch back extends that and keeps this."""
        return Ledger(self._key, self.checkpoint, self._edge.copy())

    def extend(self, lines: Sequence[Line]) -> Extension:
        """Append `lines` and sign the new head. Show nothing of it before the transaction is durable."""
        first = self._edge.size
        tiles = self._edge.append(receipt_leaves(lines))
        checkpoint = sign_checkpoint(self.checkpoint.origin, self._edge.size, self._edge.root(), self._key)
        self.checkpoint = checkpoint
        paths = self._edge.paths(first, len(lines), spell_node)
        receipts = [
            assemble_receipt(salt, record, first + offset, paths[offset], checkpoint.note)
            for offset, (salt, record) in enumerate(lines)
        ]
        return Extension(first=first, tiles=tiles, checkpoint=checkpoint, receipts=receipts)


def begin(origin: str, key: SecretKey) -> Checkpoint:
    """Return the signed head of an empty log."""
    edge = RightEdge()
    return sign_checkpoint(origin, edge.size, edge.root(), key)


def resume(
    origin: str, key: SecretKey, note: bytes, size: int, read_tile: Callable[[int, int], bytes], newest: Sequence[Line]
) -> Ledger:
    """Return the ledger that `size` stored leaves make, checked against the note that was signed last.

    `newest` are the `size % 256` lines after the last complete tile.

    Raises:
        LedgerError: entries, tiles and note do not agree, or the note is not under `key`: not our ledger, or damaged.
    """
    try:
        checkpoint = verify_checkpoint(note, origin, key.public)
        leaves = receipt_leaves(newest)
        edge = RightEdge.restore(size, read_tile, leaves)
    except (FormatError, TrustError) as error:
        raise LedgerError(f"the ledger of `{origin}` cannot be continued ({error})") from error
    return Ledger(key, checkpoint, edge)


def newest_first(size: int) -> int:
    """Return the index of the first leaf after the last complete tile."""
    return size - size % TILE_WIDTH


def fresh_salts(count: int) -> list[bytes]:
    """Return `count` salts of 32 random bytes."""
    pool = os.urandom(SALT_BYTES * count)
    return [pool[start : start + SALT_BYTES] for start in range(0, len(pool), SALT_BYTES)]
