"""Acknowledgements: what we say of messages, signed many at once, said again until the gateway has it recorded.

Rows come from the inbox's transactions, so nothing is acknowledged that is not on disk. A batch waits a few
milliseconds for company and carries the newest tree head that we have seen proven.
"""

import asyncio
import secrets

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
        self._cursor = 0
        self.wake = asyncio.Event()

    def restart(self) -> None:
        """Say everything again that has no receipt, on a new connection or after a busy gateway."""
        self._cursor = 0
        self.wake.set()

    def take(self, seen: Checkpoint | None) -> Batch | None:
        """Sign the next batch; None if nothing is owed."""
        rows = owed(self._journal, self._cursor, self._items_max)
        if not rows:
            return None
        self._cursor = rows[-1].sequence
        raw = sign_acknowledgements([self._item(row) for row in rows], self._identity.ring.acknowledgement, _seen(seen))
        signed = msgspec.msgpack.decode(raw, type=SignedAcknowledgements)
        return Batch(tuple(row.sequence for row in rows), sha256(signed.h), raw)

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
