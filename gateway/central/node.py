"""The central node at work: messages from its endpoint's inbox, through the database, into its outbox.

Every step may be cut off and done again. A message leaves the inbox once it was dealt with and what it is owed
is in the outbox; an answer leaves the database once the outbox has it. Between two steps lies at most a
repetition, which the next step recognises: the database by the message, the outbox by the id.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from gateway.central.database import Database, Owed
from gateway.central.documents import LookupKey
from gateway.central.requests import KINDS, Arrived, read_request
from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import CapacityError, FormatError, GatewayError, TrustError
from gateway.endpoint import inbox
from gateway.endpoint.client import Endpoint
from gateway.endpoint.handing import Message

# Messages that share a transaction, a signature and a place in memory.
BATCH_MESSAGES = 128
# Trust in the directory or a gateway has ended; only an operator or a newer edition brings it back.
TRUST_RETRY_S = 5.0

Outcome = TypeVar("Outcome")
# Tells the operator's log: an event name, and how many messages it concerns. Never whose or which.
Tell = Callable[[str, int], None]


class Node:
    """Answers what arrives. `served` counts what was handed to the outbox, by kind."""

    def __init__(
        self, endpoint: Endpoint, database: Database, key: LookupKey, clock: Callable[[], int], tell: Tell
    ) -> None:
        """Work on an open endpoint and an open database; `clock` tells milliseconds since the epoch."""
        self.endpoint = endpoint
        self._database = database
        self._key = key
        self._clock = clock
        self._tell = tell
        self._arriving: asyncio.Queue[Message] = asyncio.Queue(BATCH_MESSAGES)
        self.served: Counter[str] = Counter()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            LedgerError: disk or database have failed; the process must end.
        """
        await self._send_what_is_owed()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(), name="central-read")
            tasks.create_task(self._work(), name="central-work")

    async def _send_what_is_owed(self) -> None:
        """Hand over what the last run left; the outbox knows what it has already."""
        after = 0
        while owed := self._database.owed(after, BATCH_MESSAGES):
            await self._send(owed)
            after = owed[-1].sequence

    async def _read(self) -> None:
        async for message in self.endpoint.messages():
            # Anything else is for people; it waits in the inbox, where `accord inbox` shows it.
            if message.header.kind in KINDS:
                await self._arriving.put(message)

    async def _work(self) -> None:
        while True:
            batch = [await self._arriving.get()]
            while len(batch) < BATCH_MESSAGES and not self._arriving.empty():
                batch.append(self._arriving.get_nowait())
            await self._deal_with(batch)

    async def _deal_with(self, batch: Sequence[Message]) -> None:
        owed = await self._patiently(lambda: self._take(batch))
        await self._send(owed)
        await self._release(batch)

    async def _take(self, batch: Sequence[Message]) -> list[Owed]:
        at_ms = self._clock()
        directory = self.endpoint.directory
        tasks = [read_request(_arrived(message), directory, self._key, at_ms) for message in batch]
        return await self._database.take(tasks, at_ms)

    async def _send(self, owed: Sequence[Owed]) -> None:
        at_ms = self._clock()
        # An answer that expired while we were away helps nobody: whoever still wants it asks again.
        timely = [each for each in owed if each.post.draft.expires_at_ms > at_ms]
        if len(timely) < len(owed):
            self._tell("answers-expired", len(owed) - len(timely))
        posts = [each.post for each in timely]
        try:
            await self._patiently(lambda: self.endpoint.send_all(posts))
            self.served.update(each.post.draft.kind for each in timely)
        except (FormatError, TrustError):
            await self._send_one_by_one(timely)
        if owed:
            self._database.handed([each.sequence for each in owed])

    async def _send_one_by_one(self, owed: Sequence[Owed]) -> None:
        """Find the one that cannot be sealed: its recipient has left the directory, or has no key in force."""
        for each in owed:
            try:
                await self._patiently(partial(self.endpoint.send, each.post))
                self.served[each.post.draft.kind] += 1
            except (FormatError, TrustError):
                self._tell("recipient-unreachable", 1)

    async def _release(self, batch: Sequence[Message]) -> None:
        """Take messages out of the inbox and destroy their bodies: they name documents, and their work is done."""
        at_ms = self._clock()

        def change(connection: sqlite3.Connection) -> None:
            for message in batch:
                inbox.hand_over(connection, message.header_sha256, at_ms, tell=False)
                inbox.destroy(connection, message.header_sha256, at_ms)

        await self.endpoint.keeping.journal.write(change)
        self.endpoint.keeping.acknowledging.wake.set()

    async def _patiently(self, step: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Do a step again until there is room for it and trust in the directory."""
        while True:
            try:
                return await step()
            except CapacityError as error:
                self._tell("waiting-for-room", 0)
                await asyncio.sleep(error.retry_after_s)
            except TrustError:
                if await self._trusting():
                    # It is about one recipient's key then; waiting would not mend that.
                    raise
                self._tell("waiting-for-trust", 0)
                await asyncio.sleep(TRUST_RETRY_S)

    async def _trusting(self) -> bool:
        try:
            await self.endpoint.send_all(())
            return self.endpoint.directory is not None
        except GatewayError:
            return False


def _arrived(message: Message) -> Arrived:
    return Arrived(message.header, encode_base64url(message.header_sha256), message.plaintext)
