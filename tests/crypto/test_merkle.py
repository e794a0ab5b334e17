"""The tree of RFC 9162: every leaf provable, every prefix consistent, every change detected (P-08).

The reference is the definition of the standard, written down recursively and used for nothing else.
"""

import hashlib
from collections.abc import Sequence
from functools import cache

import pytest

from gateway.crypto import merkle
from gateway.crypto.merkle import (
    consistency_path,
    inclusion_path,
    inclusion_paths,
    leaf_hash,
    root,
    root_at,
    root_from_inclusion,
    verify_consistency,
)
from gateway.domain.errors import FormatError, TrustError

SIZE_MAX = 256
LEAVES = [leaf_hash(b"%d" % number) for number in range(SIZE_MAX)]


@cache
def reference(start: int, end: int) -> bytes:
    """MTH over leaves [start, end): RFC 9162, section 2.1.1, as written."""
    if end - start == 1:
        return LEAVES[start]
    split = 1
    while split * 2 < end - start:
        split *= 2
    left, right = reference(start, start + split), reference(start + split, end)
    return hashlib.sha256(b"\x01" + left + right).digest()


def read(level: int, index: int) -> bytes:
    """Return a complete subtree's hash."""
    return reference(index << level, index + 1 << level)


def rejects(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether a consistency proof is refused."""
    try:
        verify_consistency(old, old_root, new, new_root, path)
    except TrustError:
        return True
    return False


# github.com/google/certificate-transparency, reference implementation's test vectors: eight leaves.
CT_INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_LEAVES = [leaf_hash(bytes.fromhex(text)) for text in CT_INPUTS]
CT_INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CT_CONSISTENCY = {
    (1, 8): CT_INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): CT_INCLUSION[1, 5][1:],
}


def ct_read(level: int, index: int) -> bytes:
    """Return a complete subtree's hash over the published leaves."""
    return root(CT_LEAVES[index << level : index + 1 << level])


def test_published_vectors_of_certificate_transparency() -> None:
    """S-01: roots, inclusion and consistency proofs of the eight published leaves, byte for byte."""
    assert root([]).hex() == hashlib.sha256(b"").hexdigest()
    assert [root(CT_LEAVES[:size]).hex() for size in range(1, 9)] == CT_ROOTS
    for (index, size), path in CT_INCLUSION.items():
        assert [node.hex() for node in inclusion_path(index, size, ct_read)] == path
    for (old, new), path in CT_CONSISTENCY.items():
        assert [node.hex() for node in consistency_path(old, new, ct_read)] == path


def test_every_leaf_is_provable_in_every_tree_to_256_leaves() -> None:
    """P-08: all 32,896 pairs of leaf and size; the proof leads to the root that the definition gives."""
    for size in range(1, SIZE_MAX + 1):
        expected = reference(0, size)
        assert root(LEAVES[:size]) == root_at(size, read) == expected
        whole = inclusion_paths(LEAVES[:size])
        for index in range(size):
            path = inclusion_path(index, size, read)
            assert tuple(path) == whole[index]
            assert root_from_inclusion(LEAVES[index], index, size, path) == expected


def test_every_prefix_is_consistent_to_256_leaves() -> None:
    """P-08, G3: all 33,153 pairs of sizes verify, and none with another old root or another new one."""
    for new in range(1, SIZE_MAX + 1):
        new_root = reference(0, new)
        for old in range(new + 1):
            old_root = reference(0, old) if old else root(())
            path = consistency_path(old, new, read)
            verify_consistency(old, old_root, new, new_root, path)
            if old:
                assert rejects(old, LEAVES[-1] if old > 1 else bytes(32), new, new_root, path)
                assert rejects(old, old_root, new, bytes(32), path)


@pytest.mark.parametrize("fork", [1, 2, 3, 7, 8, 100, 255])
def test_threat_G3_fork_is_detected_at_every_size(fork: int) -> None:
    """G3: a ledger rewritten after leaf `fork` is consistent with no later checkpoint of the true one."""
    forged = [*LEAVES[:fork], leaf_hash(b"rewritten"), *LEAVES[fork + 1 :]]

    def forged_read(level: int, index: int) -> bytes:
        return root(forged[index << level : index + 1 << level])

    for size in range(fork + 1, SIZE_MAX + 1, 7):
        path = consistency_path(size, SIZE_MAX, forged_read)
        assert rejects(size, reference(0, size), SIZE_MAX, root(forged), path)
        assert rejects(size, reference(0, size), SIZE_MAX, root(forged), consistency_path(size, SIZE_MAX, read))


def test_threat_G3_shrunk_tree_is_detected() -> None:
    """G3: a tree that has become smaller is refused, whatever path comes with it."""
    with pytest.raises(TrustError, match="shrunk"):
        verify_consistency(8, reference(0, 8), 7, reference(0, 7), [])


SAMPLES = [
    (0, 1),
    (0, 2),
    (1, 2),
    (2, 3),
    (4, 5),
    (5, 7),
    (0, 8),
    (6, 8),
    (99, 100),
    (128, 129),
    (200, 256),
    (255, 256),
]


@pytest.mark.parametrize(("index", "size"), SAMPLES)
def test_every_changed_bit_of_an_inclusion_proof_is_detected(index: int, size: int) -> None:
    """P-08: no bit of leaf or path can change, and neither can index or size, without another root."""
    path, expected = inclusion_path(index, size, read), reference(0, size)

    for place, node in enumerate([LEAVES[index], *path]):
        for bit in range(256):
            changed = bytearray(node)
            changed[bit // 8] ^= 1 << bit % 8
            nodes = [LEAVES[index], *path]
            nodes[place] = bytes(changed)
            assert root_from_inclusion(nodes[0], index, size, nodes[1:]) != expected
    for other in range(size):
        if other != index:
            try:
                assert root_from_inclusion(LEAVES[index], other, size, path) != expected
            except FormatError:
                continue


@pytest.mark.parametrize(("index", "size"), SAMPLES)
def test_inclusion_path_has_exactly_its_length(index: int, size: int) -> None:
    """S-01, section 2.1.3.2: one hash more or fewer is refused, as is an index outside the tree."""
    path = inclusion_path(index, size, read)

    for bad in (path[:-1], [*path, bytes(32)], [*path, *path]):
        if bad != path:
            with pytest.raises(FormatError):
                root_from_inclusion(LEAVES[index], index, size, bad)
    for outside in (-1, size, size + 1):
        with pytest.raises(FormatError):
            root_from_inclusion(LEAVES[index], outside, size, path)
        with pytest.raises(FormatError):
            inclusion_path(outside, size, read)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 3), (3, 7), (4, 8), (6, 8), (100, 256), (128, 255), (255, 256)])
def test_every_changed_bit_of_a_consistency_proof_is_detected(old: int, new: int) -> None:
    """P-08, G3: no bit of the proof can change, no hash be left out or added."""
    path = consistency_path(old, new, read)
    old_root, new_root = reference(0, old), reference(0, new)

    for place, node in enumerate(path):
        for bit in range(256):
            changed = bytearray(node)
            changed[bit // 8] ^= 1 << bit % 8
            assert rejects(old, old_root, new, new_root, [*path[:place], bytes(changed), *path[place + 1 :]])
    assert rejects(old, old_root, new, new_root, path[:-1])
    assert rejects(old, old_root, new, new_root, [*path, bytes(32)])
    assert rejects(old, old_root, new, new_root, [])


def test_proofs_between_equal_and_empty_trees_are_empty() -> None:
    """S-01: nothing needs proof between equal trees or from nothing; any hash beside it is one too many."""
    assert consistency_path(0, 5, read) == consistency_path(5, 5, read) == []
    verify_consistency(0, root(()), 5, reference(0, 5), [])
    verify_consistency(0, root(()), 0, root(()), [])

    assert rejects(5, reference(0, 5), 5, reference(0, 5), [bytes(32)])
    assert rejects(0, bytes(32), 5, reference(0, 5), [])
    assert rejects(0, root(()), 5, reference(0, 5), [bytes(32)])
    with pytest.raises(FormatError):
        consistency_path(6, 5, read)


def test_leaf_and_node_are_told_apart() -> None:
    """S-01: the prefix bytes keep an inner node from being shown as a leaf (second preimage)."""
    left, right = LEAVES[:2]

    assert leaf_hash(left + right) != merkle.node_hash(left, right)
    assert merkle.node_hash(left, right) == reference(0, 2)
