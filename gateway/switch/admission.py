"""Admission: from bytes and a session to one item for the store, or to an answer at once.

The order is that of wire.md, "What the gateway checks": quota, signatures, times and digests,
then policy. Nothing here awaits, reads a clock twice or keeps a message: what was admitted
comes back from the store as a batch (`gateway.switch.sessions`).
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.envelope import open_envelopes
from gateway.crypto.statements import open_statement
from gateway.domain.decision import Decision
from gateway.domain.facts import NO_FACTS, Facts
from gateway.domain.message import AuthenticMessage, Header
from gateway.domain.session import Session
from gateway.domain.statement import AuthenticStatement, Consent
from gateway.policy import house
from gateway.policy.decide import Judge
from gateway.store.interface import AdmitMessage, AdmitStatement, ConsentUse, Store
from gateway.store.kept import keep
from gateway.switch.in_force import InForce
from gateway.switch.routing import Route, route

# One verified root is remembered for each batch that a sender has under way.
VERIFIED_ROOTS_MAX = 4_096


class Ticket(Struct, frozen=True):
    """Whom to answer, under which number, and which way a message goes that may pass."""

    session: Session
    number: int
    route: Route | None = None


class Admission:
    """Judges submissions and puts them to the store; keeps nothing but verified batch roots."""

    def __init__(self, network: str, store: Store, clock: Callable[[], int]) -> None:
        """Use `clock` (milliseconds since the epoch) for every judgement."""
        self._network = network
        self._store = store
        self._clock = clock
        self._roots = VerifiedRoots(VERIFIED_ROOTS_MAX)

    def message(self, raw: bytes, sender: tuple[Session, int], in_force: InForce) -> None:
        """Open, judge and put one envelope that came over a session under a number.

        Raises:
            FormatError, SignatureError: nothing authentic arrived; nothing is recorded.
            CapacityError: the store takes nothing more for now.
        """
        (work,) = self.messages((raw,), (sender,), in_force)
        self._store.put(work)

    def messages(
        self, raws: Sequence[bytes], senders: Sequence[tuple[Session, int]], in_force: InForce
    ) -> list[AdmitMessage]:
        """Open and judge envelopes that came together, each over its session and under its number there.

        Return what is to be put for each.

        Raises:
            FormatError, SignatureError: one of them is not authentic.
            CapacityError: what they cite cannot be read for now.
        """
        at_ms = self._clock()
        judge, peers = in_force.judge, [session.peer for session, _ in senders]
        messages = open_envelopes(raws, in_force.directory, self._network, at_ms, self._roots)
        facts = [self._facts(message.header) for message in messages]
        decisions = [
            judge.decide(message, known, peer, at_ms)
            if message.header.originator == peer.authority
            else _foreign(message, in_force)
            for message, known, peer in zip(messages, facts, peers, strict=True)
        ]
        works: list[AdmitMessage] = []
        judged = zip(messages, keep(messages), facts, decisions, senders, peers, strict=True)
        for message, kept, known, decision, sender, peer in judged:
            header = message.header
            consents: tuple[ConsentUse, ...] = ()
            otherwise: Decision | None = None
            if header.consents and decision.permitted:
                consents = tuple(ConsentUse(digest, uses) for digest, uses in judge.consent_uses(header, known))
                otherwise = judge.withdrawn(header.agreement)
            ticket = Ticket(sender[0], sender[1], route(header) if decision.permitted else None)
            reused = judge.reused(header.agreement)
            works.append(AdmitMessage(kept, peer.authority, decision, at_ms, consents, otherwise, reused, ticket))
        return works

    def statement(self, raw: bytes, ticket: Ticket, in_force: InForce) -> None:
        """Open, judge and put one consent or revocation.

        Raises:
            FormatError, SignatureError, CapacityError: as for a message.
        """
        at_ms = self._clock()
        statement = open_statement(raw, in_force.directory, self._network, at_ms)
        decision = (
            _foreign(statement, in_force)
            if statement.authority != ticket.session.peer.authority
            else in_force.judge.decide_statement(statement, self._statement_facts(statement), at_ms)
        )
        self._store.put(
            AdmitStatement(
                statement=statement,
                against=ticket.session.peer.authority,
                decision=decision,
                at_ms=at_ms,
                token=ticket,
            )
        )

    def _facts(self, header: Header) -> Facts:
        if not (header.sources or header.consents or header.in_reply_to):
            return NO_FACTS
        return self._store.facts(Judge.references(header), header.consents)

    def _statement_facts(self, statement: AuthenticStatement) -> Facts:
        value = statement.value
        if isinstance(value, Consent):
            return self._store.facts(value.sources, ())
        return self._store.facts((), (value.consent_sha256,))


def _foreign(item: AuthenticMessage | AuthenticStatement, in_force: InForce) -> Decision:
    # Policy is not asked: whoever carries another's envelope must learn nothing from the answer.
    agreement = item.header.agreement if isinstance(item, AuthenticMessage) else ""
    return Decision(
        agreement=agreement,
        reasons=(house.demand("originator-mismatch", "ACC-03"),),
        flags=(),
        edition=in_force.edition,
        law_sha256=in_force.judge.law.sha256,
    )
