"""What contradicts the law is refused before anybody is judged by it: every fault with its key and a remedy."""

from typing import Any

import pytest

from gateway.domain.directory import Adherence, Consented, Exit, Suspension
from gateway.domain.errors import ConfigurationError
from gateway.policy.agreements import Law
from gateway.policy.consistency import Fault, faults, refuse_contradictions
from tests.policy.lawful import law_with, text_of
from tests.policy.world import BOUND, PARTIES, adherence, bound_except, directory, law, notified


def found(*entries: Adherence, by: Law | None = None, parties: tuple[str, ...] = PARTIES) -> list[Fault]:
    """Return what is wrong with an edition in which these are bound."""
    lawful = by or law()
    return list(faults(directory(entries, law_digests=lawful.digests, parties=parties).edition, lawful))


def test_federation_of_the_tests_has_no_fault() -> None:
    """What is in order is not spoken of."""
    assert found(*BOUND) == []


def instead(agreement: str, party: str, **changes: Any) -> tuple[Adherence, ...]:
    """Return who is bound, with one status changed."""
    return bound_except(agreement, party, adherence(agreement, party, **changes))


SUSPENDED_LATE = (Suspension("2026-03-01", "2026-02-01", (), ()),)
CONTRADICTIONS: dict[str, tuple[tuple[Adherence, ...], str, str]] = {
    "notified before signed": (
        instead("cis-2018", "AM", notified_on="2018-09-01"),
        "adherences[cis-2018/AM].notified_on",
        "signed on 2018-09-28",
    ),
    "in force before signed": (
        instead("cis-2018", "AM", notified_on=None, in_force_on="2018-01-01"),
        "adherences[cis-2018/AM].in_force_on",
        "signed on 2018-09-28",
    ),
    "in force before notified": (
        instead("cz-kz", "CZ", in_force_on="2019-11-30"),
        "adherences[cz-kz/CZ].in_force_on",
        "notified on 2019-12-01",
    ),
    "in force while pending": (instead("cis-2001", "AM", pending=True), "adherences[cis-2001/AM].pending", "pending"),
    "exit before entry": (
        instead("cz-kz", "CZ", exit=Exit("2019-01-01", None)),
        "adherences[cz-kz/CZ].exit.received_on",
        "bound only from 2020-01-01",
    ),
    "withdrawal too near (C1-23)": (
        instead("cis-2001", "MD", exit=Exit("2025-10-01", "2026-03-31")),
        "adherences[cis-2001/MD].exit.chosen_on",
        "less than 6 months ahead (C1-23)",
    ),
    "withdrawal without a day": (
        instead("cis-2001", "MD", exit=Exit("2025-10-01", None)),
        "adherences[cis-2001/MD].exit.chosen_on",
        "no day is chosen",
    ),
    "a chosen day that counts for nothing": (
        instead("cz-kz", "CZ", exit=Exit("2025-10-01", "2026-12-31")),
        "adherences[cz-kz/CZ].exit.chosen_on",
        "6 months from receipt",
    ),
    "ended before the notice": (
        instead("caricc-2012", "CARICC", exit=Exit("2025-10-01", "2025-09-30")),
        "adherences[caricc-2012/CARICC].exit.chosen_on",
        "notice received on 2025-10-01",
    ),
    "revoked before suspended": (
        instead("cz-kz", "KZ", suspensions=SUSPENDED_LATE),
        "adherences[cz-kz/KZ].suspensions[0].revocation_delivered_on",
        "suspended on 2026-03-01",
    ),
    "suspension where there is none": (
        instead("cis-2001", "MD", suspensions=(Suspension("2026-03-01", None, (), ()),)),
        "adherences[cis-2001/MD].suspensions",
        "knows no suspension",
    ),
    "exit where there is none": (
        (
            *BOUND,
            adherence(
                "internal-kz", "KZ", signed_on=None, notified_on=None, in_force_on=None, exit=Exit("2025-10-01", None)
            ),
        ),
        "adherences[internal-kz/KZ].exit",
        "knows no exit",
    ),
    "a treaty's dates under an operator's instrument": (
        (*BOUND, adherence("internal-kz", "KZ")),
        "adherences[internal-kz/KZ].in_force_on",
        "the operator defined",
    ),
    "a day that does not exist": (
        instead("cz-kz", "CZ", in_force_on="2024-02-30"),
        "adherences[cz-kz/CZ].in_force_on",
        "does not exist",
    ),
    "no party of a closed agreement": (
        (*BOUND, adherence("cz-kz", "KG")),
        "adherences[cz-kz/KG].party",
        "no party of this agreement",
    ),
    "a reservation that nobody knows": (
        (*BOUND, adherence("cis-2001", "UA", reservations=("5e",))),
        "adherences[cis-2001/UA].reservations",
        "`5e`",
    ),
    "consents to a State that signed": (
        instead("cis-2001", "AM", consented=(Consented("MD", "2019-12-30"),)),
        "adherences[cis-2001/AM].consented",
        "none is by consent of all",
    ),
    "a consent of nobody": (
        (*BOUND, notified("cis-2001", "TM", "2021-01-01", signed_on=None, consented=(Consented("CZ", "2021-02-01"),))),
        "adherences[cis-2001/TM].consented",
        "`CZ`",
    ),
    "acceded before the last consent": (
        (*BOUND, adherence("cis-2001", "TM", signed_on=None, consented=(Consented("AM", "2021-02-01"),))),
        "adherences[cis-2001/TM].in_force_on",
        "last consent received on 2021-02-01",
    ),
    "acceded before anything was in force": (
        (*BOUND, notified("cis-2018", "TM", "2019-01-01", signed_on=None)),
        "adherences[cis-2018/TM].notified_on",
        "before three signatories",
    ),
}


@pytest.mark.parametrize("case", sorted(CONTRADICTIONS))
def test_contradiction_is_named_with_key_and_remedy(case: str) -> None:
    """Bad input: dates out of order and what an agreement does not know, each at its key, each with a remedy."""
    entries, key, words = CONTRADICTIONS[case]
    told = found(*entries)

    assert [fault.key for fault in told] == [key]
    assert words in told[0].what
    assert told[0].remedy


def test_party_that_is_bound_by_nothing_is_refused() -> None:
    """Bad input: whoever is listed without any status could never send or receive, and nobody would see why."""
    told = found(*BOUND, parties=(*PARTIES, "FR"))

    assert [fault.key for fault in told] == ["parties[FR]"]


def test_signature_alone_is_a_status() -> None:
    """C1-27: Uzbekistan signed and is bound by nothing yet; that is on record and no mistake."""
    signed = adherence("cis-2001", "FR", notified_on=None, in_force_on=None)

    assert found(*BOUND, signed, parties=(*PARTIES, "FR")) == []


@pytest.mark.parametrize(
    ("day", "right"), [("2007-03-13", True), ("2007-03-14", True), ("2007-03-15", False), ("2006-12-31", False)]
)
def test_period_that_is_not_extended_must_end_there(day: str, right: bool) -> None:
    """C1-22: a last day that ends no period of five years contradicts Art. 16; the 14th itself is disputable."""
    changed = law_with(
        cis_2001=text_of("cis-2001").replace("years = 5\n", f'years = 5\nnot_extended_after = "{day}"\n')
    )
    founders = tuple(notified("cis-2001", party, "2002-03-14", signed_on="2001-06-01") for party in ("AM", "BY", "TJ"))
    told = [fault.key for fault in found(*founders, by=changed)]

    assert told == ([] if right else ["cis-2001: clause.not_extended_after"])


def test_agreement_whose_text_is_another_is_not_judged_here() -> None:
    """Law and edition that do not belong together are refused elsewhere; guesses about them would only mislead."""
    wrong = instead("cis-2001", "MD", exit=Exit("2025-10-01", None))
    digests = {**law().digests, "cis-2001": law().digests["cz-kz"]}

    assert list(faults(directory(wrong, law_digests=digests).edition, law())) == []


def test_refusal_names_file_first_fault_and_how_many_more() -> None:
    """Bad input: file, key and remedy in one line, and that it is not the only one."""
    entries = (*instead("cis-2001", "MD", exit=Exit("2025-10-01", None)), adherence("cz-kz", "KG"))

    with pytest.raises(ConfigurationError) as refused:
        refuse_contradictions(directory(entries).edition, law(), "directory.toml")

    assert refused.value.what.startswith("directory.toml: key `adherences[cis-2001/MD].exit.chosen_on`: ")
    assert refused.value.what.endswith("(and 1 more such faults)")
    assert "2026-04-01 at the earliest" in refused.value.remedy
