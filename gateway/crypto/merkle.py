"""The Merkle tree of RFC 9162: hashes and proofs, and the right edge of a growing tree.

Pure arithmetic (S-01): nodes come from a `read(level, index)` that the caller supplies, or from the right
edge in memory. Level 0 are leaf hashes; node (l, i) covers leaves [i·2^l, (i+1)·2^l) and is asked for only if complete.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from gateway.domain.errors import FormatError, TrustError

HASH_BYTES = 32
# S-05 (C2SP tlog-tiles): a tile holds up to 256 hashes; a tile level is eight levels of the tree.
TILE_WIDTH = 256
TILE_HEIGHT = 8
# Tile level, tile index, and 256 hashes in one piece: complete for ever.
Tile = tuple[int, int, bytes]

Read = Callable[[int, int], bytes]
# A part of a level of the tree: the index of its first node, and its nodes.
_Level = tuple[int, list[bytes]]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: H(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """Return the hash of every leaf."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + data).digest() for data in leaves]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: H(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes; of the empty tree, the hash of nothing."""
    if not leaf_hashes:
        return hashlib.sha256(b"").digest()
    level = list(leaf_hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """The level above: a node for each pair, and a lone one as it is."""
    sha256 = hashlib.sha256
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    if len(level) % 2:
        above.append(level[-1])
    return above


def inclusion_paths(leaf_hashes: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Return the inclusion path of every leaf of a whole small tree, such as a batch."""
    return root_and_paths(leaf_hashes)[1]


def root_and_paths(leaf_hashes: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """Return the root over leaf hashes, at least one, and the inclusion path of every leaf."""
    levels = [list(leaf_hashes)]
    while len(below := levels[-1]) > 1:
        levels.append(_parents(below))
    paths: list[tuple[bytes, ...]] = [()]
    # From the root down: a child's path is its sibling, then its parent's path; a lone node has its parent's.
    for level in reversed(levels[:-1]):
        above, paths = paths, []
        for left in range(0, len(level) - 1, 2):
            path = above[left >> 1]
            paths += ((level[left + 1], *path), (level[left], *path))
        if len(level) % 2:
            paths.append(above[-1])
    return levels[-1][0], paths


def inclusion_path(index: int, size: int, read: Read) -> list[bytes]:
    """Return the path of leaf `index` in the tree of `size` leaves, from the leaf's sibling up.

    Source: S-01 (RFC 9162, section 2.1.3.1).
    """
    _require(0 <= index < size, "index lies outside the tree")
    return _path_to(index, 0, size, read)


def _path_to(index: int, start: int, end: int, read: Read) -> list[bytes]:
    path = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, read))
            end = middle
        else:
            path.append(_range_root(start, middle, read))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int, read: Read) -> list[bytes]:
    """Return the proof that the tree of `old` leaves is a prefix of the one of `new` leaves.

    Source: S-01 (RFC 9162, section 2.1.4.1).
    """
    _require(0 <= old <= new, "the old size is beyond the new one")
    if old in {0, new}:
        return []
    path = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_root(middle, end, read))
            end = middle
        else:
            path.append(_range_root(start, middle, read))
            start, whole = middle, False
    if not whole:
        path.append(_range_root(start, end, read))
    return path[::-1]


def root_at(size: int, read: Read) -> bytes:
    """Return the root over the first `size` leaves."""
    return _range_root(0, size, read) if size else root(())


def _range_root(start: int, end: int, read: Read) -> bytes:
    """Root over [start, end): complete subtrees from left to right, folded from the right."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append(read(level, start >> level))
        start += 1 << level
    return _fold(nodes)


def _fold(nodes: Sequence[bytes]) -> bytes:
    value = nodes[-1]
    for left in nodes[-2::-1]:
        value = node_hash(left, value)
    return value


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FormatError(otherwise)


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that `path` leads to from leaf hash `leaf`.

    Raises:
        FormatError: `index` lies outside the tree, or the path has not exactly the length it must have.

    Source: S-01 (RFC 9162, section 2.1.3.2).
    """
    _require(0 <= index < size, "index lies outside the tree")
    position, last = index, size - 1
    value = leaf
    for sibling in path:
        if last == 0:
            raise FormatError("inclusion path is too long")
        if position & 1 or position == last:
            value = hashlib.sha256(b"\x01" + sibling + value).digest()
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            value = hashlib.sha256(b"\x01" + value + sibling).digest()
        position >>= 1
        last >>= 1
    _require(last == 0, "inclusion path is too short")
    return value


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Return if the old tree is a prefix of the new one.

    Raises:
        TrustError: it is not, or the path does not show it: two histories, or a shrunk tree.

    Source: S-01 (RFC 9162, section 2.1.4.2).
    """
    if old_size > new_size:
        raise TrustError("the tree has shrunk")
    if old_size in {0, new_size}:
        if path or old_root != (new_root if old_size == new_size else root(())):
            raise TrustError("two histories: trees of one size differ, or the path is longer than it may be")
        return
    nodes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if (old_root, new_root) != _roots_from_consistency(old_size, new_size, nodes):
        raise TrustError("two histories: the old tree is no prefix of the new one")


def _roots_from_consistency(old_size: int, new_size: int, nodes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots that the nodes lead to; None where they are too few or too many."""
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    if not nodes:
        return None
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return None
        if position & 1 or position == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, node)
        position >>= 1
        last >>= 1
    return (old, new) if last == 0 else None


def tile_reader(read_tile: Callable[[int, int], bytes]) -> Read:
    """Return a `read` over tiles; `read_tile(tile_level, tile_index)` may return a partial tile's hashes."""

    def read(level: int, index: int) -> bytes:
        tile_level, depth = divmod(level, TILE_HEIGHT)
        first = index << depth
        hashes = read_tile(tile_level, first // TILE_WIDTH)
        start = first % TILE_WIDTH * HASH_BYTES
        part = hashes[start : start + (HASH_BYTES << depth)]
        _require(len(part) == HASH_BYTES << depth, "a tile lacks hashes that the tree must have")
        return root([part[i : i + HASH_BYTES] for i in range(0, len(part), HASH_BYTES)])

    return read


class RightEdge:
    """A growing tree as its incomplete tiles: all that appending and fresh proofs need.

    Not thread-safe: whoever writes the ledger owns it.
    """

    def __init__(self) -> None:
        """Start with the empty tree."""
        self.size = 0
        self._partial: list[list[bytes]] = [[]]
        # Complete subtrees from left to right, one for each bit of the size.
        self._frontier: list[bytes] = []
        self._before = 0
        self._levels: list[_Level] = []

    @classmethod
    def restore(cls, size: int, read_tile: Callable[[int, int], bytes], leaves: Sequence[bytes]) -> "RightEdge":
        """Return the edge of a stored tree: its complete tiles, and the `size % 256` leaf hashes after them.

        Raises:
            FormatError: tiles or leaves are missing.
        """
        _require(len(leaves) == size % TILE_WIDTH, "the newest leaves are not as many as the size says")
        edge = cls()
        edge.size = edge._before = size
        edge._partial = [list(leaves)]
        complete = size // TILE_WIDTH
        level = 0
        while complete:
            first = complete - complete % TILE_WIDTH
            tiles = [read_tile(level, index) for index in range(first, complete)]
            _require(all(len(tile) == TILE_WIDTH * HASH_BYTES for tile in tiles), "a complete tile has not 256 hashes")
            edge._partial.append([root(_hashes(tile)) for tile in tiles])
            complete //= TILE_WIDTH
            level += 1
        edge._frontier = _frontier(edge._partial)
        return edge

    def copy(self) -> "RightEdge":
        """Return an edge that grows on its own from here."""
        other = RightEdge()
        other.size = other._before = self.size
        other._partial = [list(hashes) for hashes in self._partial]
        other._frontier = list(self._frontier)
        return other

    def append(self, leaf_hashes: Iterable[bytes]) -> list[Tile]:
        """Add leaves and return the tiles that became complete by it, lowest level first."""
        before, leaves = self.size, list(leaf_hashes)
        size = before + len(leaves)
        self._before, self.size = before, size
        self._levels = levels = _levels(before, self._frontier, leaves) if leaves else []
        if leaves:
            bits = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
            self._frontier = [levels[level][1][(size >> level) - 1 - levels[level][0]] for level in bits]
        tiles: list[Tile] = []
        for tile_level, (low, nodes) in enumerate(levels[::TILE_HEIGHT]):
            depth = tile_level * TILE_HEIGHT
            self._complete(tile_level, nodes[(before >> depth) - low : (size >> depth) - low], size >> depth, tiles)
        return tiles

    def _complete(self, tile_level: int, nodes: Sequence[bytes], end: int, tiles: list[Tile]) -> None:
        """Put `nodes`, the newest complete ones of a level up to `end`, into its tiles."""
        if tile_level == len(self._partial):
            self._partial.append([])
        partial = self._partial[tile_level]
        partial += nodes
        first = (end - len(partial)) // TILE_WIDTH
        while len(partial) >= TILE_WIDTH:
            tiles.append((tile_level, first, b"".join(partial[:TILE_WIDTH])))
            del partial[:TILE_WIDTH]
            first += 1

    def partial(self, tile_level: int) -> bytes:
        """Return the hashes of the incomplete tile at `tile_level`; empty if there is none."""
        return b"".join(self._partial[tile_level]) if tile_level < len(self._partial) else b""

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        return _fold(self._frontier) if self._frontier else root(())

    def paths(self, first: int, count: int, spell: Callable[[bytes], bytes]) -> list[bytes]:
        """Return the inclusion paths of the newest `count` leaves, which the last `append` brought.

        Each is one piece: its nodes from the leaf's sibling up, as `spell` writes them. Paths share their upper parts.

        Raises:
            FormatError: these are not the newest leaves, or an earlier `append` brought them.
        """
        newest = self._before <= first and first + count == self.size
        _require(newest, "only what the last append brought has paths here")
        return _edge_paths(self._levels, self._before, spell)[first - self._before :]


def _frontier(partial: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The complete subtrees that incomplete tiles make up, from left to right."""
    nodes = []
    for hashes in reversed(partial):
        start = 0
        for depth in reversed(range(TILE_HEIGHT)):
            if len(hashes) >> depth & 1:
                nodes.append(root(hashes[start : start + (1 << depth)]))
                start += 1 << depth
    return nodes


def _hashes(tile: bytes) -> list[bytes]:
    return [tile[i : i + HASH_BYTES] for i in range(0, len(tile), HASH_BYTES)]


def _levels(before: int, frontier: Sequence[bytes], leaves: Sequence[bytes]) -> list[_Level]:
    """The tree above `leaves`, appended to that of `before` leaves whose complete subtrees are `frontier`.

    Every node on the new leaves' way up is computed once; to the left of them stands only the old frontier. A lone
    node rises as it is, so that the last level holds the root.
    """
    lefts = list(frontier)
    low, nodes = before, list(leaves)
    levels = []
    while True:
        if low & 1:
            low -= 1
            nodes.insert(0, lefts.pop())
        levels.append((low, nodes))
        if not low and len(nodes) == 1:
            return levels
        nodes = _parents(nodes)
        low >>= 1


def _edge_paths(levels: Sequence[_Level], before: int, spell: Callable[[bytes], bytes]) -> list[bytes]:
    """Paths of the leaves from `before` on, each spelt in one piece."""
    if not levels:
        return []
    paths = [b""]
    first_above = 0
    # From the root down: a child's path is its sibling, then its parent's path; a lone node has its parent's.
    for low, nodes in reversed(levels[:-1]):
        above = paths[(low >> 1) - first_above :]
        paths = []
        for left in range(0, len(nodes) - 1, 2):
            path = above[left >> 1]
            paths += (spell(nodes[left + 1]) + path, spell(nodes[left]) + path)
        if len(nodes) % 2:
            paths.append(above[len(nodes) >> 1])
        first_above = low
    return paths[before - levels[0][0] :]
