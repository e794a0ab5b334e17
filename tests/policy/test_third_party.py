"""Third parties and sources: the traps of rules.md 1.7, and threats U3, U4, E27."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.decision import Decision
from gateway.policy.decide import Judge
from tests.policy.told import PERSONAL, Told, allowed, armenian, armenian_of_2001, czech, interpols, passing
from tests.policy.world import (
    AUTHORITIES,
    NOW,
    authority,
    codes,
    consent,
    decide,
    digest,
    facts,
    header,
    judge,
    label,
    rules,
    source,
)

TO_CARICC = allowed("cz-police", "kz-mvd", "cz-kz", "caricc")


@pytest.mark.parametrize("agreement", ["caricc-membership", "interpol-membership", "cis-2018", "internal-kz"])
def test_rules_follow_the_information_whatever_the_onward_message_cites(agreement: str) -> None:
    """Trap 12: the Czech source keeps CZKZ Art. 11(2) under any instrument that the onward message cites."""
    to = {"caricc-membership": "caricc", "interpol-membership": "interpol-gs", "cis-2018": "am-police"}
    if agreement == "internal-kz":
        # Inside Kazakhstan nothing goes to a third State, so the same source passes.
        assert passing(czech(), "kz-police", agreement).decide().permitted
        return
    decision = passing(czech(), to[agreement], agreement).decide()

    assert ("CZ-33", "CZKZ Art. 11(2)") in {(each.rule, each.article) for each in decision.reasons}


@pytest.mark.parametrize("organisation", ["caricc", "interpol-gs"])
@pytest.mark.parametrize("personal", [False, True])
def test_international_organisations_are_third_parties_for_all_information(organisation: str, personal: bool) -> None:
    """Trap 6, CZ-33: INTERPOL and CARICC need consent too, for personal data and for any other information."""
    agreement = "caricc-membership" if organisation == "caricc" else "interpol-membership"
    given = czech(label=label(personal_data=personal))

    assert "CZ-33" in rules(passing(given, organisation, agreement).decide())


def test_provider_uses_the_interpol_database_for_its_own_documents() -> None:
    """Trap 6, CZKZ Art. 6(3): the State whose documents they are may send them; who received them may not."""
    form = {"document.number": True, "document.type": True, "document.status": "stolen"}
    own = source("source", "cz-police", "kz-mvd", "cz-kz", kind="travel-document")
    message = header(
        "cz-police",
        "interpol-gs",
        "interpol-membership",
        kind="travel-document",
        form=form,
        sources=(digest("source"),),
    )
    received = replace(message, originator="kz-mvd")

    assert decide(message, own).permitted
    assert "CZ-33" in rules(decide(received, own))


def test_answer_back_to_the_provider_is_no_transfer() -> None:
    """Whoever provided it may have it back, its State included where the article is keyed to the State."""
    assert passing(czech(), "cz-police", "cz-kz").decide().permitted
    assert passing(czech(), "cz-customs", "cz-kz").decide().permitted
    assert passing(armenian(), "am-police", "cis-2018").decide().permitted


def test_2018_is_keyed_to_the_authority_and_cz_kz_to_the_state() -> None:
    """C8-29 against CZ-33: another Armenian authority is a third party, another Czech one is not."""
    assert rules(passing(armenian(), "am-nss", "cis-2018").decide()) == {"C8-29"}
    assert not passing(czech(), "cz-customs", "cz-kz").decide().reasons


def test_consent_of_another_authority_of_the_state_counts_only_where_the_state_consents() -> None:
    """CZKZ Art. 11(2) asks the Contracting Party, CIS2018 Art. 10 the authority that provided."""
    customs = allowed("cz-customs", "kz-mvd", "cz-kz", "caricc")
    nss = allowed("am-nss", "kz-mvd", "cis-2018", "by-police")

    assert passing(czech(), "caricc", "caricc-membership", customs).decide().permitted
    assert "consent-wrong-provider" in codes(passing(armenian(), "by-police", "cis-2018", nss).decide())


def test_article_10_of_2018_is_text_for_results_and_policy_for_the_rest() -> None:
    """C8-29: results of execution are covered by the text; contents of a request are strict by our policy only."""
    result, request = (passing(armenian(kind=kind), "by-police", "cis-2018").decide() for kind in ("reply", "request"))

    assert [each.basis for each in result.reasons] == ["text"]
    assert [each.basis for each in request.reasons] == ["policy"]


@pytest.mark.parametrize("given", [czech(), armenian(kind="request")], ids=["cz-kz", "cis-2018"])
def test_referral_inside_a_state_is_no_transfer_and_forwarding_abroad_is(given: Any) -> None:
    """Trap 9: a referral crosses an authority's boundary, not the party's; to another State it needs consent."""
    home = passing(given, "kz-police", "internal-kz", kind="referral", label=label())
    abroad = passing(given, "caricc", "caricc-membership", kind="referral")

    assert home.decide().permitted
    assert "consent-missing" in codes(abroad.decide())


@pytest.mark.parametrize("given", [armenian(), armenian(kind="spontaneous")], ids=["results", "spontaneous"])
def test_only_a_request_is_referred(given: Any) -> None:
    """C8-29, trap 9: results and spontaneous information called a referral are handed on all the same."""
    assert rules(passing(given, "kz-police", "internal-kz", kind="referral").decide()) == {"C8-29"}
    assert rules(
        passing(
            armenian_of_2001(kind=given.kind, recipients=("kz-mvd",)), "kz-police", "internal-kz", kind="referral"
        ).decide()
    ) == {"C1-18"}


def test_no_party_of_a_bilateral_agreement_is_a_third_party_to_what_was_given_under_it() -> None:
    """CZ-33: `third States` are others than the two: CARICC, allowed to have it, gives it to either of them."""
    given = czech(recipients=("kz-mvd", "caricc"))

    assert passing(given, "kz-police", "caricc-membership", by="caricc").decide().permitted
    assert rules(passing(given, "kg-police", "caricc-membership", by="caricc").decide()) == {"CZ-33"}


def test_handing_on_at_home_without_referral_is_strict_under_2018() -> None:
    """C8-29: `third party` is not defined in the text, so another authority at home gets it by referral or consent."""
    assert rules(passing(armenian(), "kz-police", "internal-kz").decide()) == {"C8-29"}
    assert passing(czech(), "kz-police", "internal-kz").decide().permitted


def test_chain_keeps_its_first_provider() -> None:
    """CZ-33: what Kazakhstan sends on to CARICC is still Czech when CARICC sends it on."""
    first = source("first", "cz-police", "kz-mvd", "cz-kz")
    second = source("second", "kz-mvd", "caricc", "caricc-membership", sources=(digest("first"),))
    message = header("caricc", "kg-police", "caricc-membership", sources=(digest("second"),))
    kazakh = consent(
        "k", "kz-mvd", "caricc", "caricc-membership", sources=(digest("second"),), recipients=("kg-police",)
    )
    czech_ = consent("c", "cz-police", "caricc", "cz-kz", sources=(digest("first"),), recipients=("kg-police",))
    cited = replace(message, consents=(digest("k"),))
    both = replace(message, consents=(digest("k"), digest("c")))

    assert rules(decide(message, first, second)) == {"CZ-33", "1.7-12"}
    assert "CZ-33" in rules(decide(cited, first, second, kazakh))
    assert decide(both, first, second, kazakh, czech_).permitted


def test_chain_with_a_gap_is_refused() -> None:
    """A source of a source that the store does not know could hide its provider."""
    second = source("second", "kz-mvd", "caricc", "caricc-membership", sources=(digest("first"),))

    assert "source-unavailable" in codes(
        decide(header("caricc", "kz-mvd", "caricc-membership", sources=(digest("second"),)), second)
    )


def test_label_can_be_stricter_than_the_agreement_and_never_laxer() -> None:
    """Design 5.4: `permitted` opens nothing that CZKZ Art. 11(2) closes; `prohibited` closes what a consent opens."""
    lax = passing(czech(label=label(third_party="permitted")), "caricc", "caricc-membership")
    strict = passing(
        czech(label=label(third_party="prohibited")),
        "caricc",
        "caricc-membership",
        replace(TO_CARICC, recorded_at_ms=NOW - 2 * 86_400_000),
    )

    assert rules(lax.decide()) == {"CZ-33"}
    assert codes(strict.decide()) == {"third-party-prohibited"}


def test_providers_later_specific_consent_overrides_its_own_label() -> None:
    """Design 5.4: the same provider, later, naming source and recipient."""
    given = czech(label=label(third_party="prohibited"))

    assert passing(given, "caricc", "caricc-membership", TO_CARICC).decide().permitted


def test_information_of_interpol_stays_under_its_agreement_even_with_consent() -> None:
    """CA-07: exclusively for the purposes of the Agreement; the text writes no exception by consent."""
    given = allowed("interpol-gs", "caricc", "caricc-2012", "kz-mvd")

    assert rules(passing(interpols(), "kz-mvd", "caricc-membership", given, by="caricc").decide()) == {"CA-07"}


def test_purpose_limits_of_cz_kz_concern_personal_data() -> None:
    """Trap 16: the text limits personal data; for the rest the same demand is named as ours and asks no attestation."""
    other: dict[str, Any] = {"purposes": ("border-control",)}
    given = allowed("cz-police", "kz-mvd", "cz-kz", purposes=("border-control",))
    personal = passing(czech(label=PERSONAL), "kz-police", "internal-kz", given, **other).decide()
    impersonal = passing(czech(), "kz-police", "internal-kz", **other).decide()

    assert [(each.code, each.basis) for each in personal.reasons] == [("attestation-missing", "text")]
    assert [(each.rule, each.basis) for each in impersonal.reasons] == [("1.7-16", "policy")]
    assert passing(czech(), "kz-police", "internal-kz", given, **other).decide().permitted


def test_threat_u1_another_purpose_is_refused_whichever_way_it_is_tried() -> None:
    """U1: outside the instrument, outside a mandate, outside what the source was given for: each refuses."""
    narrow = (
        *AUTHORITIES,
        authority("kz-police", "KZ", mandate=replace(AUTHORITIES[0].mandate, purposes=("detection",))),
    )
    mandated = Told(
        header("kz-mvd", "kz-police", "internal-kz", purposes=("prevention",)), world={"authorities": narrow}
    )

    assert codes(decide(header("cz-police", "kz-mvd", "cz-kz", purposes=("investigation",)))) == {
        "purpose-outside-agreement"
    }
    assert codes(mandated.decide()) == {"purpose-outside-mandate"}
    assert "purpose-outside-source" in codes(
        passing(armenian_of_2001(), "am-police", "cis-2001", by="md-police", purposes=("suppression",)).decide()
    )


def _dispatch(told: Told, at_ms: int = NOW, by: Judge | None = None) -> Decision:
    recipient = told.header.recipients[0].authority
    return (by or judge()).decide_dispatch(told.header, facts(*told.known), recipient, at_ms)


def test_threat_u3_onward_transfer_needs_consent_at_admission_and_again_at_dispatch() -> None:
    """U3: without consent refused; with it admitted; revoked while queued, not dispatched, with the article."""
    admitted = passing(czech(), "caricc", "caricc-membership", TO_CARICC)
    revoked = passing(czech(), "caricc", "caricc-membership", replace(TO_CARICC, revoked_at_ms=NOW))

    assert not passing(czech(), "caricc", "caricc-membership").decide().permitted
    assert admitted.decide().permitted
    assert _dispatch(admitted).permitted
    assert codes(_dispatch(revoked)) == {"consent-revoked", "consent-missing"}
    assert "CZKZ Art. 11(2)" in {each.article for each in _dispatch(revoked).reasons}


def test_threat_u4_consent_is_good_for_its_window_and_its_uses() -> None:
    """U4: expired or used up is refused at admission; at dispatch the use is booked already and only time counts."""
    once = replace(TO_CARICC, consent=replace(TO_CARICC.consent, uses_max=1))
    used = passing(czech(), "caricc", "caricc-membership", replace(once, uses=1))

    assert passing(czech(), "caricc", "caricc-membership", once).decide().permitted
    assert codes(used.decide()) == {"consent-used-up", "consent-missing"}
    assert _dispatch(used).permitted
    assert codes(_dispatch(used, once.consent.not_after_ms)) == {"consent-expired", "consent-missing"}


@given(st.integers(-5, 5), st.integers(1, 10), st.integers(-20, 20))
def test_threat_u4_consent_stands_exactly_in_its_window(start: int, length: int, step: int) -> None:
    """U4, clock steps: whatever the clock does, it stands from not_before on and no longer at not_after."""
    window = replace(TO_CARICC.consent, not_before_ms=NOW + start, not_after_ms=NOW + start + length)
    told = passing(czech(), "caricc", "caricc-membership", replace(TO_CARICC, consent=window))

    assert decide(told.header, *told.known, at_ms=NOW + step).permitted == (start <= step < start + length)


def test_revocation_counts_although_a_clock_says_it_lies_ahead() -> None:
    """wire.md: a revocation works from its ledger entry on; recorded time may be ahead of the judge's."""
    ahead = replace(TO_CARICC, revoked_at_ms=NOW + 10_000)

    assert "consent-revoked" in codes(passing(czech(), "caricc", "caricc-membership", ahead).decide())


def _unavailable(known: Any) -> list[Decision]:
    """Decisions on a message that cites a source, a reply and a consent that are not its originator's to cite."""
    asking = header("md-police", "am-police", "cis-2001")
    return [
        decide(replace(asking, sources=(digest("source"),)), *known),
        decide(replace(asking, in_reply_to=digest("source")), *known),
        decide(replace(asking, consents=(digest("consent"),)), *known),
    ]


def test_threat_e27_unknown_foreign_and_withdrawn_are_one_and_the_same() -> None:
    """E27: a decision does not tell whether somebody else's message or consent exists, whatever it is like."""
    secret = czech(label=label(level="top-secret", third_party="prohibited", personal_data=True), conditions=("x",))
    withdrawn = replace(secret, recipients=("md-police",), withdrawn=True)

    assert (
        _unavailable((secret, TO_CARICC)) == _unavailable(()) == _unavailable((withdrawn, replace(TO_CARICC, uses=9)))
    )


def test_each_failing_consent_explains_itself_in_one_reason() -> None:
    """All reasons at once: two consents, two reasons, beside the article that asks for one."""
    wrong = replace(TO_CARICC, consent_sha256=digest("wrong"), consent=replace(TO_CARICC.consent, recipients=()))
    late = replace(TO_CARICC, consent_sha256=digest("late"), consent=replace(TO_CARICC.consent, not_after_ms=NOW))
    decision = passing(czech(), "caricc", "caricc-membership", wrong, late).decide()

    assert [(each.code, each.detail) for each in decision.reasons] == [
        ("consent-missing", "caricc"),
        ("consent-expired", digest("late")),
        ("consent-wrong-recipient", digest("wrong")),
    ]


def test_provider_that_left_the_directory_still_protects_its_information() -> None:
    """An authority no longer listed has no party any more: nobody is taken to be of it."""
    gone = tuple(each for each in AUTHORITIES if each.id != "kz-mvd")
    told = passing(
        source("source", "kz-mvd", "caricc", "caricc-membership"), "kz-police", "caricc-membership", by="caricc"
    )

    assert told.decide().permitted
    assert rules(told._replace(world={"authorities": gone}).decide()) == {"1.7-12"}


def test_threat_u5_only_the_provider_marks_its_information_lower() -> None:
    """U5: what is built on a confidential source is confidential, one link further too; its provider may lower it."""
    given = czech(label=label(level="confidential"))
    carrier = source("carrier", "kz-police", "kz-mvd", "internal-kz", sources=(given.header_sha256,))
    onward = header("kz-mvd", "cz-police", "cz-kz", sources=(carrier.header_sha256,))
    own = header("cz-police", "kz-mvd", "cz-kz", sources=(given.header_sha256,))

    assert codes(passing(given, "cz-police", "cz-kz").decide()) == {"label-lowered"}
    assert codes(decide(onward, given, carrier)) == {"label-lowered"}
    assert passing(given, "cz-police", "cz-kz", label=label(level="confidential")).decide().permitted
    assert decide(own, given).permitted
