"""Delivery: from the spool to a session of the recipient, and again until it is acknowledged.

A message that was just committed goes to a connected recipient from memory. Everything else, after
a restart, a reconnect or an overflow, is read back from the spool in the order (urgency,
ledger index), judged again, booked as an attempt, and only then sent. A recipient that falls
behind is therefore served from the spool alone until it has caught up: order holds, memory is bounded.

Nothing here ends a delivery: only a recorded acknowledgement or failure does.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url
from gateway.domain.decision import Decision
from gateway.domain.facts import NO_FACTS
from gateway.domain.label import RANK
from gateway.domain.message import Header
from gateway.domain.session import Delivery, Peer, Session
from gateway.store.interface import BookAttempt, FailDelivery, Pending, Store
from gateway.switch.in_force import InForce
from gateway.switch.limits import SwitchLimits

# Rows a pump reads from the spool at a time; an envelope has at most 1.5 MiB.
PAGE_DELIVERIES = 32
# What one call reads at most: others get their turn between.
PUMP_PAGES = 8
# What one poll of a simple client may hold in memory, read a few rows at a time.
OWED_BYTES_MAX = 8 * 1024 * 1024
OWED_PAGE = 8


class Fresh(Struct, frozen=True):
    """A delivery of a message committed a moment ago, still in memory."""

    index: int
    precedence: int
    rank: int
    hidden: bool
    delivery: Delivery


class _InFlight(Struct):
    index: int
    size_bytes: int
    attempts: int
    due_ms: int
    # None while the attempt is being booked.
    session: Session | None


class _Recipient:
    """One authority with at least one session."""

    __slots__ = ("behind", "cursor", "due_ms", "in_flight", "in_flight_bytes", "overdue", "sessions", "stalled", "turn")

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.turn = 0
        self.in_flight: dict[bytes, _InFlight] = {}
        self.in_flight_bytes = 0
        # Nothing in flight is due before this: what is sent later is due later.
        self.due_ms = 0
        self.behind = True
        self.stalled = False
        self.cursor: tuple[int, int] | None = None
        # What a session left unacknowledged goes to another one next time, if there is one; and how often that was.
        self.overdue: dict[bytes, tuple[Session, int]] = {}

    def forget(self, header_sha256: bytes) -> None:
        flight = self.in_flight.pop(header_sha256, None)
        if flight is not None:
            self.in_flight_bytes -= flight.size_bytes

    def overdue_at(self, now_ms: int) -> list[tuple[bytes, _InFlight]]:
        """Return what should have been acknowledged by now."""
        if now_ms < self.due_ms:
            return []
        found = [(key, flight) for key, flight in self.in_flight.items() if flight.due_ms <= now_ms]
        self.due_ms = min([flight.due_ms for flight in self.in_flight.values() if flight.due_ms > now_ms], default=0)
        return found

    def rewind(self) -> None:
        self.behind = True
        self.cursor = None


class Deliveries:
    """What is under way to connected recipients. All times are monotonic milliseconds."""

    def __init__(
        self, store: Store, in_force: Callable[[], InForce], clock: Callable[[], int], limits: SwitchLimits
    ) -> None:
        """Judge with what `in_force` returns at the moment of dispatch, at the time `clock` tells."""
        self._store = store
        self._in_force = in_force
        self._clock = clock
        self._limits = limits
        self._recipients: dict[str, _Recipient] = {}
        # Attempts that nobody acknowledged in time, since the start; for metrics.
        self.unacknowledged = 0

    def attach(self, session: Session) -> None:
        """Start serving a session; what its authority is owed is read from the spool."""
        recipient = self._recipients.setdefault(session.peer.authority, _Recipient())
        recipient.sessions.append(session)
        recipient.rewind()

    def detach(self, session: Session) -> None:
        """Stop serving a session; what it left unacknowledged goes to another, or waits."""
        authority = session.peer.authority
        recipient = self._recipients.get(authority)
        if recipient is None or session not in recipient.sessions:
            return
        recipient.sessions.remove(session)
        if not recipient.sessions:
            del self._recipients[authority]
            return
        for header_sha256 in [key for key, flight in recipient.in_flight.items() if flight.session is session]:
            recipient.forget(header_sha256)
        recipient.overdue = {key: entry for key, entry in recipient.overdue.items() if entry[0] is not session}
        recipient.rewind()

    def served(self) -> frozenset[str]:
        """Return the authorities that have a session here."""
        return frozenset(self._recipients)

    def in_flight(self) -> int:
        """Return how many deliveries are handed out and wait for their acknowledgement; for metrics."""
        return sum(len(recipient.in_flight) for recipient in self._recipients.values())

    def woken(self, authority: str) -> None:
        """Hear that something may lie ready in the spool, perhaps before what was read last."""
        recipient = self._recipients.get(authority)
        if recipient is not None:
            recipient.rewind()

    def connected(self, authority: str) -> bool:
        """Tell whether fresh deliveries for `authority` are worth building."""
        recipient = self._recipients.get(authority)
        return recipient is not None and not recipient.behind

    def missed(self, authority: str, precedence: int, index: int) -> None:
        """Note that something was spooled without being offered; it is found in the spool.

        What comes before it is under way: reading it again for every message that does not fit would be the end of us.
        """
        recipient = self._recipients.get(authority)
        if recipient is not None:
            place = (precedence, index - 1)
            if not recipient.behind or (recipient.cursor is not None and place < recipient.cursor):
                recipient.cursor = place
            recipient.behind = True

    def offer(self, authority: str, fresh: list[Fresh], now_ms: int) -> None:
        """Send fresh deliveries to one session, most urgent first; what does not fit stays in the spool."""
        recipient = self._recipients.get(authority)
        if recipient is None:
            return
        if len(fresh) > 1:
            fresh.sort(key=lambda item: (item.precedence, item.index))
        taken = 0
        rank, hidden = max([item.rank for item in fresh]), True in [item.hidden for item in fresh]
        session = self._session(recipient, rank, hidden, None)
        if session is not None:
            room = self._room(recipient, fresh)
            taken = session.deliver([item.delivery for item in fresh[:room]])
            due_ms = now_ms + self._limits.acknowledge_within_ms
            for item in fresh[:taken]:
                size_bytes = item.delivery.size_bytes
                recipient.in_flight[item.delivery.header_sha256] = _InFlight(item.index, size_bytes, 0, due_ms, session)
                recipient.in_flight_bytes += size_bytes
        if taken < len(fresh):
            self.missed(authority, fresh[taken].precedence, fresh[taken].index)

    def ended(self, authority: str, header_digests: Sequence[bytes]) -> None:
        """Forget deliveries whose acknowledgement or failure is recorded."""
        recipient = self._recipients.get(authority)
        if recipient is not None:
            for header_sha256 in header_digests:
                recipient.forget(header_sha256)
            if recipient.overdue:
                for header_sha256 in header_digests:
                    recipient.overdue.pop(header_sha256, None)

    def tick(self, now_ms: int) -> None:
        """Take back what nobody acknowledged in time, and serve whoever is behind."""
        for authority, recipient in list(self._recipients.items()):
            overdue = recipient.overdue_at(now_ms)
            for header_sha256, flight in overdue:
                if flight.session is not None:
                    _, times = recipient.overdue.get(header_sha256, (flight.session, 0))
                    recipient.overdue[header_sha256] = (flight.session, times + 1)
                    self.unacknowledged += 1
                recipient.forget(header_sha256)
            if overdue:
                recipient.rewind()
            recipient.stalled = False
            if recipient.behind:
                self.pump(authority, now_ms)

    def pump(self, authority: str, now_ms: int) -> None:
        """Read what `authority` is owed from the spool, judge it again and book its attempts."""
        recipient = self._recipients.get(authority)
        for _ in range(PUMP_PAGES):
            if recipient is None or not recipient.behind or recipient.stalled or not self._fits(recipient, 0):
                return
            page = self._store.pending(authority, recipient.cursor, PAGE_DELIVERIES)
            for row in page:
                if row.header_sha256 not in recipient.in_flight and not self._dispatch(recipient, row, now_ms):
                    return
                recipient.cursor = (row.urgency, row.index)
            if len(page) < PAGE_DELIVERIES:
                recipient.behind = False

    def booked(self, row: Pending, now_ms: int) -> None:
        """Send a delivery whose attempt is on disk."""
        recipient = self._recipients.get(row.recipient)
        flight = recipient.in_flight.get(row.header_sha256) if recipient else None
        if recipient is None or flight is None:
            return
        header = decode(row.header, Header)
        avoid, times = recipient.overdue.get(row.header_sha256, (None, 0))
        session = self._session(recipient, RANK[header.label.level], header.label.confidential_fact, avoid)
        sent = session is not None and session.deliver([as_delivery(row)])
        if not sent:
            recipient.forget(row.header_sha256)
            recipient.rewind()
            # Its links take nothing now. Each further try would be one more attempt on disk, so it waits for the tick.
            recipient.stalled = True
            return
        limits = self._limits
        flight.session = session
        # Only silence on a live connection makes us wait longer; an attempt may also have ended with a crash.
        flight.due_ms = now_ms + min(limits.acknowledge_within_ms << min(times, 16), limits.acknowledge_within_ms_max)
        recipient.due_ms = min(recipient.due_ms, flight.due_ms)

    def unbooked(self, row: Pending) -> None:
        """Take back a delivery that ended, or whose consent was revoked, while its attempt was on its way to disk."""
        recipient = self._recipients.get(row.recipient)
        if recipient is not None:
            recipient.forget(row.header_sha256)
            recipient.rewind()

    def owed(self, peer: Peer, limit: int) -> list[Delivery]:
        """Return what a polling recipient may fetch now over this link; nothing is marked as sent."""
        found: list[Delivery] = []
        cursor: tuple[int, int] | None = None
        room_bytes = OWED_BYTES_MAX
        while room_bytes > 0 and len(found) < limit:
            page = self._store.pending(peer.authority, cursor, OWED_PAGE)
            for row in page:
                cursor = (row.urgency, row.index)
                label = decode(row.header, Header).label
                if _carries(peer, RANK[label.level], label.confidential_fact) and self.review(row) is None:
                    found.append(as_delivery(row))
                    room_bytes -= found[-1].size_bytes
            if len(page) < OWED_PAGE:
                break
        return found[:limit]

    def review(self, row: Pending) -> FailDelivery | None:
        """Judge a delivery once more; return how it must end, or None if it may go.

        Edition and consents may have changed since admission (design section 1, "Delivery").
        """
        in_force = self._in_force()
        at_ms = self._clock()
        header = decode(row.header, Header)
        judge = in_force.judge
        agreement = header.agreement
        if row.expires_at_ms <= at_ms:
            return _failure(row, "expired", judge.expired(agreement), at_ms)
        if any(in_force.directory.stops_queued(decode_base64url(signer)) for signer in header.signers):
            return _failure(row, "key-compromised", judge.key_compromised(agreement), at_ms)
        if row.attempts >= self._limits.attempts_max:
            return _failure(row, "attempts-exhausted", judge.attempts_exhausted(agreement), at_ms)
        references = judge.references(header)
        facts = self._store.facts(references, header.consents) if references or header.consents else NO_FACTS
        decision = judge.decide_dispatch(header, facts, row.recipient, at_ms)
        return None if decision.permitted else _failure(row, "withdrawn", decision, at_ms)

    def _dispatch(self, recipient: _Recipient, row: Pending, now_ms: int) -> bool:
        """Book an attempt or a failure; False when the recipient has no room left."""
        failure = self.review(row)
        if failure is not None:
            self._store.put(failure)
            return True
        if not self._fits(recipient, len(row.envelope)):
            return False
        header = decode(row.header, Header)
        if self._session(recipient, RANK[header.label.level], header.label.confidential_fact, None) is None:
            # No link of the recipient may carry this label; another session may come.
            return True
        # The attempt is booked before the peer is called: a crash must not let us hammer it.
        # What it rests on is asked for once more in that transaction (wire.md, "Consent").
        consents = tuple(map(decode_base64url, header.consents))
        self._store.put(
            BookAttempt(
                index=row.index,
                recipient=row.recipient,
                at_ms=self._clock(),
                token=row,
                consents=consents,
                lease=row.lease,
            )
        )
        size_bytes = len(row.envelope) + len(row.receipt)
        due_ms = now_ms + self._limits.acknowledge_within_ms
        recipient.in_flight[row.header_sha256] = _InFlight(row.index, size_bytes, row.attempts + 1, due_ms, None)
        recipient.in_flight_bytes += size_bytes
        return True

    def _session(self, recipient: _Recipient, rank: int, hidden: bool, avoid: Session | None) -> Session | None:
        able = [session for session in recipient.sessions if _carries(session.peer, rank, hidden)]
        others = [session for session in able if session is not avoid] or able
        if not others:
            return None
        recipient.turn += 1
        return others[recipient.turn % len(others)]

    def _fits(self, recipient: _Recipient, size_bytes: int) -> bool:
        limits = self._limits
        return (
            len(recipient.in_flight) < limits.in_flight_deliveries_max
            and recipient.in_flight_bytes + size_bytes <= limits.in_flight_bytes_max
        )

    def _room(self, recipient: _Recipient, fresh: list[Fresh]) -> int:
        """Return how many of `fresh` the bounds of one recipient still admit."""
        limits = self._limits
        places = limits.in_flight_deliveries_max - len(recipient.in_flight)
        octets = limits.in_flight_bytes_max - recipient.in_flight_bytes
        for position, item in enumerate(fresh[:places]):
            octets -= item.delivery.size_bytes
            if octets < 0:
                return position
        return min(places, len(fresh))


def _carries(peer: Peer, rank: int, hidden: bool) -> bool:
    """Tell whether a link may carry a label: by its clearance, and a broker nothing whose existence is a secret."""
    return peer.clearance >= rank and not (hidden and peer.link == "broker")


def as_delivery(row: Pending) -> Delivery:
    """Return a spooled delivery as a session takes it."""
    return Delivery(
        header_sha256=row.header_sha256, envelope=row.envelope, receipt=row.receipt, attempt=row.attempts + 1
    )


def _failure(row: Pending, outcome: str, decision: Decision, at_ms: int) -> FailDelivery:
    return FailDelivery(
        index=row.index, recipient=row.recipient, outcome=outcome, decision=decision, at_ms=at_ms, token=row
    )
