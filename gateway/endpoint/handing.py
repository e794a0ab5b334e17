"""From the inbox to whoever reads: every message once a run, in the order of arrival, until it is handed over.

What just arrived is handed on from memory; what came while nobody read, or before the last start, is read back from
disk and opened again. Memory is bounded, nothing is skipped.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct

from gateway.domain.errors import GatewayError
from gateway.domain.message import Header
from gateway.endpoint.inbox import Stored, waiting
from gateway.endpoint.journal import Journal

PAGE_ROWS = 64


class Message(Struct, frozen=True):
    """A message that passed every check, open: what a person or a program is handed."""

    sequence: int
    header: Header
    header_sha256: bytes
    plaintext: bytes
    admitted_at_ms: int
    receipt: bytes


class Handing:
    """The queue in front of one reader."""

    def __init__(self, journal: Journal, reopen: Callable[[Stored], Message], items_max: int, bytes_max: int) -> None:
        """Start with what is on disk and was handed to nobody; `reopen` opens a stored message."""
        self._journal = journal
        self._reopen = reopen
        self._items_max = items_max
        self._bytes_max = bytes_max
        self._ready: deque[Message] = deque()
        self._ready_bytes = 0
        self._last = 0
        self._behind = True
        self._wake = asyncio.Event()
        self._wake.set()

    def add(self, messages: Iterable[Message]) -> None:
        """Offer messages that were just made durable, in the order of their sequence."""
        for message in messages:
            fits = len(self._ready) < self._items_max and self._ready_bytes < self._bytes_max
            if self._behind or not fits:
                self._behind = True
            else:
                self._push(message)
        self._wake.set()

    async def next(self) -> Message:
        """Return the next message, when there is one."""
        while True:
            if not self._ready and self._behind:
                self._read()
            if self._ready:
                message = self._ready.popleft()
                self._ready_bytes -= len(message.plaintext)
                return message
            self._wake.clear()
            await self._wake.wait()

    def _read(self) -> None:
        rows = waiting(self._journal, self._last, PAGE_ROWS)
        self._behind = len(rows) == PAGE_ROWS
        for stored in rows:
            try:
                self._push(self._reopen(stored))
            except GatewayError:
                # Its key is gone: it stays in the inbox, where `accord inbox show` says why.
                self._last = stored.sequence

    def _push(self, message: Message) -> None:
        if message.sequence <= self._last:
            return
        self._last = message.sequence
        self._ready.append(message)
        self._ready_bytes += len(message.plaintext)
