"""What the ledger says of each kind of work: one record a leaf, encoded once.

Digests and codes only. A permitted record carries the flags of the decision as its reasons, a refused one why it
was refused; a failure names the recipient in its last reason, because a record has no other place for it.
"""

import hashlib

from gateway.crypto.canonical import encode
from gateway.crypto.digests import encode_base64url
from gateway.domain.decision import Decision, EditionRef, Reason
from gateway.domain.receipt import Event, ObjectType, Record
from gateway.domain.statement import CONSIGNED, Consent
from gateway.store.interface import Acknowledge, AdmitStatement, ConsentUse, FailDelivery, RecordEdition

REASONS_MAX = 64
PERMITTED, REFUSED = "permitted", "refused"
NOTHING_SHA256 = hashlib.sha256().digest()

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

    def judged(
        self,
        object_type: ObjectType,
        object_sha256: bytes,
        signatures_sha256: bytes,
        decision: Decision,
        at_ms: int,
        consents: tuple[ConsentUse, ...] = (),
    ) -> bytes:
        """Return the record of a submission that was permitted or refused."""
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

    def failed(self, work: FailDelivery, header_sha256: bytes, signatures_sha256: bytes, at_ms: int) -> bytes:
        """Return the record of a delivery that ended in failure."""
        whom = Reason(
            code="not-consigned", rule="P-10", article="design section 1", basis="policy", detail=work.recipient
        )
        decision = work.decision
        return self._record(
            "content-consignment-failure",
            at_ms,
            "header",
            header_sha256,
            signatures_sha256,
            decision.edition,
            decision.law_sha256,
            work.outcome,
            (*decision.reasons[: REASONS_MAX - 1], whom),
            (),
        )

    def acknowledged(self, work: Acknowledge, at_ms: int) -> bytes:
        """Return the record of a recipient's batch: its event if all items agree, else consignment."""
        statuses = {item.item.status for item in work.items}
        status = statuses.pop() if len(statuses) == 1 else "mixed"
        event: Event = "content-consignment"
        if status != "mixed":
            event = ACKNOWLEDGED_EVENTS.get(status, "content-consignment-failure")
        return self._record(
            event,
            at_ms,
            "acknowledgement-batch",
            work.batch_sha256,
            work.signatures_sha256,
            work.edition,
            work.law_sha256,
            status,
            (),
            (),
        )

    def adopted(self, work: RecordEdition, at_ms: int) -> bytes:
        """Return the record of a directory edition that came into use."""
        return self._record(
            "directory-edition",
            at_ms,
            "directory",
            work.sha256,
            work.signatures_sha256 or NOTHING_SHA256,
            EditionRef(number=work.number, sha256=encode_base64url(work.sha256)),
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
        object_sha256: bytes,
        signatures_sha256: bytes,
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
                object_sha256=encode_base64url(object_sha256),
                signatures_sha256=encode_base64url(signatures_sha256),
                edition=edition,
                law_sha256=law_sha256,
                software=self._software,
                outcome=outcome,
                reasons=reasons[:REASONS_MAX],
                consents=consents,
            )
        )


def statement_type(work: AdmitStatement) -> ObjectType:
    """Return what a statement is, as records call it."""
    return "consent" if isinstance(work.statement.value, Consent) else "consent-revocation"


def ends_well(status: str) -> bool:
    """Tell whether an acknowledgement of this status means that the recipient has the message."""
    return status in CONSIGNED
