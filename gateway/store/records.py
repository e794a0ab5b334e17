"""What the ledger says of each kind of work: one record a leaf, encoded once.

Digests and codes only. A permitted record carries the flags of the decision as its reasons, a refused one why it
was refused. A record has no place for a second authority, so the last reason names it: the recipient of a failed
delivery, the peer that showed somebody else's message.
"""

from msgspec.structs import replace

from gateway.crypto.canonical import encode
from gateway.crypto.digests import encode_base64url, signatures_digest
from gateway.domain.decision import Decision, EditionRef, Reason
from gateway.domain.receipt import Event, ObjectType, Record
from gateway.domain.statement import Consent
from gateway.store.interface import Acknowledge, AdmitStatement, ConsentUse, FailDelivery, RecordEdition

REASONS_MAX = 64
PERMITTED, REFUSED = "permitted", "refused"
SHOWN_BY = "shown-by"

# Places in a record that is spelt once and filled in later.
_AT_MS, _OBJECT, _SIGNED = 2**53 - 1, "o" * 43, "s" * 43

ACKNOWLEDGED_EVENTS: dict[str, Event] = {
    "consigned": "content-consignment",
    "handed-over": "content-handover",
    "destroyed": "content-destruction",
}


class Recorder:
    """Spells records for one log; `software` names what wrote them."""

    def __init__(self, network: str, origin: str, software: str) -> None:
        """Write the same three names into every record."""
        self._network = network
        self._origin = origin
        self._software = software
        self._edition: EditionRef | None = None
        self._law_sha256 = ""
        self._spelling = ("", "", "", "")

    def judged(
        self,
        object_type: ObjectType,
        object_sha256: str,
        signatures_sha256: str,
        decision: Decision,
        at_ms: int,
        consents: tuple[ConsentUse, ...] = (),
    ) -> bytes:
        """Return the record of a submission that was permitted or refused; digests are base64url."""
        if decision.reasons or decision.flags or consents or object_type != "header":
            return self._judged(object_type, object_sha256, signatures_sha256, decision, at_ms, consents)
        # Of a plainly permitted message nothing changes but time and two digests; the rest is spelt once an edition.
        if decision.edition is not self._edition or decision.law_sha256 != self._law_sha256:
            self._edition, self._law_sha256 = decision.edition, decision.law_sha256
            self._spelling = _spelling(self._judged("header", _OBJECT, _SIGNED, decision, _AT_MS, ()))
        begin, before_object, before_signed, end = self._spelling
        return f"{begin}{at_ms}{before_object}{object_sha256}{before_signed}{signatures_sha256}{end}".encode("ascii")

    def _judged(
        self,
        object_type: ObjectType,
        object_sha256: str,
        signatures_sha256: str,
        decision: Decision,
        at_ms: int,
        consents: tuple[ConsentUse, ...],
    ) -> bytes:
        permitted = not decision.reasons
        return self._record(
            "submission-acceptance" if permitted else "submission-rejection",
            at_ms,
            object_type,
            object_sha256,
            signatures_sha256,
            decision.edition,
            decision.law_sha256,
            PERMITTED if permitted else REFUSED,
            decision.flags if permitted else decision.reasons,
            tuple(encode_base64url(use.consent_sha256) for use in consents) if permitted else (),
        )

    def failed(self, work: FailDelivery, admitted: Record, at_ms: int) -> bytes:
        """Return the record of a delivery that ended in failure; `admitted` is the record of its message."""
        whom = Reason(
            code="not-consigned", rule="P-10", article="design section 1", basis="policy", detail=work.recipient
        )
        decision = work.decision
        return self._record(
            "content-consignment-failure",
            at_ms,
            "header",
            admitted.object_sha256,
            admitted.signatures_sha256,
            decision.edition,
            decision.law_sha256,
            work.outcome,
            (*decision.reasons[: REASONS_MAX - 1], whom),
            (),
        )

    def acknowledged(self, work: Acknowledge, at_ms: int) -> bytes:
        """Return the record of a recipient's batch: its event if all items agree, else consignment."""
        statuses = {item.status for item in work.items}
        status = statuses.pop() if len(statuses) == 1 else "mixed"
        event: Event = "content-consignment"
        if status != "mixed":
            event = ACKNOWLEDGED_EVENTS.get(status, "content-consignment-failure")
        return self._record(
            event,
            at_ms,
            "acknowledgement-batch",
            encode_base64url(work.batch_sha256),
            encode_base64url(work.signatures_sha256),
            work.edition,
            work.law_sha256,
            status,
            (),
            (),
        )

    def adopted(self, work: RecordEdition, at_ms: int) -> bytes:
        """Return the record of a directory edition that came into use."""
        sha256 = encode_base64url(work.sha256)
        return self._record(
            "directory-edition",
            at_ms,
            "directory",
            sha256,
            encode_base64url(work.signatures_sha256 or signatures_digest(())),
            EditionRef(number=work.number, sha256=sha256),
            work.law_sha256,
            "in-force",
            (),
            (),
        )

    def _record(
        self,
        event: Event,
        at_ms: int,
        object_type: ObjectType,
        object_sha256: str,
        signatures_sha256: str,
        edition: EditionRef,
        law_sha256: str,
        outcome: str,
        reasons: tuple[Reason, ...],
        consents: tuple[str, ...],
    ) -> bytes:
        return encode(
            Record(
                v=1,
                network=self._network,
                origin=self._origin,
                event=event,
                at_ms=at_ms,
                object_type=object_type,
                object_sha256=object_sha256,
                signatures_sha256=signatures_sha256,
                edition=edition,
                law_sha256=law_sha256,
                software=self._software,
                outcome=outcome,
                reasons=reasons[:REASONS_MAX],
                consents=consents,
            )
        )


def with_peer(decision: Decision, peer: str) -> Decision:
    """Return a refusal that names, in its last reason, the authority that showed somebody else's object."""
    whom = Reason(code=SHOWN_BY, rule="W-01", article="wire.md step 8", basis="policy", detail=peer)
    return replace(decision, reasons=(*decision.reasons[: REASONS_MAX - 1], whom))


def shown_by(record: Record) -> str | None:
    """Return the authority that showed somebody else's object, if that is why it was refused."""
    last = record.reasons[-1] if record.reasons else None
    return last.detail if last is not None and last.code == SHOWN_BY else None


def _spelling(record: bytes) -> tuple[str, str, str, str]:
    """Cut a record into what stands before, between and after the places."""
    begin, rest = record.decode("ascii").split(str(_AT_MS))
    before_object, rest = rest.split(_OBJECT)
    before_signed, end = rest.split(_SIGNED)
    return begin, before_object, before_signed, end


def statement_type(work: AdmitStatement) -> ObjectType:
    """Return what a statement is, as records call it."""
    return "consent" if isinstance(work.statement.value, Consent) else "consent-revocation"
