"""What a committed batch means for those who wait: answers, fresh deliveries, evidence.

The store reports once a batch. This page sorts the batch by whom it concerns, so that each
session is called once and a permitted message costs no task, future or log line of its own.
"""

from collections.abc import Sequence

from gateway.crypto.envelope import prune
from gateway.domain.session import Answer, Delivery, Evidence, Session
from gateway.store.interface import Acknowledge, AdmitMessage, BookAttempt, Committed, FailDelivery, Pending, Work
from gateway.switch.admission import Ticket
from gateway.switch.delivery import Deliveries, Fresh
from gateway.switch.in_force import InForce

# The reason of a refusal that is nobody's fault but ours.
RULE_FAILED = "rule-failed"
# The final answer to acknowledgements that are not recorded.
NOTHING_NEW = "nothing-new"


class Outcomes:
    """One committed batch, sorted: who is answered what, who is sent what, who hears what."""

    def __init__(self) -> None:
        """Start empty."""
        self.answers: dict[int, tuple[Session, list[Answer]]] = {}
        self.fresh: dict[str, list[Fresh]] = {}
        self.ended: dict[str, list[bytes]] = {}
        self.evidence: dict[str, list[Evidence]] = {}
        self.booked: list[Pending] = []
        self.unbooked: list[Pending] = []
        self.items = 0
        self.permitted = 0
        self.acknowledged = 0
        self.failed: dict[str, int] = {}
        self.duplicates = 0
        self.refused: dict[str, int] = {}
        # Rules of ours that raised, by rule id and detail (function and type of the error, no text of it).
        self.faults: dict[tuple[str, str], int] = {}

    def add(self, work: Work, done: Committed, deliveries: Deliveries, in_force: InForce) -> None:
        """Sort one item in."""
        self.items += 1
        if isinstance(work, AdmitMessage):
            self._admitted(work, done, deliveries, in_force)
        elif isinstance(work, Acknowledge):
            self.ended.setdefault(work.recipient, []).extend([item.header_sha256 for item in work.items])
            self.acknowledged += done.ended
        elif isinstance(work, FailDelivery) and isinstance(work.token, Pending):
            self.ended.setdefault(work.recipient, []).append(work.token.header_sha256)
            self.failed[work.outcome] = self.failed.get(work.outcome, 0) + done.ended
        elif isinstance(work, BookAttempt) and isinstance(work.token, Pending):
            (self.booked if done.permitted else self.unbooked).append(work.token)
        if isinstance(work.token, Ticket):
            self._answer(work.token, done)
        for originator, item in done.evidence:
            self.evidence.setdefault(originator, []).append(item)

    def _answer(self, ticket: Ticket, done: Committed) -> None:
        if done.receipt:
            answer = Answer(ticket.number, "receipt", done.permitted, done.receipt, "", "", 0, done.duplicate)
        else:
            # Acknowledgements that changed nothing: there is no entry, so there is no receipt (P-02).
            answer = Answer(ticket.number, "invalid", code=NOTHING_NEW)
        key = id(ticket.session)
        entry = self.answers.get(key)
        if entry is None:
            self.answers[key] = (ticket.session, [answer])
        else:
            entry[1].append(answer)

    def _admitted(self, work: AdmitMessage, done: Committed, deliveries: Deliveries, in_force: InForce) -> None:
        if done.duplicate:
            self.duplicates += 1
            return
        if not done.permitted:
            # Permitted by policy and refused by the store: a consent that could not be booked, or a used id.
            recorded = work.decision if work.decision.reasons else work.otherwise or work.reused
            for reason in recorded.reasons:
                self.refused[reason.code] = self.refused.get(reason.code, 0) + 1
                if reason.code == RULE_FAILED:
                    fault = (reason.rule, reason.detail or "")
                    self.faults[fault] = self.faults.get(fault, 0) + 1
            return
        self.permitted += 1
        message, way = work.message, work.token.route if isinstance(work.token, Ticket) else None
        assert way is not None
        # The spool's way judges again: what was judged under another edition, or rests on a consent.
        again = work.decision.edition is not in_force.edition or bool(work.consents)
        for position, recipient in enumerate(message.recipients):
            if again or not deliveries.connected(recipient):
                deliveries.missed(recipient, way.precedence, done.index)
                continue
            envelope = message.raw if len(message.recipients) == 1 else prune(message.raw, position)
            delivery = Delivery(message.header_sha256, envelope, done.receipt, 1)
            fresh = Fresh(done.index, way.precedence, way.rank, way.hidden, delivery)
            self.fresh.setdefault(recipient, []).append(fresh)


def sort(batch: Sequence[tuple[Work, Committed]], deliveries: Deliveries, in_force: InForce) -> Outcomes:
    """Return the outcomes of one committed batch."""
    outcomes = Outcomes()
    for work, done in batch:
        outcomes.add(work, done, deliveries, in_force)
    return outcomes
