"""What waits to be written to one connection: bounded in items and bytes, written as frames.

Without IO. Answers and notices always fit, because the window bounds answers and notices replace
one another; deliveries and evidence are taken as far as the bounds allow, and what is not taken
stays with the switch (threat E12).
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from gateway.domain.session import Answer, Delivery, Evidence
from gateway.links.budget import Budget
from gateway.wire.frames import (
    FRAME_BYTES_MAX,
    FRAME_ITEMS_MAX,
    ITEM_OVERHEAD_BYTES,
    Answers,
    Consistency,
    Deliveries,
    EditionNotice,
    FromGateway,
    Informed,
    answer_bytes,
    delivery_bytes,
    evidence_bytes,
    take_frame,
)
from gateway.wire.limits import Limits

Item = TypeVar("Item")


class _Waiting(Generic[Item]):
    """What waits for frames of one kind, and how many bytes of them it may fill."""

    __slots__ = ("_items", "_measure", "size_bytes")

    def __init__(self, measure: Callable[[Item], int]) -> None:
        self._items: deque[Item] = deque()
        self._measure = measure
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def extend(self, items: Sequence[Item], size_bytes: int) -> None:
        self._items.extend(items)
        self.size_bytes += size_bytes

    def take(self) -> tuple[list[Item], int]:
        """Take what fits into one frame, mostly everything, and say how many bytes that is."""
        items = self._items
        if self.size_bytes <= FRAME_BYTES_MAX - ITEM_OVERHEAD_BYTES and len(items) <= FRAME_ITEMS_MAX:
            taken, size_bytes = list(items), self.size_bytes
            items.clear()
        else:
            taken = take_frame(items, self._measure)
            size_bytes = sum(map(self._measure, taken))
        self.size_bytes -= size_bytes
        return taken, size_bytes

    def clear(self) -> None:
        self._items.clear()
        self.size_bytes = 0


class Outgoing:
    """The queues of one connection. `budget` is shared by all connections."""

    __slots__ = ("_answers", "_budget", "_bytes", "_deliveries", "_evidence", "_limits", "_notice", "_replies")

    def __init__(self, limits: Limits, budget: Budget) -> None:
        """Start empty."""
        self._limits = limits
        self._budget = budget
        self._answers = _Waiting(answer_bytes)
        self._deliveries = _Waiting(delivery_bytes)
        self._evidence = _Waiting(evidence_bytes)
        self._replies: deque[Consistency] = deque()
        self._notice: EditionNotice | None = None
        # Of deliveries and evidence, which are bounded; answers are by their window.
        self._bytes = 0

    def answer(self, answers: Sequence[Answer]) -> None:
        """Queue outcomes."""
        self._answers.extend(answers, sum(map(answer_bytes, answers)))

    def reply(self, consistency: Consistency) -> bool:
        """Queue a consistency proof; False when the peer asks faster than it reads."""
        if len(self._replies) >= self._limits.replies_max:
            return False
        self._replies.append(consistency)
        return True

    def announce(self, notice: EditionNotice) -> None:
        """Queue the newest edition; an older notice that was not sent is replaced."""
        self._notice = notice

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """Queue as many deliveries as fit; return how many."""
        return self._take(deliveries, self._deliveries, delivery_bytes)

    def inform(self, evidence: Sequence[Evidence]) -> int:
        """Queue as much evidence as fits; return how much."""
        return self._take(evidence, self._evidence, evidence_bytes)

    def next_frame(self) -> tuple[FromGateway, int] | None:
        """Take the next frame and how many answers it carries; None when nothing waits.

        What somebody waits for comes first: answers, then evidence, then deliveries.
        """
        if self._answers:
            answers, _ = self._answers.take()
            return Answers(answers), len(answers)
        if self._notice is not None:
            notice, self._notice = self._notice, None
            return notice, 0
        if self._replies:
            return self._replies.popleft(), 0
        if self._evidence:
            evidence, size_bytes = self._evidence.take()
            self._release(size_bytes)
            return Informed(evidence), 0
        if self._deliveries:
            deliveries, size_bytes = self._deliveries.take()
            self._release(size_bytes)
            return Deliveries(deliveries), 0
        return None

    def clear(self) -> None:
        """Drop everything; what mattered stays in the spool."""
        for waiting in (self._answers, self._deliveries, self._evidence, self._replies):
            waiting.clear()
        self._notice = None
        self._release(self._bytes)

    def _take(self, items: Sequence[Item], waiting: _Waiting[Item], measure: Callable[[Item], int]) -> int:
        limits = self._limits
        room = max(limits.outgoing_items_max - len(self._deliveries) - len(self._evidence), 0)
        size_bytes = sum(map(measure, items))
        fits = len(items) <= room and self._bytes + size_bytes <= limits.outgoing_bytes_max
        if fits and self._budget.take(size_bytes):
            self._bytes += size_bytes
            waiting.extend(items, size_bytes)
            return len(items)
        return self._take_some(items[:room], waiting, measure)

    def _take_some(self, items: Sequence[Item], waiting: _Waiting[Item], measure: Callable[[Item], int]) -> int:
        taken = 0
        for item in items:
            size_bytes = measure(item)
            # One item always fits: nobody starves because the others are slow.
            if self._bytes and self._bytes + size_bytes > self._limits.outgoing_bytes_max:
                break
            if not self._budget.take(size_bytes, force=not self._bytes):
                break
            self._bytes += size_bytes
            waiting.extend((item,), size_bytes)
            taken += 1
        return taken

    def _release(self, size_bytes: int) -> None:
        self._bytes -= size_bytes
        self._budget.give(size_bytes)
