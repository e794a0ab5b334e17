"""What a store promises for submissions: one identity, one decision, one receipt."""

import msgspec
import pytest

from gateway.crypto.digests import encode_base64url
from gateway.domain.message import AuthenticMessage
from gateway.store.interface import ConsentUse
from tests.store.running import Running
from tests.store.samples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    NOW_MS,
    admit,
    admit_statement,
    consent,
    edition,
    message,
    revocation,
)


def text(digest: bytes) -> str:
    """A digest as JSON carries it."""
    return encode_base64url(digest)


async def test_receipt_of_an_accepted_message_verifies_with_the_public_key_alone(running: Running) -> None:
    """P-02: what is handed out is proved by the ledger, for exactly this header, with time and outcome."""
    sent = message(1)
    done = await running.one(admit(sent))

    receipt = running.verified(done.receipt, sent.header_sha256)
    assert (receipt.record.event, receipt.record.outcome) == ("submission-acceptance", "permitted")
    assert (receipt.index, receipt.record.at_ms, done.permitted, done.duplicate) == (done.index, NOW_MS, True, False)
    assert running.store.checkpoint() == receipt.checkpoint


async def test_refusal_is_recorded_with_every_reason_and_nothing_is_spooled(running: Running) -> None:
    """A refusal is a value: recorded, receipted, and nobody is owed anything by it."""
    sent = message(1)
    done = await running.one(admit(sent, "purpose-outside", "label-too-high"))

    record = running.verified(done.receipt, sent.header_sha256).record
    assert [reason.code for reason in record.reasons] == ["purpose-outside", "label-too-high"]
    assert (record.event, done.permitted) == ("submission-rejection", False)
    assert running.store.spooled() == 0
    assert running.store.pending(BRAVO, None, 10) == []


async def test_threat_E1_replay_gets_the_first_receipt_and_has_no_second_effect(running: Running) -> None:
    """E1, P-03: byte-identical receipt in the same batch, later, and after a restart; one effect in all."""
    sent = message(1)
    first, again = await running.commit(admit(sent), admit(sent, at_ms=NOW_MS + 9))
    await running.commit(*[admit(message(number)) for number in range(2, 300)])
    later = await running.one(admit(sent, "now-refused"))
    await running.reopen()
    restarted = await running.one(admit(sent))

    assert [done.duplicate for done in (first, again, later, restarted)] == [False, True, True, True]
    assert {done.receipt for done in (first, again, later, restarted)} == {first.receipt}
    assert {(done.index, done.permitted, done.at_ms) for done in (first, again, later, restarted)} == {
        (0, True, NOW_MS)
    }
    assert running.store.spooled() == 299
    assert running.store.checkpoint().size == 299


async def test_refusal_is_final_for_its_id(running: Running) -> None:
    """A refused id stays refused, with the same receipt, whatever policy would say now."""
    sent = message(1)
    refused = await running.one(admit(sent, "purpose-outside"))
    again = await running.one(admit(sent))

    assert (again.receipt, again.permitted, again.duplicate) == (refused.receipt, False, True)
    assert running.store.spooled() == 0


async def test_threat_E14_same_id_with_another_body_is_refused_and_recorded(running: Running) -> None:
    """E14, P-03: other bytes under a taken id are recorded as reused, in one batch too; the first stays."""
    first, other, third = message(1), message(1, body=b"another"), message(1, body=b"a third")
    admitted, reused, reused_too = await running.commit(admit(first), admit(other), admit(third))
    again = await running.one(admit(other))

    assert (admitted.permitted, reused.permitted, reused_too.permitted) == (True, False, False)
    record = running.verified(reused.receipt, other.header_sha256).record
    assert [reason.code for reason in record.reasons] == ["id-reused"]
    assert (again.receipt, again.duplicate) == (reused.receipt, True)
    assert (await running.one(admit(first))).receipt == admitted.receipt
    assert running.store.spooled() == 1


async def test_early_copy_shown_by_another_authority_never_takes_the_id(running: Running) -> None:
    """wire.md step 8: a foreign copy is recorded against whoever showed it; the originator is served as ever."""
    sent = message(1)
    foreign = await running.one(admit(sent, "peer-not-originator", against=CHARLIE))
    own = await running.one(admit(sent))
    foreign_again = await running.one(admit(sent, "peer-not-originator", against=CHARLIE))
    other_peer = await running.one(admit(sent, "peer-not-originator", against=BRAVO))

    assert (foreign.permitted, own.permitted, own.duplicate) == (False, True, False)
    assert (foreign_again.receipt, foreign_again.duplicate) == (foreign.receipt, True)
    assert (other_peer.duplicate, other_peer.index) == (False, 2)
    assert running.store.receipt_by_header(CHARLIE, sent.header_sha256) == foreign.receipt


async def test_ids_that_do_not_rise_are_told_apart_all_the_same(running: Running) -> None:
    """S-12: rising ids are only a shortcut; a lower id that is new is admitted, a lower one that is known is not."""
    high, low, lowest = message(900), message(5), message(1)
    await running.commit(admit(high), admit(low))
    await running.reopen()
    done = await running.commit(admit(lowest), admit(low), admit(high), admit(message(5, body=b"another")))

    assert [(each.permitted, each.duplicate) for each in done] == [
        (True, False),
        (True, True),
        (True, True),
        (False, False),
    ]


async def test_recorded_time_never_goes_back(running: Running) -> None:
    """wire.md, "Ledger": a clock that went back, even over a restart, does not take the record with it."""
    await running.one(admit(message(1), at_ms=NOW_MS + 500))
    await running.reopen()
    done = await running.one(admit(message(2), at_ms=NOW_MS))

    assert done.at_ms == NOW_MS + 500
    assert running.verified(done.receipt).record.at_ms == NOW_MS + 500


async def test_mistakes_of_the_caller_never_reach_the_disk(running: Running) -> None:
    """A permission for a foreign peer, or consents without an alternative, are refused before they are queued."""
    sent = admit(message(1))
    wrong = (
        admit(message(1), against=CHARLIE),
        msgspec.structs.replace(sent, reused=sent.decision),
        msgspec.structs.replace(sent, consents=(ConsentUse(b"c" * 32, 1),)),
        admit_statement(consent(1, [text(b"s" * 32)]), against=CHARLIE),
    )

    for work in wrong:
        with pytest.raises(ValueError):
            running.store.put(work)
    assert running.store.checkpoint().size == 0


class TestConsents:
    """A consent is a statement on record; uses are booked with the message that makes them."""

    async def given(self, running: Running, uses_max: int | None) -> tuple[AuthenticMessage, ConsentUse]:
        source = message(1, recipients=(BRAVO,))
        statement = admit_statement(consent(2, [text(source.header_sha256)], uses_max=uses_max))
        await running.commit(admit(source), statement)
        return source, ConsentUse(statement.statement.sha256, uses_max)

    async def test_use_is_booked_once_an_identity_and_the_consent_is_used_up(self, running: Running) -> None:
        """wire.md, "Consent": a use counts once per (originator, id); beyond `uses_max` `otherwise` is recorded."""
        source, use = await self.given(running, uses_max=2)
        onward = [message(10 + n, originator=BRAVO, recipients=(CHARLIE,)) for n in range(3)]
        done = await running.commit(*[admit(each, consents=[use]) for each in (onward[0], *onward)])

        assert [(each.permitted, each.duplicate) for each in done] == [
            (True, False),
            (True, True),
            (True, False),
            (False, False),
        ]
        record = running.verified(done[0].receipt).record
        assert record.consents == (text(use.consent_sha256),)
        refused = running.verified(done[3].receipt).record
        assert ([reason.code for reason in refused.reasons], refused.consents) == (["consent-withdrawn"], ())
        fact = running.store.facts([], [text(use.consent_sha256)]).consents[text(use.consent_sha256)]
        assert (fact.uses, fact.revoked_at_ms, fact.consent.sources) == (2, None, (text(source.header_sha256),))

    async def test_revocation_works_from_its_ledger_entry_on(self, running: Running) -> None:
        """A revocation in the same batch stops what comes after it, and nothing that came before."""
        source, use = await self.given(running, uses_max=None)
        statement = admit_statement(consent(2, [text(source.header_sha256)]))
        before, after = (message(n, originator=BRAVO, recipients=(CHARLIE,)) for n in (20, 21))
        done = await running.commit(
            admit(before, consents=[use]), admit_statement(revocation(statement)), admit(after, consents=[use])
        )

        assert [each.permitted for each in done] == [True, True, False]
        fact = running.store.facts([], [text(use.consent_sha256)]).consents[text(use.consent_sha256)]
        assert (fact.uses, fact.revoked_at_ms) == (1, done[1].at_ms)

    async def test_revocation_by_another_provider_changes_nothing(self, running: Running) -> None:
        """Only the provider of a consent takes it back, even if somebody else was quicker."""
        source, use = await self.given(running, uses_max=None)
        statement = admit_statement(consent(2, [text(source.header_sha256)]))
        await running.one(admit_statement(revocation(statement, provider=CHARLIE)))
        done = await running.one(admit(message(30, originator=BRAVO, recipients=(CHARLIE,)), consents=[use]))
        await running.one(admit_statement(revocation(statement)))
        late = await running.one(admit(message(31, originator=BRAVO, recipients=(CHARLIE,)), consents=[use]))

        assert (done.permitted, late.permitted) == (True, False)

    async def test_revocation_before_its_consent_still_counts(self, running: Running) -> None:
        """Order of arrival cannot bring a revoked consent to life."""
        statement = admit_statement(consent(2, [text(b"s" * 32)]))
        await running.commit(admit_statement(revocation(statement)), statement)
        digest = text(statement.statement.sha256)

        assert running.store.facts([], [digest]).consents[digest].revoked_at_ms is not None

    async def test_of_two_consents_both_are_booked_or_none(self, running: Running) -> None:
        """A message that rests on two consents uses neither when one of them fails."""
        _, use = await self.given(running, uses_max=None)
        unknown = ConsentUse(b"u" * 32, None)
        done = await running.one(admit(message(40, originator=BRAVO), consents=[use, unknown]))

        assert not done.permitted
        assert running.store.facts([], [text(use.consent_sha256)]).consents[text(use.consent_sha256)].uses == 0

    async def test_refused_consent_is_recorded_and_grants_nothing(self, running: Running) -> None:
        """A statement that policy refused has a receipt and no effect; repeated, it gets the same receipt."""
        statement = admit_statement(consent(2, [text(b"s" * 32)]), "not-the-provider")
        first, again = await running.commit(statement, statement)

        assert (first.permitted, again.receipt, again.duplicate) == (False, first.receipt, True)
        assert running.store.facts([], [text(statement.statement.sha256)]).consents == {}

    async def test_statement_shown_by_another_authority_is_recorded_against_it(self, running: Running) -> None:
        """Identity of a statement is (authority, digest); a foreign copy does not occupy it."""
        value = consent(2, [text(b"s" * 32)])
        foreign = await running.one(admit_statement(value, "peer-not-originator", against=CHARLIE))
        own = await running.one(admit_statement(value))

        assert (foreign.permitted, own.permitted, own.duplicate) == (False, True, False)


async def test_edition_is_recorded_once_until_another_comes_into_use(running: Running) -> None:
    """Starting again under the same edition adds no leaf; going on to another does."""
    first, again, second, back = [await running.one(work) for work in (edition(1), edition(1), edition(2), edition(1))]

    assert [(done.index, done.duplicate) for done in (first, again, second, back)] == [
        (0, False),
        (0, True),
        (1, False),
        (2, False),
    ]
    assert running.verified(second.receipt).record.event == "directory-edition"


async def test_c8_24_acceptance_of_conditions_is_known_of_the_source(running: Running) -> None:
    """C8-24, C1-14: whoever's acceptance of a source was itself accepted is bound by its conditions, nobody else is."""
    source, refused = message(1, recipients=(BRAVO, CHARLIE)), message(2)
    digest = text(source.header_sha256)
    await running.commit(admit(source), admit(refused))
    await running.commit(
        admit(message(3, originator=BRAVO, recipients=(ALPHA,), kind="acceptance", in_reply_to=digest)),
        admit(message(4, originator=CHARLIE, recipients=(ALPHA,), kind="acceptance", sources=[digest]), "refused"),
        admit(message(5, originator=CHARLIE, recipients=(ALPHA,), in_reply_to=digest)),
    )
    await running.reopen()

    assert running.store.facts([digest], []).sources[digest].accepted == (BRAVO,)


async def test_cz_27_source_that_its_provider_recalled_is_withdrawn(running: Running) -> None:
    """CZ-27: a provider's recall withdraws what it names, and nobody else's does."""
    recalled, kept = message(1), message(2)
    digests = [text(each.header_sha256) for each in (recalled, kept)]
    await running.commit(admit(recalled), admit(kept))
    await running.commit(
        admit(message(3, kind="recall", sources=digests[:1])),
        admit(message(4, originator=BRAVO, recipients=(ALPHA,), kind="recall", sources=digests)),
    )
    facts = running.store.facts(digests, [])

    assert [facts.sources[digest].withdrawn for digest in digests] == [True, False]


async def test_facts_follow_sources_of_sources_and_know_only_what_was_accepted(running: Running) -> None:
    """A chain keeps its first provider; unknown and refused messages are absent alike."""
    root = message(1)
    middle = message(2, originator=BRAVO, recipients=(CHARLIE,), sources=[text(root.header_sha256)])
    leaf = message(3, originator=CHARLIE, recipients=(ALPHA,), sources=[text(middle.header_sha256)])
    refused = message(4)
    await running.commit(admit(root), admit(middle), admit(leaf), admit(refused, "purpose-outside"))
    facts = running.store.facts([text(leaf.header_sha256), text(refused.header_sha256), text(b"u" * 32)], [])

    assert {digest: fact.originator for digest, fact in facts.sources.items()} == {
        text(root.header_sha256): ALPHA,
        text(middle.header_sha256): BRAVO,
        text(leaf.header_sha256): CHARLIE,
    }
    assert facts.sources[text(root.header_sha256)].recipients == (BRAVO,)
    assert facts.sources[text(root.header_sha256)].admitted_at_ms == NOW_MS
