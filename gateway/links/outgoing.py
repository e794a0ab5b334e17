"""What waits to be written to one connection: bounded in items and bytes, written as frames.

Without IO. Answers and notices always fit, because the window bounds answers and notices replace
one another; deliveries and evidence are taken as far as the bounds allow, and what is not taken
stays with the switch (threat E12).
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.domain.session import Answer, Delivery, Evidence
from gateway.links.budget import Budget
from gateway.wire.frames import (
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


class Outgoing:
    """The queues of one connection. `budget` is shared by all connections."""

    __slots__ = ("_answers", "_budget", "_bytes", "_deliveries", "_evidence", "_limits", "_notice", "_replies")

    def __init__(self, limits: Limits, budget: Budget) -> None:
        """Start empty."""
        self._limits = limits
        self._budget = budget
        self._answers: deque[Answer] = deque()
        self._deliveries: deque[Delivery] = deque()
        self._evidence: deque[Evidence] = deque()
        self._replies: deque[Consistency] = deque()
        self._notice: EditionNotice | None = None
        self._bytes = 0

    def answer(self, answers: Sequence[Answer]) -> None:
        """Queue outcomes."""
        self._answers.extend(answers)

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
            answers = take_frame(self._answers, answer_bytes)
            return Answers(answers), len(answers)
        if self._notice is not None:
            notice, self._notice = self._notice, None
            return notice, 0
        if self._replies:
            return self._replies.popleft(), 0
        if self._evidence:
            evidence = take_frame(self._evidence, evidence_bytes)
            self._release(sum(map(evidence_bytes, evidence)))
            return Informed(evidence), 0
        if self._deliveries:
            deliveries = take_frame(self._deliveries, delivery_bytes)
            self._release(sum(map(delivery_bytes, deliveries)))
            return Deliveries(deliveries), 0
        return None

    def clear(self) -> None:
        """Drop everything; what mattered stays in the spool."""
        for queue in (self._answers, self._deliveries, self._evidence, self._replies):
            queue.clear()
        self._notice = None
        self._release(self._bytes)

    def _take(self, items: Sequence[Item], queue: deque[Item], measure: Callable[[Item], int]) -> int:
        limits = self._limits
        room = limits.outgoing_items_max - len(self._deliveries) - len(self._evidence)
        taken = 0
        for item in items[: max(room, 0)]:
            size = measure(item)
            # One item always fits: nobody starves because the others are slow.
            if self._bytes and self._bytes + size > limits.outgoing_bytes_max:
                break
            if not self._budget.take(size, force=not self._bytes):
                break
            self._bytes += size
            queue.append(item)
            taken += 1
        return taken

    def _release(self, size_bytes: int) -> None:
        self._bytes -= size_bytes
        self._budget.give(size_bytes)
