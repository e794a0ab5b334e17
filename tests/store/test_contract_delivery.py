"""What a store promises for deliveries: owed until they end, ended once, told to the originator."""

import itertools

import msgspec
import pytest

from gateway.crypto.envelope import decode_envelope, prune
from gateway.domain.statement import AcknowledgementEvidence
from gateway.store.interface import BookAttempt, Owed, Work
from tests.store.running import Running
from tests.store.samples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    NOW_MS,
    acknowledge,
    admit,
    admit_statement,
    consent,
    fail,
    message,
    revocation,
)


def attempt(index: int, recipient: str = BRAVO, consents: tuple[bytes, ...] = ()) -> BookAttempt:
    """One more attempt of a delivery."""
    return BookAttempt(index=index, recipient=recipient, at_ms=NOW_MS, token=None, consents=consents)


async def test_owed_messages_come_by_urgency_then_by_index(running: Running) -> None:
    """Flash overtakes; a page goes on behind the last one, over restarts and equal urgencies."""
    urgencies = ["routine", "flash", "urgent", "routine", "flash"]
    await running.commit(*[admit(message(n, urgency=urgency)) for n, urgency in enumerate(urgencies)])
    await running.reopen()
    first = running.store.pending(BRAVO, None, 2)
    rest = running.store.pending(BRAVO, (first[-1].urgency, first[-1].index), 10)

    assert [row.index for row in first + rest] == [1, 4, 2, 0, 3]
    assert running.store.pending(CHARLIE, None, 10) == []


async def test_what_is_owed_is_counted_by_urgency_with_the_age_of_the_oldest(running: Running) -> None:
    """Every recipient counts; what has ended does not; nothing owed is nothing told (S-16)."""
    nothing = running.store.owed()
    sent = [message(n, urgency=urgency) for n, urgency in enumerate(("routine", "flash", "routine"))]
    done = [await running.one(admit(each, at_ms=NOW_MS + n)) for n, each in enumerate(sent)]
    await running.commit(admit(message(9, recipients=(BRAVO, CHARLIE)), at_ms=NOW_MS + 9), acknowledge(sent[0]))
    found = running.store.owed()

    assert nothing == {}
    assert found == {0: Owed(1, done[1].at_ms), 2: Owed(3, done[2].at_ms)}
    assert running.store.queued() == 0


async def test_owed_envelope_is_the_one_that_pruning_gives(running: Running) -> None:
    """A recipient gets its own wrap and nobody else's, byte for byte as from memory, with the admission receipt."""
    sent = message(1, recipients=(BRAVO, CHARLIE, "delta"), body=bytes(9_000), wrap_bytes=1_168)
    done = await running.one(admit(sent))
    row = running.store.pending(CHARLIE, None, 1)[0]

    assert row.envelope == prune(sent.raw, 1)
    assert decode_envelope(row.envelope).c == sent.envelope.c
    assert (row.receipt, row.header, row.header_sha256) == (done.receipt, sent.envelope.h, sent.header_sha256)
    assert (row.index, row.attempts, row.expires_at_ms) == (0, 0, sent.header.expires_at_ms)


async def test_acknowledgement_ends_the_delivery_and_is_told_to_the_originator(running: Running) -> None:
    """E19: one leaf for the batch; every originator gets its own items with paths; the rest is still owed."""
    first, second = message(1, recipients=(BRAVO, CHARLIE)), message(2, originator=CHARLIE)
    await running.commit(admit(first), admit(second))
    work = acknowledge(first, second)
    done = await running.one(work)

    assert (done.ended, done.permitted, running.store.spooled()) == (2, True, 1)
    assert running.verified(done.receipt, work.batch_sha256).record.event == "content-consignment"
    told = running.store.evidence(ALPHA, 0, 10)
    assert [(one.sequence, one.recipient, one.outcome, one.kind) for one in told] == [
        (1, BRAVO, "consigned", "acknowledged")
    ]
    assert msgspec.msgpack.decode(told[0].body, type=AcknowledgementEvidence).i == 0
    assert [one.body for one in told] + [one.body for one in running.store.evidence(CHARLIE, 0, 10)] == [
        item.evidence for item in work.items
    ]
    assert done.evidence == ((ALPHA, told[0]), (CHARLIE, running.store.evidence(CHARLIE, 0, 10)[0]))
    assert running.store.pending_recipients() == [CHARLIE]


async def test_repeated_acknowledgement_has_no_second_effect(running: Running) -> None:
    """P-03: the same batch again gives the same receipt; another one about an ended delivery gets none."""
    sent = message(1)
    work = acknowledge(sent)
    _, first, again = await running.commit(admit(sent), work, work)
    other = await running.one(acknowledge(sent))
    await running.reopen()
    later = await running.one(work)

    assert (first.ended, again.ended, other.ended) == (1, 0, 0)
    assert (again.receipt, again.duplicate) == (later.receipt, later.duplicate) == (first.receipt, True)
    assert (other.receipt, other.index, other.permitted, other.duplicate) == (b"", -1, False, False)
    assert (other.evidence, len(running.store.evidence(ALPHA, 0, 10))) == ((), 1)


async def test_acknowledgement_that_changes_nothing_is_not_recorded(running: Running) -> None:
    """P-02: no entry and no receipt, however often it comes; a delivery that failed is ended, too."""
    sent, failed, refused, unseen = (message(number) for number in range(4))
    await running.commit(admit(sent), admit(failed), admit(refused, "purpose-outside"), acknowledge(sent), fail(1))
    before = running.store.checkpoint()
    works = [
        acknowledge(sent, failed, refused, unseen),
        acknowledge(sent, status="refused"),
        acknowledge(failed, status="destroyed"),
        acknowledge(sent, failed, by=CHARLIE),
    ]
    done = await running.commit(*works, *works)
    apart = [await running.one(work) for work in works]

    assert {(each.receipt, each.index, each.permitted, each.evidence) for each in done + apart} == {
        (b"", -1, False, ())
    }
    assert running.store.checkpoint() == before
    assert len(running.store.evidence(ALPHA, 0, 10)) == 2


async def test_acknowledgement_that_was_not_recorded_counts_when_it_changes_something(running: Running) -> None:
    """Nothing is kept of it that could stand in the way of the same bytes."""
    sent = message(1)
    work = acknowledge(sent)
    early, _, late, again = await running.commit(work, admit(sent), work, work)

    assert (early.receipt, late.ended, late.duplicate) == (b"", 1, False)
    assert (again.receipt, again.duplicate) == (late.receipt, True)
    assert running.verified(late.receipt, work.batch_sha256).record.outcome == "consigned"


async def test_acknowledgement_of_known_and_unknown_is_recorded_whole(running: Running) -> None:
    """One item that ends something makes the batch an entry; the others in it end and tell nothing, then or later."""
    known, ended, unseen = message(1), message(2), message(3)
    await running.commit(admit(known), admit(ended), acknowledge(ended))
    work = acknowledge(unseen, ended, known)
    mixed, again = await running.commit(work, work)
    await running.one(admit(unseen))

    assert (mixed.ended, again.receipt, again.duplicate) == (1, mixed.receipt, True)
    assert running.verified(mixed.receipt, work.batch_sha256).index == 3
    told = running.store.evidence(ALPHA, 0, 10)
    assert [one.header_sha256 for one in told] == [ended.header_sha256, known.header_sha256]
    assert told[1].body == work.items[2].evidence
    assert [row.header_sha256 for row in running.store.pending(BRAVO, None, 10)] == [unseen.header_sha256]


async def test_acknowledgements_that_name_no_own_delivery_are_ignored(running: Running) -> None:
    """Nobody ends another's delivery, nor one of a message that was refused or never seen."""
    sent, refused, unseen = message(1), message(2), message(3)
    await running.commit(admit(sent), admit(refused, "purpose-outside"))
    done = await running.one(acknowledge(sent, refused, unseen, by=CHARLIE))
    in_another_name = msgspec.structs.replace(acknowledge(sent, by=CHARLIE), recipient=BRAVO)
    claimed = await running.one(in_another_name)
    mixed = await running.one(acknowledge(refused, unseen, sent))

    assert (done.ended, claimed.ended, mixed.ended) == (0, 0, 1)
    assert [one.outcome for one in running.store.evidence(ALPHA, 0, 10)] == ["consigned"]


async def test_what_comes_after_consignment_is_told_and_changes_no_outcome(running: Running) -> None:
    """Handed over and destroyed are said of a message that one has, once each; a late refusal is too late."""
    sent = message(1)
    await running.one(admit(sent))
    statuses = ("consigned", "handed-over", "handed-over", "refused", "destroyed", "consigned")
    done = [await running.one(acknowledge(sent, status=status)) for status in statuses]

    assert [each.ended for each in done] == [1, 0, 0, 0, 0, 0]
    # Two words more, and each of them once: that is all that can be recorded of one delivery.
    assert [bool(each.receipt) for each in done] == [True, True, False, False, True, False]
    told = running.store.evidence(ALPHA, 0, 10)
    assert [one.outcome for one in told] == ["consigned", "handed-over", "destroyed"]
    status = running.store.status(ALPHA, sent.header.id)
    assert status is not None
    assert [(one.outcome, one.ended_at_ms) for one in status.deliveries] == [("destroyed", NOW_MS + 5)]


async def test_what_was_said_first_is_not_told_twice(running: Running) -> None:
    """A recipient whose first word was that it handed the message over does not say so a second time."""
    sent = message(1)
    await running.one(admit(sent))
    for _ in range(2):
        await running.one(acknowledge(sent, status="handed-over"))

    assert [one.outcome for one in running.store.evidence(ALPHA, 0, 10)] == ["handed-over"]


async def test_failure_leaves_a_receipt_that_names_recipient_and_reason(running: Running) -> None:
    """The evidence of a failure is a proof under the gateway's key, for the same header."""
    sent = message(1, recipients=(BRAVO, CHARLIE))
    await running.one(admit(sent))
    done = await running.one(fail(0, CHARLIE, "key-compromised"))
    again = await running.one(fail(0, CHARLIE))

    told = running.store.evidence(ALPHA, 0, 10)[0]
    record = running.verified(told.body, sent.header_sha256).record
    assert (record.event, record.outcome) == ("content-consignment-failure", "key-compromised")
    assert (record.reasons[0].code, record.reasons[-1].detail) == ("key-compromised", CHARLIE)
    assert (told.kind, told.recipient, told.body) == ("failed", CHARLIE, done.receipt)
    assert (done.ended, again.ended, again.duplicate, again.receipt) == (1, 0, True, done.receipt)
    assert running.store.pending_recipients() == [BRAVO]


@pytest.mark.parametrize("order", list(itertools.permutations(("consigned", "expired", "refused"))))
async def test_every_delivery_ends_exactly_once(running: Running, order: tuple[str, ...]) -> None:
    """P-10: whichever is recorded first counts, in one batch as in three."""
    sent, other = message(1), message(2)
    await running.commit(admit(sent), admit(other))

    def ending(of: int, outcome: str) -> Work:
        if outcome == "expired":
            return fail(of)
        status = "consigned" if outcome == "consigned" else "refused"
        return acknowledge((sent, other)[of], status=status)

    together = await running.commit(*[ending(0, outcome) for outcome in order])
    apart = [await running.one(ending(1, outcome)) for outcome in order]

    assert [done.ended for done in together] == [1, 0, 0] == [done.ended for done in apart]
    assert [one.outcome for one in running.store.evidence(ALPHA, 0, 10)] == [order[0]] * 2
    assert running.store.spooled() == 0


async def test_attempts_are_counted_until_the_delivery_ends(running: Running) -> None:
    """An attempt is on disk before the peer is called; none is booked for what has ended or never was."""
    await running.commit(admit(message(1)), attempt(0), attempt(0))
    await running.reopen()
    counted = running.store.pending(BRAVO, None, 1)[0].attempts
    _, late, unknown = await running.commit(fail(0), attempt(0), attempt(77))

    assert counted == 2
    assert (late.permitted, unknown.permitted) == (False, False)


async def test_attempt_is_not_booked_under_a_consent_that_was_revoked(running: Running) -> None:
    """wire.md, "Consent": dispatch checks again and books its attempt in one transaction."""
    statement = admit_statement(consent(1, ["A" * 43]))
    digest = statement.statement.sha256
    await running.commit(statement, admit(message(1)))
    done = await running.commit(
        attempt(1, consents=(digest,)), admit_statement(revocation(statement)), attempt(1, consents=(digest,))
    )

    assert [each.permitted for each in done] == [True, True, False]
    assert running.store.pending(BRAVO, None, 1)[0].attempts == 1


async def test_expired_deliveries_are_found_whatever_their_recipient(running: Running) -> None:
    """What must be destroyed by a date is not owed after it, even where it expires later."""
    short, long = message(1, lifetime_ms=1_000), message(2, recipients=(CHARLIE,), lifetime_ms=5_000)
    header = msgspec.structs.replace(long.header, destroy_by_ms=NOW_MS + 2_000)
    destroyed = msgspec.structs.replace(long, header=header)
    await running.commit(admit(short), admit(destroyed), admit(message(3)))

    assert running.store.expired(NOW_MS + 999, 10) == []
    assert [row.index for row in running.store.expired(NOW_MS + 2_000, 10)] == [0, 1]
    assert [row.index for row in running.store.expired(NOW_MS + 2_000, 1)] == [0]


async def test_evidence_goes_on_behind_the_cursor_of_its_originator(running: Running) -> None:
    """Every originator has its own numbers, without gaps, over restarts."""
    sent = [message(n, originator=(ALPHA, CHARLIE)[n % 2]) for n in range(6)]
    await running.commit(*[admit(each) for each in sent])
    await running.commit(acknowledge(*sent[:4]))
    await running.reopen()
    await running.commit(fail(4), fail(5))

    assert [one.sequence for one in running.store.evidence(ALPHA, 0, 10)] == [1, 2, 3]
    assert [(one.sequence, one.outcome) for one in running.store.evidence(CHARLIE, 2, 10)] == [(3, "expired")]
    assert len(running.store.evidence(ALPHA, 0, 2)) == 2


async def test_status_and_receipt_are_for_those_concerned(running: Running) -> None:
    """The timeline is for the originator, the receipt for originator and recipients, nothing for others."""
    sent, refused = message(1, recipients=(BRAVO,)), message(2, recipients=(BRAVO,))
    admitted, rejected = await running.commit(admit(sent), admit(refused, "purpose-outside"))
    status = running.store.status(ALPHA, sent.header.id)
    by_header = running.store.receipt_by_header

    assert status is not None
    assert (status.index, status.permitted, status.receipt) == (0, True, admitted.receipt)
    assert [(one.recipient, one.outcome, one.attempts) for one in status.deliveries] == [(BRAVO, "pending", 0)]
    assert running.store.status(BRAVO, sent.header.id) is None
    assert by_header(ALPHA, sent.header_sha256) == by_header(BRAVO, sent.header_sha256) == admitted.receipt
    assert (by_header(ALPHA, refused.header_sha256), by_header(BRAVO, refused.header_sha256)) == (
        rejected.receipt,
        None,
    )
    assert by_header(CHARLIE, sent.header_sha256) is None
