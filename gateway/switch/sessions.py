"""The exchange: what links may ask of the switch, and the way back to the connections.

Calls come from links and return at once. The only way back is the `Session` that a link attached:
answers, deliveries, evidence, and the end of the connection when its right to exist ends.
"""

from collections.abc import Callable, Iterable, Sequence

from gateway.crypto.acknowledgements import open_acknowledgements
from gateway.domain.errors import CapacityError, FormatError, LedgerError, SignatureError
from gateway.domain.session import Answer, AnswerKind, CloseReason, Delivery, Peer, Session
from gateway.store.interface import Acknowledge, AcknowledgedItem, Committed, MessageStatus, Pending, Store, Work
from gateway.switch.admission import Admission, Ticket
from gateway.switch.delivery import Deliveries
from gateway.switch.history import History
from gateway.switch.in_force import InForce
from gateway.switch.informing import Informing
from gateway.switch.limits import SwitchLimits
from gateway.switch.outcomes import Outcomes, sort
from gateway.switch.quotas import Quotas, TokenBucket
from gateway.telemetry.bounds import BoundLog
from gateway.wire.frames import Hello, Submission

# Failures of one session are forgiven at this rate; a full bucket cuts the link (wire.md).
FAILURES_FORGIVEN_PER_S = 1.0
# Other gateways commit hundreds of batches a second; looking for each of them would read the same rows again and again.
WAKE_EVERY_MS = 20


class Exchange:
    """Everything between links and store; lives on one event loop."""

    def __init__(
        self,
        network: str,
        store: Store,
        in_force: InForce,
        history: History,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
        limits: SwitchLimits,
        observe: Callable[[Outcomes], None],
    ) -> None:
        """`clock` and `monotonic` give milliseconds; `observe` sees the outcomes of every batch."""
        self._network = network
        self._store = store
        self._in_force = in_force
        self._history = history
        self._clock = clock
        self._monotonic = monotonic
        self._limits = limits
        self._observe = observe
        self._quotas = Quotas(limits)
        self._bounds = BoundLog("switch")
        self._admission = Admission(network, store, clock)
        self._deliveries = Deliveries(store, lambda: self._in_force, clock, limits)
        self._informing = Informing(store)
        self._sessions: dict[Session, TokenBucket] = {}
        self._draining = False
        self._attended: frozenset[str] = frozenset()
        self._wake_again_ms = 0
        store.on_committed(self.committed)
        store.on_wakeup(self.woken)

    # What links ask.

    @property
    def in_force(self) -> InForce:
        """The edition and judge that apply to whatever starts now."""
        return self._in_force

    def hello(self) -> Hello:
        """Return what the gateway says first on a link; `window` is the link's to fill in."""
        checkpoint = self._store.checkpoint()
        return Hello(
            network=self._network,
            origin=checkpoint.origin,
            edition=self._in_force.edition.number,
            edition_sha256=self._in_force.edition.sha256,
            checkpoint=checkpoint.note,
            at_ms=self._clock(),
        )

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Tell whether we can verify, decide, commit and sign; by name what stands in the way of it."""
        obstacles: dict[str, str] = {}
        if self._in_force.directory.edition.not_after_ms <= self._clock():
            obstacles["directory"] = "the edition in force has expired: build and sign a newer one"
        if self._history.diverged:
            obstacles["ledger"] = "a peer holds a checkpoint that this ledger does not contain: reconcile"
        if self._draining:
            obstacles["draining"] = "connections move to other gateways; a new start takes them again"
        try:
            self._store.spooled()
            away = self._store.away()
        except LedgerError as error:
            obstacles["store"] = str(error)
        else:
            # Merely busy is ready: below the watermark of the disk, deliveries and acknowledgements go on.
            if away is not None:
                obstacles["store"] = str(away)
        return not obstacles, obstacles

    def peer(self, spki_sha256: str) -> Peer | None:
        """Return who may connect with this certificate key under the edition in force."""
        return self._in_force.peers.get(spki_sha256)

    def attach(self, session: Session, *, seen_note: bytes | None, evidence_after: int | None) -> None:
        """Serve a session: what it is owed, and the evidence after its cursor (None: it wants no pushes).

        Raises:
            LedgerError: the peer holds a checkpoint of ours that our ledger does not contain.
        """
        if seen_note is not None:
            self._history.compare(seen_note)
        self._sessions[session] = TokenBucket(FAILURES_FORGIVEN_PER_S, self._limits.failures_max, self._monotonic())
        if evidence_after is not None:
            self._deliveries.attach(session)
            self._attend()
            self._informing.attach(session, evidence_after)
            self._catch_up((session.peer.authority,))

    def detach(self, session: Session) -> None:
        """Forget a session; what it did not acknowledge is delivered again."""
        self._sessions.pop(session, None)
        self._deliveries.detach(session)
        self._attend()
        self._informing.detach(session)

    def submit(self, session: Session, number: int, kind: str, raw: bytes) -> None:
        """Take one submission; its outcome comes through `session.answer`, now or after the commit."""
        try:
            self._quotas.take(session.peer.authority, len(raw), 1, self._monotonic())
            if kind == "message":
                self._admission.message(raw, (session, number), self._in_force)
            else:
                self._admission.statement(raw, Ticket(session, number), self._in_force)
        except CapacityError as error:
            self._turned_away(session, number, error)
        except FormatError as error:
            self._failed(session, number, "invalid", "format-invalid", str(error))
        except SignatureError as error:
            self._failed(session, number, "unauthenticated", "signature-invalid", str(error))

    def submit_together(self, frames: Sequence[tuple[Session, int, Sequence[Submission]]]) -> bool:
        """Take the messages of frames as `submit` would; False, and nothing is taken, if that needs one by one."""
        if any(item.kind != "message" for _, _, items in frames for item in items):
            return False
        raws = [item.raw for _, _, items in frames for item in items]
        senders = [(session, number) for session, first, items in frames for number in range(first, first + len(items))]
        booked: list[tuple[str, int, int]] = []
        try:
            for session, _, items in frames:
                share = (session.peer.authority, sum([len(item.raw) for item in items]), len(items))
                self._quotas.take(*share, self._monotonic())
                booked.append(share)
            works = self._admission.messages(raws, senders, self._in_force)
        except Exception as error:
            for share in booked:
                self._quotas.give(*share)
            if isinstance(error, CapacityError | FormatError | SignatureError):
                return False
            raise
        if self._store.put_all(works):
            return True
        for sender, work in zip(senders, works, strict=True):
            try:
                self._store.put(work)
            except CapacityError as error:
                self._turned_away(*sender, error)
        return True

    def acknowledge(self, session: Session, number: int, raw: bytes) -> None:
        """Take a signed batch of acknowledgements; its receipt comes through `session.answer`."""
        in_force = self._in_force
        try:
            # Before any signature is verified (wire.md, step 4): to verify is what costs.
            self._quotas.take_acknowledgements(session.peer.authority, len(raw), self._monotonic())
            opened = open_acknowledgements(raw, in_force.directory, self._network, self._clock())
            if opened.recipient != session.peer.authority:
                raise SignatureError("acknowledgements are not signed by the authority of this link")
            if opened.seen is not None:
                self._history.compare_unsigned(opened.seen, opened.recipient)
            self._store.put(
                Acknowledge(
                    recipient=opened.recipient,
                    batch_sha256=opened.batch_sha256,
                    signatures_sha256=opened.signatures_sha256,
                    raw=raw,
                    items=tuple(
                        [
                            AcknowledgedItem(item.recipient, item.originator, item.status, digest, evidence)
                            for item, digest, evidence in opened.items
                        ]
                    ),
                    edition=in_force.edition,
                    law_sha256=in_force.judge.law.sha256,
                    at_ms=self._clock(),
                    token=Ticket(session, number),
                )
            )
        except CapacityError as error:
            self._turned_away(session, number, error)
        except FormatError as error:
            self._failed(session, number, "invalid", "format-invalid", str(error))
        except SignatureError as error:
            self._failed(session, number, "unauthenticated", "signature-invalid", str(error))

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the consistency path between two sizes of our ledger."""
        return self._history.consistency(old_size, new_size)

    def checkpoint_note(self) -> bytes:
        """Return the newest signed checkpoint."""
        return self._store.checkpoint().note

    def directory_raw(self) -> bytes:
        """Return the signed edition in force, as its signers made it."""
        return self._in_force.directory.raw

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        """Return the timeline of a message of `authority`."""
        return self._store.status(authority, message_id)

    def receipt(self, authority: str, header_sha256: bytes) -> bytes | None:
        """Return the receipt of a message that `authority` sent or was sent."""
        return self._store.receipt_by_header(authority, header_sha256)

    def pending(self, peer: Peer, limit: int) -> list[Delivery]:
        """Return what a polling recipient is owed."""
        return self._deliveries.owed(peer, limit)

    # What the store and `app` tell.

    def committed(self, batch: Sequence[tuple[Work, Committed]]) -> None:
        """Spread the outcomes of one committed batch; every session is called once."""
        now_ms = self._monotonic()
        outcomes = sort(batch, self._deliveries, self._in_force)
        for session, answers in outcomes.answers.values():
            session.answer(answers)
        for authority, digests in outcomes.ended.items():
            self._deliveries.ended(authority, digests)
        for authority, fresh in outcomes.fresh.items():
            self._deliveries.offer(authority, fresh, now_ms)
        for row in outcomes.booked:
            self._deliveries.booked(row, now_ms)
        for row in outcomes.unbooked:
            self._deliveries.unbooked(row)
        for originator, evidence in outcomes.evidence.items():
            self._informing.publish(originator, evidence)
        for authority in outcomes.ended:
            self._pump(authority, now_ms)
        self._observe(outcomes)

    def woken(self, authorities: frozenset[str]) -> None:
        """Look for what other gateways committed for those who are connected here; at most once in `WAKE_EVERY_MS`."""
        for authority in authorities:
            self._deliveries.woken(authority)
            self._informing.woken(authority)
        began_ms = self._monotonic()
        if began_ms >= self._wake_again_ms:
            self._catch_up(authorities)
            ended_ms = self._monotonic()
            # Reading waits for the database: at most a quarter of the time may go into it.
            self._wake_again_ms = ended_ms + max(WAKE_EVERY_MS, 3 * (ended_ms - began_ms))

    def swap(self, in_force: InForce) -> None:
        """Apply a newer edition to everything that starts from now on; close what it no longer lets in."""
        self._in_force = in_force
        for session in list(self._sessions):
            if in_force.peers.get(session.peer.spki_sha256) != session.peer:
                session.close("revoked")
            else:
                session.announce(in_force.edition.number, in_force.edition.sha256)

    def begin_draining(self) -> None:
        """Be ready no more, and send nothing new: what is owed goes out where its recipients connect next."""
        self._draining = True

    def close_all(self, reason: CloseReason) -> None:
        """End every connection; nothing that was acknowledged is lost by it."""
        for session in list(self._sessions):
            session.close(reason)

    def tick(self) -> None:
        """Serve who is behind, take back what nobody acknowledged. Called some ten times a second."""
        if self._draining:
            return
        try:
            self._deliveries.tick(self._monotonic())
            self._informing.tick()
        except CapacityError:
            # The store is full up; the next tick finds the same rows.
            return

    def expire(self, rows_max: int) -> int:
        """End deliveries whose message expired; return how many were ended."""
        try:
            return self._end(self._store.expired(self._clock(), rows_max))
        except CapacityError:
            # The store cannot be read for now; what has expired stays so.
            return 0

    def review(self, recipient: str, after: tuple[int, int] | None, rows_max: int) -> tuple[int, int] | None:
        """Judge a page of what `recipient` is owed under the edition in force; return where to go on."""
        rows = self._store.pending(recipient, after, rows_max)
        self._end(rows)
        return (rows[-1].urgency, rows[-1].index) if len(rows) == rows_max else None

    def connections(self) -> int:
        """Return how many sessions are attached."""
        return len(self._sessions)

    def in_flight(self) -> int:
        """Return how many deliveries wait for their acknowledgement; for metrics."""
        return self._deliveries.in_flight()

    def unacknowledged(self) -> int:
        """Return how many attempts nobody acknowledged in time, since the start; for metrics."""
        return self._deliveries.unacknowledged

    def _end(self, rows: Sequence[Pending]) -> int:
        ended = 0
        for row in rows:
            failure = self._deliveries.review(row)
            if failure is None:
                continue
            try:
                self._store.put(failure)
            except CapacityError:
                break
            ended += 1
        return ended

    def _attend(self) -> None:
        """Tell a store that gateways share who is served here, whenever that changes."""
        served = self._deliveries.served()
        if served != self._attended:
            self._attended = served
            self._store.attend(served)

    def _catch_up(self, authorities: Iterable[str]) -> None:
        """Serve from spool and evidence at once; what cannot be read now is found by the next tick."""
        now_ms = self._monotonic()
        for authority in authorities:
            self._pump(authority, now_ms)
        try:
            self._informing.tick()
        except CapacityError:
            return

    def _pump(self, authority: str, now_ms: int) -> None:
        if self._draining:
            return
        try:
            self._deliveries.pump(authority, now_ms)
        except CapacityError:
            # Found again by the next tick.
            return

    def _turned_away(self, session: Session, number: int, error: CapacityError) -> None:
        self._bounds.reached(error.bound, error.retry_after_s, self._monotonic(), session.peer.authority)
        busy = Answer(number=number, kind="busy", code="busy", detail=str(error), retry_after_s=error.retry_after_s)
        session.answer((busy,))

    def _failed(self, session: Session, number: int, kind: AnswerKind, code: str, detail: str) -> None:
        session.answer((Answer(number=number, kind=kind, code=code, detail=detail),))
        bucket = self._sessions.get(session)
        if bucket is not None and not bucket.take(1, self._monotonic()):
            session.close("protocol")
