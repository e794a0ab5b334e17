"""From when to when one party is bound: every form of entry and exit, the file's own counting, and each edge once."""

import pytest

from gateway.domain.directory import Adherence, Consented, Exit, Suspension
from gateway.policy.terms import Entered, entered_on
from tests.policy.lawful import ground_of, headed, law_with, text_of
from tests.policy.world import adherence, at, law, notified

CIS_2001 = law().agreements["cis-2001"]
FOUNDERS = (
    notified("cis-2001", "BY", "2001-09-18", signed_on="2001-06-01"),
    notified("cis-2001", "TJ", "2002-02-20", signed_on="2001-06-01"),
    notified("cis-2001", "AM", "2002-03-14", signed_on="2001-06-01"),
)


def entered(*entries: Adherence, party: str, agreement: str = "cis-2001") -> Entered:
    """Return since when and why a party is bound, if these are all whose status is known."""
    return entered_on(law().agreements[agreement], party, {entry.party: entry for entry in entries})


def acceding(*consents: tuple[str, str], deposited_on: str = "2010-01-01", party: str = "TM") -> Adherence:
    """Return a State that did not sign and deposited, with the consents received so far."""
    given = tuple(Consented(name, day) for name, day in consents)
    return notified("cis-2001", party, deposited_on, signed_on=None, consented=given)


def test_accession_is_in_force_on_receipt_of_the_last_consent() -> None:
    """C1-24, CIS2001 Art. 17: the consent of everybody bound by then, and the last of them counts."""
    state = acceding(("AM", "2010-05-01"), ("BY", "2010-03-01"), ("TJ", "2010-04-01"))
    found = entered(*FOUNDERS, state, party="TM")

    assert (found.day and found.day.isoformat()) == "2010-05-01"
    assert "last of 3 consents" in found.by


def test_accession_without_one_consent_binds_nobody() -> None:
    """C1-24: unanimity is checked, and the party whose consent is missing is named."""
    found = entered(*FOUNDERS, acceding(("AM", "2010-05-01"), ("BY", "2010-03-01")), party="TM")

    assert found.day is None
    assert "the consent of TJ is missing" in found.by


def test_who_was_not_bound_by_then_need_not_consent_and_who_was_must() -> None:
    """C1-24: a later party and one that has left are not asked; one that joined before the last consent is."""
    consents = (("AM", "2010-05-01"), ("BY", "2010-03-01"), ("TJ", "2010-04-01"))
    later = notified("cis-2001", "KZ", "2010-06-01", signed_on="2001-06-01")
    joined = notified("cis-2001", "KZ", "2010-04-20", signed_on="2001-06-01")
    left = notified("cis-2001", "KZ", "2002-09-18", signed_on="2001-06-01", exit=Exit("2008-01-01", "2009-01-01"))

    assert entered(*FOUNDERS, acceding(*consents), later, party="TM").day is not None
    assert entered(*FOUNDERS, acceding(*consents), left, party="TM").day is not None
    assert entered(*FOUNDERS, acceding(*consents), joined, party="TM").day is None


def test_state_that_acceded_before_must_consent_to_the_next_accession() -> None:
    """C1-24: accessions are taken in order of time, so that two never wait for each other."""
    founders = ("AM", "BY", "TJ")
    first = acceding(*((name, "2010-05-01") for name in founders))
    second = acceding(*((name, "2011-05-01") for name in founders), party="GE")
    both = acceding(*((name, "2011-05-01") for name in (*founders, "TM")), party="GE")
    same_day = acceding(*((name, "2010-05-01") for name in founders), party="GE")

    assert "the consent of TM is missing" in entered(*FOUNDERS, first, second, party="GE").by
    assert entered(*FOUNDERS, first, both, party="GE").day is not None
    assert entered(*FOUNDERS, first, same_day, party="GE").day is not None


def test_accession_needs_an_instrument_in_force_and_a_deposit() -> None:
    """C1-24: nobody to consent is no unanimity; consents before the deposit wait for it."""
    alone = entered(acceding(("AM", "2010-05-01")), party="TM")
    late = entered(
        *FOUNDERS, acceding(*((n, "2010-05-01") for n in ("AM", "BY", "TJ")), deposited_on="2012-01-01"), party="TM"
    )

    assert alone.day is None
    assert "nobody was bound" in alone.by
    assert (late.day and late.day.isoformat()) == "2012-01-01"


def test_who_did_not_sign_is_none_of_the_three() -> None:
    """C8-35, C1-21: the third notification of the signatories; an accession brings nothing into force."""
    two = FOUNDERS[:2]
    third = notified("cis-2001", "AM", "2002-03-14", signed_on=None)

    assert entered(*two, third, party="BY").day is None
    assert entered(*FOUNDERS, party="BY").day is not None


def test_every_form_of_entry_says_how_it_was_counted() -> None:
    """CZ-42, C8-35, C1-21, CA-21: the arithmetic stands beside the day, and what is missing where there is none."""
    thirds = [notified("cis-2018", party, f"2020-01-0{day}") for day, party in enumerate(("AM", "BY", "KZ"), 1)]
    pair = (notified("cz-kz", "CZ", "2024-01-15"), notified("cz-kz", "KZ", "2024-03-10"))
    told = {
        "own": entered(*thirds, notified("cis-2018", "UZ", "2020-06-01"), party="UZ", agreement="cis-2018").by,
        "third": entered(*thirds, party="AM", agreement="cis-2018").by,
        "month": entered(*pair, party="CZ", agreement="cz-kz").by,
        "one of two": entered(pair[0], party="CZ", agreement="cz-kz").by,
        "deposit": entered(*FOUNDERS, party="BY").by,
        "two of three": entered(*FOUNDERS[:2], party="BY").by,
        "stated": entered(adherence("cz-kz", "CZ"), party="CZ", agreement="cz-kz").by,
        "signed": entered(notified("cis-2001", "UZ", None, signed_on="2001-06-01"), party="UZ").by,
        "undated": entered(notified("caricc-2012", "CARICC", "2012-06-01"), party="CARICC", agreement="caricc-2012").by,
        "nothing": entered(party="UZ").by,
    }

    assert told == {
        "own": "30 days after its own notification, 2020-06-01",
        "third": "30 days after the third notification, 2020-01-03",
        "month": "first day of the second month after the last notification, 2024-03-10",
        "one of two": "KZ has not notified",
        "deposit": "day of the third notification, 2002-03-14",
        "two of three": "notified on 2001-09-18; fewer than three signatories have notified",
        "stated": "as stated in the directory",
        "signed": "signed on 2001-06-01, not notified",
        "undated": "notified on 2012-06-01; the text gives no day, and none is stated",
        "nothing": "no status is recorded",
    }


def test_agreement_that_is_not_extended_ends_with_its_period() -> None:
    """C1-22, CIS2001 Art. 16: extended by itself, unless the Parties agree which period is the last."""
    last = text_of("cis-2001").replace("years = 5\n", 'years = 5\nnot_extended_after = "2027-03-13"\n')
    extended, ended = (ground_of(each, FOUNDERS) for each in (law(), law_with(cis_2001=last)))
    bonds = [ground.bond(ground.agreements["cis-2001"], "AM", "BY") for ground in (extended, ended)]

    assert [bond.clear(at("2027-03-13", 23)) is not None for bond in bonds] == [True, True]
    assert [bond.clear(at("2027-03-14", 0)) is not None for bond in bonds] == [True, False]


def test_day_begins_where_the_file_says() -> None:
    """1.7-14, ADR 0004: with `utc_offset_minutes` the day of entry, exit and suspension begins in that zone."""
    pair = (adherence("cz-kz", "CZ"), adherence("cz-kz", "KZ", exit=Exit("2025-01-01", None)))
    astana = law_with(cz_kz=headed("cz-kz", "counting = { utc_offset_minutes = 300 }"))
    bond = ground_of(astana, pair).bond(astana.agreements["cz-kz"], "CZ", "KZ")

    assert bond.begin_ms == at("2019-12-31", 19)
    assert bond.end_ms == at("2025-07-01", 19)


def test_lapse_on_the_last_day_and_working_days_are_the_files_choice() -> None:
    """CZ-41 where a file counts otherwise: on the fifteenth day itself; fifteen days without Saturdays and Sundays."""
    pair = (adherence("cz-kz", "CZ", suspensions=(Suspension("2026-03-02", None, (), ()),)), adherence("cz-kz", "KZ"))
    begins = []
    for counting in ('lapse = "last-day"', "working_days = true"):
        changed = law_with(cz_kz=headed("cz-kz", f"counting = {{ {counting} }}"))
        begins.append(ground_of(changed, pair).bond(changed.agreements["cz-kz"], "CZ", "KZ").windows[0].start_ms)

    assert begins == [at("2026-03-17", 0), at("2026-03-24", 0)]


SUSPENDED = adherence("cz-kz", "KZ", suspensions=(Suspension("2026-03-01", "2026-04-01", (), ()),))
EDGES = [
    # The fifteenth day after delivery: suspended on it, or from the next day on. And so for the revocation.
    ("cz-kz", (adherence("cz-kz", "CZ"), SUSPENDED), "2026-03-16", "day 15 itself after the suspension by KZ"),
    ("cz-kz", (adherence("cz-kz", "CZ"), SUSPENDED), "2026-04-16", "day 15 itself after the revocation by KZ"),
    # The last of six months after receipt: still bound on it, or ended.
    (
        "cz-kz",
        (adherence("cz-kz", "CZ", exit=Exit("2025-03-10", None)), adherence("cz-kz", "KZ")),
        "2025-09-10",
        "the last of 6 months",
    ),
    # The thirtieth day after the third notification: in force on it, or after it.
    (
        "cis-2018",
        tuple(notified("cis-2018", party, "2020-03-01") for party in ("CZ", "KZ", "AM")),
        "2020-03-31",
        "day 30 itself",
    ),
    # The day that a party chose for its withdrawal: ended on it, or still bound.
    (
        "cis-2001",
        (adherence("cis-2001", "CZ", exit=Exit("2025-01-01", "2025-08-01")), adherence("cis-2001", "KZ")),
        "2025-08-01",
        "the chosen day itself",
    ),
]


@pytest.mark.parametrize(("agreement", "entries", "day", "words"), EDGES, ids=[edge[3] for edge in EDGES])
def test_edge_is_named_on_its_day_and_on_no_other(
    agreement: str, entries: tuple[Adherence, ...], day: str, words: str
) -> None:
    """1.7-14: what could be read otherwise is said on that very day, from its first to its last millisecond."""
    bond = ground_of(law(), entries).bond(law().agreements[agreement], "CZ", "KZ")
    begin = at(day, 0)

    assert [words in line and line.startswith(f"disputable: {day} is ") for line in bond.disputable(begin)] == [True]
    assert bond.disputable(begin + 86_400_000 - 1) == bond.disputable(begin)
    assert bond.disputable(begin - 1) == bond.disputable(begin + 86_400_000) == ()
