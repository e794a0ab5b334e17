"""Batch signatures: one Ed25519 signature for up to 1,024 messages.

The originator signs the root over the leaves `H(0x00 ‖ h)`; a message carries size, index and path and still
verifies alone. A verifier may remember what it verified: key, payload and signature together,
never the root alone (wire.md, "Batch signature").
"""

from collections import OrderedDict
from collections.abc import Sequence

from gateway.crypto.digests import encode_base64url, pae, payload_type
from gateway.crypto.keys import SecretKey, sign, verify
from gateway.crypto.merkle import (
    inclusion_paths,
    leaf_hash,
    leaf_hashes,
    node_hash,
    root,
    root_and_paths,
    root_from_inclusion,
)
from gateway.domain.errors import FormatError
from gateway.domain.message import BATCH_MESSAGES_MAX, Signature

_TYPE = payload_type("header-batch")


# Places kept for one batch: in order, ten are enough for 1,024 messages.
WAYS_MAX = 16

# A node, its position, and the last position of its level; with the rest of a path, all that a walk goes on from.
Place = tuple[bytes, int, int]
Way = tuple[Place, tuple[bytes, ...]]


class _VerifiedRoot:
    """A root whose signature held, and places in its tree from which the way up to it is known."""

    __slots__ = ("_ways", "root")

    def __init__(self, tree_root: bytes) -> None:
        self.root = tree_root
        self._ways: dict[Place, tuple[bytes, ...]] = {}

    def is_reached(self, leaf: bytes, index: int, size: int, path: tuple[bytes, ...]) -> bool:
        """Tell whether `path` goes through a known place and on as it did then: a walk follows from where it stands.

        Messages come in order mostly, and the sibling of a node that was walked through is the next one's place. So
        a message costs one hash of its path instead of all. False says only: walk the whole path.
        """
        place = (leaf, index, size - 1)
        siblings: list[Way] = []
        for step, sibling in enumerate(path):
            rest = self._ways.get(place)
            if rest is not None and rest == path[step:]:
                del self._ways[place]
                self.learn(siblings)
                return True
            value, position, last = place
            if position == last and not position & 1:
                # A lone node rises without a sibling.
                return False
            siblings.append(((sibling, position ^ 1, last), (value, *path[step + 1 :])))
            value = node_hash(sibling, value) if position & 1 else node_hash(value, sibling)
            place = (value, position >> 1, last >> 1)
        if place == (self.root, 0, 0):
            self.learn(siblings)
            return True
        return False

    def learn(self, ways: list[Way]) -> None:
        """Keep places that lead to the root, as many as are allowed."""
        for place, rest in ways[: WAYS_MAX - len(self._ways)]:
            self._ways[place] = rest


class VerifiedRoots:
    """Which signed roots this process has verified: at most `capacity`, the oldest forgotten first.

    A root counts with its network, size, key and signature only: H(kid ‖ L(payload) ‖ g) of wire.md, unhashed.
    """

    def __init__(self, capacity: int) -> None:
        """Remember nothing yet; `capacity` 0 verifies every message anew."""
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, int, bytes, bytes], _VerifiedRoot] = OrderedDict()

    def __len__(self) -> int:
        """Return how many roots are remembered."""
        return len(self._known)

    def find(self, network: str, size: int, signature: Signature) -> _VerifiedRoot | None:
        """Return what was verified under this key and signature."""
        return self._known.get((network, size, signature.k, signature.g))

    def remember(self, network: str, size: int, signature: Signature, tree_root: bytes) -> None:
        """Note that a signature held."""
        self._known[network, size, signature.k, signature.g] = _VerifiedRoot(tree_root)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)


def sign_batch(network: str, headers: Sequence[bytes], key: SecretKey) -> list[Signature]:
    """Return one batch signature for each of 2 to 1,024 headers.

    Raises:
        FormatError: there are fewer or more.
    """
    if not 2 <= len(headers) <= BATCH_MESSAGES_MAX:
        raise FormatError(f"a batch has 2 to {BATCH_MESSAGES_MAX} messages")
    leaves = leaf_hashes(headers)
    g = sign(key, pae(_TYPE, _payload(network, len(headers), root(leaves))))
    paths = inclusion_paths(leaves)
    return [Signature(key.kid, g, len(headers), index, path) for index, path in enumerate(paths)]


def verify_batch(network: str, header: bytes, signature: Signature, public: bytes, roots: VerifiedRoots) -> None:
    """Return if `public` signed a batch that `header` is in.

    Raises:
        FormatError: size, index or path are missing or do not fit one another.
        SignatureError: the signature does not hold over the root that the path leads to.
    """
    n, i, p = signature.n, signature.i, signature.p
    if n is None or i is None or p is None:
        raise FormatError("a batch signature has size, index and path")
    leaf = leaf_hash(header)
    verified = roots.find(network, n, signature)
    if verified is not None and i < n and verified.is_reached(leaf, i, n, p):
        return
    _verify_root(network, n, signature, root_from_inclusion(leaf, i, n, p), public, roots)


def verify_whole(
    network: str, headers: Sequence[bytes], signatures: Sequence[Signature], public: bytes, roots: VerifiedRoots
) -> bool:
    """Tell whether these are a whole batch in its order, which `public` signed; False says only: verify each alone.

    Every path is then compared with the tree of all headers, which costs less than walking each.

    Raises:
        SignatureError: they are one batch with one signature, and it does not hold.
    """
    size, k, g = len(headers), signatures[0].k, signatures[0].g
    if any(s.i != place or s.n != size or s.k != k or s.g != g for place, s in enumerate(signatures)):
        return False
    tree_root, paths = root_and_paths(leaf_hashes(headers))
    if any(s.p != path for s, path in zip(signatures, paths, strict=True)):
        return False
    _verify_root(network, size, signatures[0], tree_root, public, roots)
    return True


def _verify_root(
    network: str, size: int, signature: Signature, tree_root: bytes, public: bytes, roots: VerifiedRoots
) -> None:
    """Return if `public` signed this root, now or when it was remembered."""
    verified = roots.find(network, size, signature)
    if verified is None or verified.root != tree_root:
        verify(public, signature.g, pae(_TYPE, _payload(network, size, tree_root)))
        roots.remember(network, size, signature, tree_root)


def _payload(network: str, size: int, tree_root: bytes) -> bytes:
    """Canonical JSON of `{v, network, size, root}`; written out, for it is rebuilt for every message."""
    return b'{"v":1,"network":"%b","size":%d,"root":"%b"}' % (
        network.encode("ascii"),
        size,
        encode_base64url(tree_root).encode("ascii"),
    )
