"""What of the outbox goes next: from memory while it fits, from disk after a restart or an overflow.

Most urgent and oldest first. A parcel under way is never offered twice on one connection; a new connection
offers everything again that has no receipt, with the same bytes.
"""

import asyncio
import heapq
from collections.abc import Iterable

from gateway.endpoint.journal import Journal
from gateway.endpoint.limits import EndpointLimits
from gateway.endpoint.outbox import Due, listed, load, waiting


class Dispatch:
    """The queue in front of one connection. `wake` is set whenever there may be something to send."""

    def __init__(self, journal: Journal, limits: EndpointLimits) -> None:
        """Start with whatever the disk holds."""
        self._journal = journal
        self._items_max = limits.ready_items_max
        self._bytes_max = limits.ready_bytes_max
        self._ready: list[tuple[int, int, Due]] = []
        self._ready_bytes = 0
        self._queued: set[int] = set()
        self._flying: set[int] = set()
        self._behind = True
        # How many parcels have no final answer; a bound, not a record.
        self.waiting = waiting(journal)
        self.wake = asyncio.Event()

    def add(self, parcels: Iterable[Due]) -> None:
        """Offer parcels that were just made durable; what does not fit is found on disk."""
        for due in parcels:
            self.waiting += 1
            # A reader may have found it on disk before its writer heard that it is there.
            if due.sequence in self._flying or due.sequence in self._queued:
                continue
            if self._behind or not self._fits(len(due.raw)):
                self._behind = True
            else:
                self._push(due)
        self.wake.set()

    def restart(self) -> None:
        """Offer everything without a receipt again, on a new connection."""
        self._ready.clear()
        self._ready_bytes = 0
        self._queued.clear()
        self._flying.clear()
        self._behind = True
        self.wake.set()

    def take(self, room: int) -> list[Due]:
        """Return at most `room` parcels to send now; they count as under way."""
        if room > 0 and not self._ready and self._behind:
            self._read()
        taken: list[Due] = []
        while self._ready and len(taken) < room:
            due = heapq.heappop(self._ready)[2]
            self._ready_bytes -= len(due.raw)
            self._queued.discard(due.sequence)
            self._flying.add(due.sequence)
            taken.append(due)
        return taken

    def landed(self, sequence: int) -> None:
        """Note that a parcel has its final answer on disk."""
        self._flying.discard(sequence)
        self.waiting -= 1

    def turned_back(self, sequence: int) -> None:
        """Note that a parcel must be sent again later."""
        self._flying.discard(sequence)
        self._behind = True

    def _read(self) -> None:
        rows = listed(self._journal, self._items_max + len(self._flying))
        self._behind = len(rows) == self._items_max + len(self._flying)
        for sequence, urgency, size_bytes in rows:
            if sequence in self._flying:
                continue
            if not self._fits(size_bytes):
                self._behind = True
                return
            due = load(self._journal, sequence, urgency)
            if due is not None:
                self._push(due)

    def _fits(self, size_bytes: int) -> bool:
        if not self._ready:
            return True
        return len(self._ready) < self._items_max and self._ready_bytes + size_bytes <= self._bytes_max

    def _push(self, due: Due) -> None:
        heapq.heappush(self._ready, (due.urgency, due.sequence, due))
        self._queued.add(due.sequence)
        self._ready_bytes += len(due.raw)
