"""What an endpoint keeps from one connection to the next: its disk, the directory, alarms, queues, tree heads."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from gateway.crypto.batch import VerifiedRoots
from gateway.endpoint import evidence
from gateway.endpoint.acceptance import Accepted, reopen
from gateway.endpoint.acknowledging import Acknowledging
from gateway.endpoint.alarm_book import AlarmBook
from gateway.endpoint.alarms import Alarm
from gateway.endpoint.checkpoints import Chain
from gateway.endpoint.dispatch import Dispatch
from gateway.endpoint.editions import Editions
from gateway.endpoint.effects import Effects
from gateway.endpoint.handing import Handing, Message
from gateway.endpoint.identity import Identity
from gateway.endpoint.inbox import Stored
from gateway.endpoint.journal import Journal
from gateway.endpoint.limits import EndpointLimits

VERIFIED_ROOTS_MAX = 4_096


class Notice(Struct, frozen=True):
    """Something that an operator's log should show; codes and our own words, no personal data."""

    event: str
    gateway: str = ""
    detail: str = ""


class Watch:
    """Wakes those who wait for news about one object, by its digest."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._waiting: dict[bytes, asyncio.Event] = {}

    def changed(self, digest: bytes) -> None:
        """Wake whoever waits for news of `digest`."""
        event = self._waiting.pop(digest, None)
        if event is not None:
            event.set()

    def wake(self) -> None:
        """Wake everybody: something changed that concerns all."""
        for digest in list(self._waiting):
            self.changed(digest)

    async def until(self, digest: bytes, settled: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `settled` says so, asked after each news; False after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not settled():
                    await self._waiting.setdefault(digest, asyncio.Event()).wait()
        except TimeoutError:
            return settled()
        return True


class Keeping:
    """Everything that outlives a connection. It belongs to one event loop."""

    def __init__(
        self,
        identity: Identity,
        journal: Journal,
        limits: EndpointLimits,
        clock: Callable[[], int],
        notify: Callable[[Notice], None],
    ) -> None:
        """Continue from the disk; `clock` tells milliseconds since the epoch."""
        self.identity = identity
        self.journal = journal
        self.limits = limits
        self.clock = clock
        self.notify = notify
        self.alarms = AlarmBook(journal)
        self.editions = Editions(identity, journal)
        self.dispatch = Dispatch(journal, limits)
        self.acknowledging = Acknowledging(identity, journal, limits)
        self.handing = Handing(journal, self.reopen, limits.ready_items_max, limits.ready_bytes_max)
        self.watch = Watch()
        self.roots = VerifiedRoots(VERIFIED_ROOTS_MAX)
        # Submissions that this connection may not carry; they wait for another one.
        self.withheld = 0
        self._chains: dict[str, Chain] = {}
        self._settling: set[asyncio.Task[None]] = set()

    def chain(self, origin: str) -> Chain:
        """Return what is known of a gateway's ledger."""
        if origin not in self._chains:
            self._chains[origin] = evidence.chain(self.journal, origin)
        return self._chains[origin]

    def forget_chains(self) -> None:
        """Read the gateways' tree heads from disk again."""
        self._chains.clear()

    def reopen(self, stored: Stored) -> Message:
        """Return a stored message, opened.

        Raises:
            GatewayError: its body or our key is gone.
        """
        header, plaintext = reopen(stored, self.identity, self.editions)
        return Message(
            sequence=stored.sequence,
            header=header,
            header_sha256=stored.header_sha256,
            plaintext=plaintext,
            admitted_at_ms=stored.admitted_at_ms,
            receipt=stored.receipt,
        )

    def note_withheld(self, count: int) -> None:
        """Count submissions that stay here, because their label may not travel through a broker."""
        if count:
            self.withheld += count
            self.notify(Notice("withheld", detail=f"{count} may not travel through a broker"))

    async def sound(self, alarm: Alarm) -> None:
        """Write an alarm down, tell the log, and let nobody wait for what cannot come any more."""
        await self.alarms.sound(alarm, self.clock())
        if alarm.latching:
            self.watch.wake()
        self.notify(Notice(f"alarm-{alarm.kind}", alarm.origin or "", alarm.told))

    async def take_edition(self, raw: bytes) -> bool:
        """Put a fetched edition in force if it deserves it; tell whether anything changed.

        Raises:
            TrustError: it does not deserve it; an alarm is kept.
            AlarmedError: it does, and shows something that ends all trust.
        """
        before = self.editions.current
        for alarm in await self.editions.take(raw, self.clock()):
            await self.sound(alarm)
        self.alarms.check(None)
        if self.editions.current is before:
            return False
        self.notify(Notice("edition-taken", detail=str(self.editions.number)))
        return True

    def settle(self, effects: Effects) -> asyncio.Task[None]:
        """Make effects durable, then tell whoever waits; the task goes on to its end whoever is cancelled."""
        task = asyncio.get_running_loop().create_task(self._settle(effects), name="endpoint-settle")
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task

    async def settled(self) -> None:
        """Wait for every `settle` that is under way."""
        await asyncio.gather(*self._settling, return_exceptions=True)

    async def _settle(self, effects: Effects) -> None:
        for alarm in effects.alarms:
            await self.sound(alarm)
        if effects.changes or effects.arrivals:
            at_ms = self.clock()
            messages, squatted = await self.journal.write(lambda one: effects.apply(one, at_ms), effects.size_bytes)
            self.handing.add(messages)
            for accepted in squatted:
                await self.sound(_two_under_one_id(accepted))
            for accepted in effects.arrivals.values():
                if accepted.arrival.in_reply_to is not None:
                    self.watch.changed(accepted.arrival.in_reply_to)
            if effects.arrivals:
                self.acknowledging.wake.set()
        for tell in effects.after:
            tell()
        # Answers made room in the window.
        self.dispatch.wake.set()


def _two_under_one_id(accepted: Accepted) -> Alarm:
    """No honest gateway admits two messages under one (originator, id) (P-03)."""
    header = accepted.arrival.header
    detail = f"two messages of `{header.originator}` came under the id `{header.id}`"
    return Alarm("delivery-unproven", accepted.receipt.record.origin, detail, accepted.arrival.receipt)
