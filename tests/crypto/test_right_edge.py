"""The right edge of a growing tree: fresh proofs from memory, tiles for ever, a restart that loses nothing."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.crypto.merkle import (
    RightEdge,
    Tile,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root,
    root_at,
    root_from_inclusion,
    tile_reader,
    verify_consistency,
)
from gateway.domain.errors import FormatError

MANY = [leaf_hash(b"many %d" % number) for number in range(70_000)]


def nodes(path: bytes) -> list[bytes]:
    """The hashes of a path that is spelt as it is."""
    return [path[start : start + 32] for start in range(0, len(path), 32)]


class Tiles:
    """Tiles as a store keeps them: complete ones by place, and the leaves after the last."""

    def __init__(self) -> None:
        """Start empty."""
        self.edge = RightEdge()
        self.complete: dict[tuple[int, int], bytes] = {}

    def add(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Append and keep what became complete."""
        made = self.edge.append(leaves)
        for level, index, hashes in made:
            assert (level, index) not in self.complete
            self.complete[level, index] = hashes
        return made

    def read_tile(self, level: int, index: int) -> bytes:
        """Return a complete tile, or the partial one at the edge."""
        return self.complete.get((level, index)) or self.edge.partial(level)


@given(st.lists(st.integers(0, 90), min_size=1, max_size=12))
@settings(max_examples=60)
def test_right_edge_equals_the_whole_tree_after_every_batch(batches: list[int]) -> None:
    """P-08: root and fresh paths from the edge are those of the tree built from scratch, for any batches."""
    edge, size = RightEdge(), 0

    for count in batches:
        edge.append(MANY[size : size + count])
        size += count
        expected = root(MANY[:size])
        assert (edge.size, edge.root()) == (size, expected)
        for offset, path in enumerate(map(nodes, edge.paths(size - count, count, bytes))):
            index = size - count + offset
            assert root_from_inclusion(MANY[index], index, size, path) == expected


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 600, 65_535, 65_536, 65_537, 66_000])
def test_right_edge_restarts_from_stored_tiles(size: int) -> None:
    """P-07: after a restart the edge is the one that was lost: same root, same tiles from then on."""
    tiles = Tiles()
    for start in range(0, size, 1_000):
        tiles.add(MANY[start : min(start + 1_000, size)])
    again = RightEdge.restore(size, tiles.read_tile, MANY[size - size % 256 : size])

    assert (again.size, again.root()) == (size, tiles.edge.root())
    assert again.append(MANY[size : size + 300]) == tiles.add(MANY[size : size + 300])
    assert again.root() == tiles.edge.root()
    assert again.paths(size, 300, bytes) == tiles.edge.paths(size, 300, bytes)
    assert [again.partial(level) for level in range(4)] == [tiles.edge.partial(level) for level in range(4)]


def test_tiles_are_those_of_the_standard() -> None:
    """S-05: 256 hashes a tile; level 1 holds the roots of level 0's tiles; proofs come from tiles alone."""
    tiles = Tiles()
    tiles.add(MANY[:66_000])
    from_tiles = tile_reader(tiles.read_tile)

    assert sorted(index for level, index in tiles.complete if level == 0) == list(range(66_000 // 256))
    assert [index for level, index in tiles.complete if level == 1] == [0]
    assert tiles.complete[0, 3] == b"".join(MANY[768:1024])
    assert tiles.complete[1, 0][:32] == root(MANY[:256])
    assert tiles.edge.partial(2) == root(MANY[:65_536])
    whole = tiles.edge.root()
    for index in (0, 1, 255, 256, 40_000, 65_535, 65_536, 65_999):
        path = inclusion_path(index, 66_000, from_tiles)
        assert root_from_inclusion(MANY[index], index, 66_000, path) == whole
    for old in (1, 255, 256, 300, 65_535, 65_536, 65_990, 66_000):
        old_root = root_at(old, from_tiles)
        assert old_root == root(MANY[:old])
        verify_consistency(old, old_root, 66_000, whole, consistency_path(old, 66_000, from_tiles))


def test_right_edge_refuses_what_it_cannot_know() -> None:
    """Paths of older leaves, a wrong count of leaves and incomplete tiles are refused, not guessed."""
    tiles = Tiles()
    tiles.add(MANY[:10])
    tiles.add(MANY[10:300])

    for first, count in ((9, 291), (10, 10), (0, 300), (300, 1)):
        with pytest.raises(FormatError):
            tiles.edge.paths(first, count, bytes)
    assert len(tiles.edge.paths(290, 10, bytes)) == 10
    assert RightEdge().root() == root(())
    assert RightEdge().paths(0, 0, bytes) == []
    for size, leaves, read_tile in (
        (300, MANY[256:299], tiles.read_tile),
        (300, MANY[256:300], lambda level, index: b""),
    ):
        with pytest.raises(FormatError):
            RightEdge.restore(size, read_tile, leaves)
    with pytest.raises(FormatError):
        tile_reader(lambda level, index: b"")(0, 0)
