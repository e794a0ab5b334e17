"""Who is bound by what on a day, told with the arithmetic; and the status of the agreement of 2001 as printed."""

from gateway.domain.directory import Exit, Suspension
from gateway.policy.ground import Ground
from gateway.policy.status import InstrumentStatus, PartyStatus, status_at
from tests.policy.lawful import ground_of, headed, law_with
from tests.policy.test_agreement import IN_FORCE_2001, STATUS_2001
from tests.policy.world import BOUND, adherence, at, directory, law, notified


def instrument(ground: Ground, agreement: str, day: str) -> InstrumentStatus:
    """Return the status of one instrument on a day."""
    return next(each for each in status_at(ground, at(day)) if each.agreement == agreement)


def party(ground: Ground, agreement: str, name: str, day: str) -> PartyStatus:
    """Return the status of one party under it."""
    return next(each for each in instrument(ground, agreement, day).parties if each.party == name)


def test_table_of_2001_is_told_as_printed() -> None:
    """C1-27, rules.md 1.5: as at 15 January 2008; Russia deposited and is not in force, three signed and no more."""
    ground = ground_of(law(), STATUS_2001)
    told = {each.party: each for each in instrument(ground, "cis-2001", "2008-01-15").parties}

    assert {name: each.since for name, each in told.items() if each.state == "bound"} == IN_FORCE_2001
    assert told["RU"].state == "not-bound"
    assert told["RU"].since_by.startswith("deposited on 2004-12-31, pending")
    assert any(note.startswith("pending") for note in told["RU"].notes)
    assert {name for name, each in told.items() if each.since_by.startswith("signed on 2001-06-01, not")} == {
        "KG",
        "UA",
        "UZ",
    }
    assert told["BY"].since_by == "day of the third notification, 2002-03-14 (C1-21, CIS2001 Art. 15, Art. 17)"


def test_renewal_window_is_told() -> None:
    """C1-22: periods of five years from 14 March 2002, whichever day is asked for."""
    ground = ground_of(law(), STATUS_2001)
    windows = [
        instrument(ground, "cis-2001", day).notes for day in ("2002-03-14", "2007-03-13", "2007-03-14", "2026-06-15")
    ]

    assert [notes[0].partition(",")[0] for notes in windows] == [
        "period 2002-03-14 to 2007-03-13",
        "period 2002-03-14 to 2007-03-13",
        "period 2007-03-14 to 2012-03-13",
        "period 2022-03-14 to 2027-03-13",
    ]
    assert instrument(ground, "cis-2001", "2002-03-13").notes == ()


def test_end_and_suspension_are_told_with_their_arithmetic() -> None:
    """CZ-43, CZ-41: until when and by which count; a suspension with its scope, in effect or not."""
    given = Suspension("2026-03-01", "2026-04-01", ("request",), ())
    entries = (adherence("cz-kz", "CZ", exit=Exit("2026-05-10", None)), adherence("cz-kz", "KZ", suspensions=(given,)))
    ground = ground_of(law(), entries)
    leaving, suspending = (party(ground, "cz-kz", name, "2026-03-20") for name in ("CZ", "KZ"))

    assert (leaving.state, leaving.until) == ("bound", "2026-11-10")
    assert leaving.until_by == "6 months after receipt on 2026-05-10 (CZ-43, CZKZ Art. 18(2))"
    assert party(ground, "cz-kz", "CZ", "2026-11-11").state == "ended"
    (window,) = suspending.suspended
    assert (window.since, window.until, window.in_effect, window.kinds) == (
        "2026-03-17",
        "2026-04-16",
        True,
        ("request",),
    )
    assert window.by == "15 days from delivery (CZ-41, CZKZ Art. 17)"
    assert not party(ground, "cz-kz", "KZ", "2026-04-17").suspended[0].in_effect


def test_what_is_not_there_yet_or_contradicts_is_told() -> None:
    """Not bound yet, dates that cannot be true, a disputable day: the table says each in words."""
    third = tuple(notified("cis-2018", name, "2026-03-01") for name in ("AM", "BY", "KZ"))
    odd = adherence("cis-2001", "MD", exit=Exit("2025-10-01", None))
    ground = ground_of(law(), (*third, odd))

    assert party(ground, "cis-2018", "AM", "2026-03-30").state == "not-yet"
    (note,) = party(ground, "cis-2018", "AM", "2026-03-31").notes
    assert note.startswith("disputable: 2026-03-31 is day 30 itself")
    assert party(ground, "cis-2001", "MD", "2026-03-31").state == "contradictory"
    assert "too near" in party(ground, "cis-2001", "MD", "2026-03-31").until_by


def test_supersession_is_told_towards_whom() -> None:
    """C8-36: Armenia's agreement of 2001 has ended towards Belarus and Kazakhstan, not towards Moldova."""
    ground = Ground(directory(BOUND), law())
    (note,) = party(ground, "cis-2001", "AM", "2026-01-01").notes

    assert note == "superseded by cis-2018 since 2020-01-01 towards BY, KZ (C8-36, CIS2018 Art. 17(2))"
    assert party(ground, "cis-2001", "AM", "2019-12-31").notes == ()


def test_amendment_that_is_not_in_force_is_told() -> None:
    """CA-20: a file ahead of its time binds nobody, and says so."""
    ahead = headed("caricc-2012", AMENDMENT.format("2027-01-01"))
    ground = ground_of(law_with(caricc_2012=ahead), BOUND)

    assert instrument(ground, "caricc-2012", "2026-12-31").notes == (
        "amendment exchange-2026 is in force from 2027-01-01; until then this text binds nobody",
    )
    assert instrument(ground, "caricc-2012", "2027-01-01").notes == ()


AMENDMENT = (
    'amendment = [{{ id = "exchange-2026", rule = "CA-20", article = "Art. 9(1)", agreed_on = "2026-10-01", '
    'in_force_on = "{}", record = "exchange of letters" }}]'
)
