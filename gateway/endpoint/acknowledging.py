"""Acknowledgements: what we say of messages, signed many at once, said again until the gateway has it recorded.

Rows come from the inbox's transactions, so nothing is acknowledged that is not on disk. A batch waits a few
milliseconds for company and carries the newest tree head that we have seen proven. Until it has its final answer it is
kept in memory and goes again with the same bytes, so that what the gateway recorded unheard gets its receipt; after a
restart of ours it is signed anew.
"""

import asyncio
import secrets
from collections import deque

import msgspec
from msgspec import Struct

from gateway.crypto.acknowledgements import sign_acknowledgements
from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.receipt import Checkpoint
from gateway.domain.statement import AcknowledgementItem, SeenCheckpoint, SignedAcknowledgements
from gateway.endpoint.identity import Identity
from gateway.endpoint.inbox import Owed, owed
from gateway.endpoint.journal import Journal
from gateway.endpoint.limits import EndpointLimits

# Batches kept in memory. More have no final answer only where a broker stands between, and not every answer counts.
KEPT_MAX = 16


class Batch(Struct, frozen=True):
    """A signed batch, and the rows that its receipt will end."""

    sequences: tuple[int, ...]
    batch_sha256: bytes
    raw: bytes


class Acknowledging:
    """The acknowledgements of one endpoint. `wake` is set whenever some may be owed."""

    def __init__(self, identity: Identity, journal: Journal, limits: EndpointLimits) -> None:
        """Start with whatever the disk holds."""
        self._identity = identity
        self._journal = journal
        self._items_max = limits.acknowledgements_max
        # Up to here rows are signed. Of those, without a final answer: oldest first, by digest; and what goes again.
        self._cursor = 0
        self._kept: dict[bytes, Batch] = {}
        self._again: deque[Batch] = deque()
        self._kept_all = True
        self.wake = asyncio.Event()

    def restart(self) -> None:
        """Say everything again that has no final answer, on a new connection."""
        if not self._kept_all:
            self.forget()
        self._again = deque(self._kept.values())
        self.wake.set()

    def turned_back(self, batch: Batch) -> None:
        """Note that a batch must be said again later."""
        self._again.append(batch)
        self.wake.set()

    def landed(self, batch: Batch) -> None:
        """Note that a batch has its final answer on disk."""
        self._kept.pop(batch.batch_sha256, None)
        self.wake.set()

    def forget(self) -> None:
        """Sign everything anew that is owed."""
        self._kept.clear()
        self._again.clear()
        self._cursor = 0
        self._kept_all = True

    def take(self, seen: Checkpoint | None) -> Batch | None:
        """Return the next batch to say, signed now or before; None if nothing is owed."""
        if self._again:
            return self._again.popleft()
        rows = owed(self._journal, self._cursor, self._items_max)
        if not rows:
            return None
        self._cursor = rows[-1].sequence
        raw = sign_acknowledgements([self._item(row) for row in rows], self._identity.ring.acknowledgement, _seen(seen))
        signed = msgspec.msgpack.decode(raw, type=SignedAcknowledgements)
        batch = Batch(tuple(row.sequence for row in rows), sha256(signed.h), raw)
        if len(self._kept) < KEPT_MAX:
            self._kept[batch.batch_sha256] = batch
        else:
            self._kept_all = False
        return batch

    def _item(self, row: Owed) -> AcknowledgementItem:
        return AcknowledgementItem(
            v=1,
            network=self._identity.network,
            recipient=self._identity.authority,
            originator=row.originator,
            header_sha256=encode_base64url(row.header_sha256),
            status=row.status,
            at_ms=row.at_ms,
            salt=encode_base64url(secrets.token_bytes(32)),
        )


def _seen(checkpoint: Checkpoint | None) -> SeenCheckpoint | None:
    if checkpoint is None:
        return None
    return SeenCheckpoint(checkpoint.origin, checkpoint.size, encode_base64url(checkpoint.root))
