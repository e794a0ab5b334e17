"""The timeline of one message, computed from what is recorded and proved; nothing in it is a guess.

A message whose outcome nobody proved is never shown as delivered; one whose outcome is overdue is shown as
owed by the gateway (threats E19, G1).
"""

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url
from gateway.domain.decision import Reason
from gateway.domain.message import Header
from gateway.domain.statement import CONSIGNED
from gateway.endpoint.evidence import Outcome
from gateway.endpoint.outbox import Sent
from gateway.endpoint.proofs import recorded
from gateway.endpoint.words import RecipientState, State, Step, Timeline


def timeline(sent: Sent, outcomes: list[Outcome], at_ms: int, grace_ms: int) -> Timeline:
    """Return all that is known at `at_ms` of something we sent."""
    header = decode(sent.object, Header) if sent.kind == "message" else None
    recipients = tuple(_recipient(name, outcomes) for name in _names(header))
    return Timeline(
        id=sent.id,
        sha256=encode_base64url(sent.object_sha256),
        kind=header.kind if header is not None else sent.kind,
        state=_state(sent, recipients, at_ms, grace_ms),
        agreement=None if header is None else header.agreement,
        recipients=recipients,
        steps=tuple(_steps(sent, outcomes)),
        ledger=sent.origin,
        ledger_index=sent.ledger_index,
        reasons=_reasons(sent),
        declined_code=sent.declined_code,
        declined_detail=sent.declined_detail,
        expires_at_ms=sent.expires_at_ms,
    )


def _names(header: Header | None) -> tuple[str, ...]:
    return () if header is None else tuple(recipient.authority for recipient in header.recipients)


def _recipient(name: str, outcomes: list[Outcome]) -> RecipientState:
    """The last word counts: what was consigned may later be handed over and destroyed."""
    said = [outcome for outcome in outcomes if outcome.recipient == name]
    if not said:
        return RecipientState(name, None, None)
    return RecipientState(name, said[-1].outcome, said[-1].at_ms)


def _state(sent: Sent, recipients: tuple[RecipientState, ...], at_ms: int, grace_ms: int) -> State:
    if sent.declined_code is not None:
        return "declined"
    if sent.receipt is None:
        return "queued" if sent.sent_at_ms is None else "sent"
    if not sent.permitted:
        return "refused"
    good = sum(recipient.outcome in CONSIGNED for recipient in recipients)
    bad = sum(recipient.outcome is not None for recipient in recipients) - good
    if not recipients or good + bad < len(recipients):
        late = recipients and sent.expires_at_ms is not None and at_ms > sent.expires_at_ms + grace_ms
        return "outcome-owed" if late else "accepted"
    if not bad:
        return "delivered"
    return "partly-failed" if good else "failed"


def _steps(sent: Sent, outcomes: list[Outcome]) -> list[Step]:
    steps = [Step(sent.queued_at_ms, "queued")]
    if sent.sent_at_ms is not None:
        steps.append(Step(sent.sent_at_ms, "sent"))
    if sent.declined_at_ms is not None:
        steps.append(Step(sent.declined_at_ms, "declined", detail=sent.declined_code))
    if sent.receipted_at_ms is not None:
        word = "receipted" if sent.permitted else "refused"
        steps.append(Step(sent.receipted_at_ms, word, sent.origin, f"index {sent.ledger_index}"))
    for outcome in outcomes:
        by = outcome.recipient if outcome.kind == "acknowledged" else outcome.origin
        detail = _failure(outcome) if outcome.kind == "failed" else None
        steps.append(Step(outcome.at_ms, outcome.outcome, by, detail))
    return steps


def _failure(outcome: Outcome) -> str:
    reasons = recorded(outcome.body).reasons
    spelled = "; ".join(f"{reason.code} ({reason.article})" for reason in reasons)
    return f"for {outcome.recipient}" + (f": {spelled}" if spelled else "")


def _reasons(sent: Sent) -> tuple[Reason, ...]:
    return () if sent.receipt is None else recorded(sent.receipt).reasons
