"""Batch signatures: one Ed25519 signature for up to 1,024 messages.

The originator signs the root over the leaves `H(0x00 ‖ h)`; a message carries size, index and path and still
verifies alone. A verifier may remember what it verified: key, payload and signature together,
never the root alone (wire.md, "Batch signature").
"""

import hashlib
from collections.abc import Sequence

from gateway.crypto.digests import encode_base64url, pae, payload_type, prefixed
from gateway.crypto.keys import SecretKey, sign, verify
from gateway.crypto.merkle import inclusion_paths, leaf_hash, root, root_from_inclusion
from gateway.domain.errors import FormatError
from gateway.domain.message import BATCH_MESSAGES_MAX, Signature

_TYPE = payload_type("header-batch")


class VerifiedRoots:
    """Which signed roots this process has verified: at most `capacity`, the oldest forgotten first."""

    def __init__(self, capacity: int) -> None:
        """Remember nothing yet; `capacity` 0 verifies every message anew."""
        self._capacity = capacity
        self._known: dict[bytes, None] = {}

    def __contains__(self, digest: bytes) -> bool:
        """Tell whether exactly this key, payload and signature were verified."""
        return digest in self._known

    def __len__(self) -> int:
        """Return how many roots are remembered."""
        return len(self._known)

    def remember(self, digest: bytes) -> None:
        """Note that a signature held."""
        self._known[digest] = None
        if len(self._known) > self._capacity:
            del self._known[next(iter(self._known))]


def sign_batch(network: str, headers: Sequence[bytes], key: SecretKey) -> list[Signature]:
    """Return one batch signature for each of 2 to 1,024 headers.

    Raises:
        FormatError: there are fewer or more.
    """
    if not 2 <= len(headers) <= BATCH_MESSAGES_MAX:
        raise FormatError(f"a batch has 2 to {BATCH_MESSAGES_MAX} messages")
    leaves = [leaf_hash(header) for header in headers]
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
    payload = _payload(network, n, root_from_inclusion(leaf_hash(header), i, n, p))
    digest = hashlib.sha256(signature.k + prefixed(payload) + signature.g).digest()
    if digest not in roots:
        verify(public, signature.g, pae(_TYPE, payload))
        roots.remember(digest)


def _payload(network: str, size: int, tree_root: bytes) -> bytes:
    """Canonical JSON of `{v, network, size, root}`; written out, for it is rebuilt for every message."""
    return b'{"v":1,"network":"%b","size":%d,"root":"%b"}' % (
        network.encode("ascii"),
        size,
        encode_base64url(tree_root).encode("ascii"),
    )
