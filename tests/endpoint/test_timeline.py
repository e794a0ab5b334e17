"""The timeline says what is proved, and nothing else."""

import pytest
from msgspec.structs import replace

from gateway.crypto.digests import sha256
from gateway.crypto.envelope import decode_envelope
from gateway.domain.session import EvidenceKind
from gateway.endpoint.evidence import Outcome
from gateway.endpoint.outbox import Sent
from gateway.endpoint.timeline import timeline
from gateway.endpoint.words import State
from tests.endpoint.test_exchange import ARTICLE
from tests.endpoint.world import CZ, KZ, World
from tests.federation import ORIGIN

QUEUED, EXPIRES, GRACE = 1_000, 9_000, 500


@pytest.fixture(scope="module")
def queued(still: World) -> Sent:
    """A message to two recipients that is only queued."""
    raw = still.federation.seal(still.federation.draft(CZ), (KZ, CZ), b"", still.directory)
    h = decode_envelope(raw).h
    return Sent(
        sequence=1, kind="message", id="id", object_sha256=sha256(h), object=h, recipients=2, queued_at_ms=QUEUED,
        expires_at_ms=EXPIRES, sent_at_ms=None, origin=None, receipt=None, permitted=None, ledger_index=None,
        receipted_at_ms=None, declined_code=None, declined_detail=None, declined_at_ms=None,
    )  # fmt: skip


def accepted(still: World, sent: Sent) -> Sent:
    """Return it with a receipt."""
    receipt = still.gateway.ledger.append("submission-acceptance", "header", sent.object_sha256)
    return replace(sent, receipt=receipt, permitted=1, ledger_index=4, origin=ORIGIN, receipted_at_ms=2_000)


def heard(recipient: str, outcome: str, at_ms: int = 3_000, kind: EvidenceKind = "acknowledged") -> Outcome:
    """Return one piece of evidence."""
    return Outcome(ORIGIN, at_ms, b"", kind, recipient, outcome, b"", at_ms, at_ms)


def test_states_before_an_answer(queued: Sent) -> None:
    """Queued until it left, sent until there is a receipt; a gateway that cannot recognise it declines."""
    assert timeline(queued, [], QUEUED, GRACE).state == "queued"
    assert timeline(replace(queued, sent_at_ms=1_500), [], QUEUED, GRACE).state == "sent"
    declined = replace(queued, declined_code="format-invalid", declined_detail="x", declined_at_ms=2_000)
    assert timeline(declined, [], QUEUED, GRACE).state == "declined"


def test_refusal_shows_the_recorded_reasons(still: World, queued: Sent) -> None:
    """Reasons come from the record that the receipt proves."""
    receipt = still.gateway.ledger.append("submission-rejection", "header", queued.object_sha256, "refused", (ARTICLE,))
    found = timeline(replace(accepted(still, queued), receipt=receipt, permitted=0), [], QUEUED, GRACE)

    assert (found.state, found.reasons) == ("refused", (ARTICLE,))


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "accepted"),
        ([heard(KZ, "consigned")], "accepted"),
        ([heard(KZ, "consigned"), heard(CZ, "handed-over")], "delivered"),
        ([heard(KZ, "consigned"), heard(CZ, "undecipherable")], "partly-failed"),
        ([heard(KZ, "refused"), heard(CZ, "undecipherable")], "failed"),
        ([heard(KZ, "consigned"), heard(CZ, "consigned"), heard(CZ, "destroyed", 4_000)], "delivered"),
    ],
)
def test_state_follows_from_evidence(still: World, queued: Sent, outcomes: list[Outcome], expected: State) -> None:
    """Delivered means every recipient said so; one silent recipient keeps it open."""
    assert timeline(accepted(still, queued), outcomes, QUEUED, GRACE).state == expected


def test_last_word_of_a_recipient_counts(still: World, queued: Sent) -> None:
    """Consigned, then handed over, then destroyed: each step stays, the last one is the state."""
    words = [heard(KZ, "consigned", 3_000), heard(KZ, "handed-over", 3_500), heard(KZ, "destroyed", 4_000)]
    found = timeline(accepted(still, queued), words, QUEUED, GRACE)

    assert (found.recipients[0].outcome, found.recipients[0].at_ms) == ("destroyed", 4_000)
    assert [step.event for step in found.steps][-3:] == ["consigned", "handed-over", "destroyed"]


def test_failure_shows_why(still: World, queued: Sent) -> None:
    """A failure names the recipient and the reason that the ledger holds."""
    body = still.gateway.ledger.append(
        "content-consignment-failure", "header", queued.object_sha256, "withdrawn", (ARTICLE,)
    )
    failure = replace(heard(KZ, "withdrawn", kind="failed"), body=body)
    found = timeline(accepted(still, queued), [failure], QUEUED, GRACE)

    assert found.steps[-1].detail == f"for {KZ}: {ARTICLE.code} ({ARTICLE.article})"
    assert found.steps[-1].by == ORIGIN


def test_threat_G1_silence_after_expiry_is_owed(still: World, queued: Sent) -> None:
    """After expiry and grace the gateway owes an outcome for whoever was not heard of."""
    one = [heard(KZ, "consigned")]
    assert timeline(accepted(still, queued), one, EXPIRES + GRACE, GRACE).state == "accepted"
    assert timeline(accepted(still, queued), one, EXPIRES + GRACE + 1, GRACE).state == "outcome-owed"
