"""One number for an entry of any of the ledgers that share a store: what `Pending.index` is.

The first gateway's ledger has number 0, so where there is one gateway it is the ledger index itself. It stays below
2**53, which every reader of JSON knows exactly: 2**40 entries in each of 8,192 ledgers.
"""

LEAF_BITS = 40
LEDGERS_MAX = 1 << 13


def index_of(log: int, leaf: int) -> int:
    """Return the number of an entry."""
    return log << LEAF_BITS | leaf


def place_of(index: int) -> tuple[int, int]:
    """Return the ledger and the leaf of an entry."""
    return index >> LEAF_BITS, index & ((1 << LEAF_BITS) - 1)
