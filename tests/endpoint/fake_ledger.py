"""A ledger in memory with a real key: records, RFC 9162 proofs, signed checkpoints. It can tell a second history."""

import secrets

from gateway.crypto.canonical import encode
from gateway.crypto.checkpoint import sign_checkpoint
from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.keys import SecretKey
from gateway.crypto.merkle import consistency_path, inclusion_paths, leaf_hash, root, tile_reader
from gateway.crypto.receipt import encode_receipt, leaf_data
from gateway.domain.decision import EditionRef, Reason
from gateway.domain.receipt import Checkpoint, Event, ObjectType, Record
from tests.federation import NETWORK, ORIGIN, now_ms

LAW = encode_base64url(sha256(b"law"))


class FakeLedger:
    """An append-only log of one gateway; the whole tree is computed anew for each proof."""

    def __init__(self, key: SecretKey, edition: EditionRef, origin: str = ORIGIN) -> None:
        """Sign with `key`; every record names `edition`."""
        self.key = key
        self.edition = edition
        self.origin = origin
        self.leaves: list[bytes] = []

    def append(
        self,
        event: Event,
        object_type: ObjectType,
        object_sha256: bytes,
        outcome: str = "accepted",
        reasons: tuple[Reason, ...] = (),
    ) -> bytes:
        """Record something and return its receipt."""
        record = Record(
            v=1,
            network=NETWORK,
            origin=self.origin,
            event=event,
            at_ms=now_ms(),
            object_type=object_type,
            object_sha256=encode_base64url(object_sha256),
            signatures_sha256=encode_base64url(sha256(b"signatures")),
            edition=self.edition,
            law_sha256=LAW,
            software="fake",
            outcome=outcome,
            reasons=reasons,
            consents=(),
        )
        salt, raw = secrets.token_bytes(32), encode(record)
        self.leaves.append(leaf_hash(leaf_data(salt, raw)))
        index = len(self.leaves) - 1
        return encode_receipt(salt, raw, index, inclusion_paths(self.leaves)[index], self.checkpoint().note)

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Return the signed head at `size`, by default the newest."""
        count = len(self.leaves) if size is None else size
        return sign_checkpoint(self.origin, count, root(self.leaves[:count]), self.key)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the path from one size to another."""
        return tuple(consistency_path(old, new, tile_reader(self._tile)))

    def fork(self, keep: int) -> "FakeLedger":
        """Return another history under the same key: the first `keep` leaves, then other ones."""
        other = FakeLedger(self.key, self.edition, self.origin)
        other.leaves = self.leaves[:keep] + [secrets.token_bytes(32) for _ in self.leaves[keep:]]
        return other

    def _tile(self, level: int, index: int) -> bytes:
        hashes = self.leaves
        for _ in range(level):
            hashes = [root(hashes[at : at + 256]) for at in range(0, len(hashes) - len(hashes) % 256, 256)]
        return b"".join(hashes[index * 256 : index * 256 + 256])
