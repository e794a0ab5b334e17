"""The compiled lanes, the explaining rules and the reference table say the same of every message."""

import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice, repeat
from multiprocessing import get_context

import pytest

from tests.reference import caricc, cis2001, cis2018, czkz, house, operator_defined
from tests.reference.case import Case
from tests.reference.rule_table import table
from tests.reference.voices import Difference, Tally, compare, listen, questions
from tests.reference.wrong_voices import WRONG, right_and_yesterday

MESSAGES = 200_000
MESSAGES_SOAK = 10_000_000
# Each process hears shares of its own seed; a share is small enough for a difference to show soon.
SHARE = 10_000
PROCESSES = 2
DIFFERENCES_SHOWN = 5
# Of so many messages each rule must have spoken at least so often, or the generator proves nothing about it.
SPOKEN_MIN = 20
PASSED_MIN = 0.4
# What no row lists: instruments and their days, and rules about what is cited.
BESIDE_ROWS = {
    *("CA-21", "CZ-42", "C8-35", "C1-21", "C8-34", "C1-24", "CA-22", "CZ-43", "C8-37", "C1-23", "CZ-41", "C8-36"),
    *("CZ-44", "C1-22", "C1-25", "CA-20", "CZ-40", "C8-33", "C1-19", "1.7-13", "LI-02"),
    *("ACC-05", "ACC-09", "ACC-10", "ACC-11", "CA-06", "CA-07", "CA-08", "CZ-20", "CZ-23", "CZ-33", "1.7-12"),
    *("1.7-16", "C8-24", "C8-28", "C8-29", "C1-14", "C1-18", "C8-21", "C1-12"),
}
# An open list refuses nothing; what no instrument knows is refused by ACC-14.
SILENT = {"CZ-03"}
MARKED = {"C1-08", "C1-20", "C1-29", "C8-11", "C8-24", "C1-14", "CZ-17", "CZ-22", "CA-30"}
ROWS = (
    *house.ROWS,
    *czkz.REFUSE,
    *caricc.REFUSE,
    *cis2018.REFUSE,
    *cis2001.REFUSE,
    *operator_defined.CARICC_MEMBERSHIP,
    *operator_defined.INTERPOL_MEMBERSHIP,
    *operator_defined.INTERNAL,
)
EXPECTED = ({rule for rule, _ in ROWS} | BESIDE_ROWS) - SILENT


def _hear(seeds: Iterable[int]) -> Tally:
    tally = Tally()
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for share, differences in pool.map(listen, seeds, repeat(SHARE)):
            if differences:
                pool.shutdown(wait=False, cancel_futures=True)
            assert not differences, _shown(differences)
            tally.add(share)
    return tally


def _shown(differences: list[Difference]) -> str:
    return "\n\n".join(
        f"seed {each.seed}, message {each.number}\n{each.question}\n"
        f"lanes {each.compiled}\nrules {each.explained}\ntable {each.expected}"
        for each in differences[:DIFFERENCES_SHOWN]
    )


def _assert_telling(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(tally.lines()) + "\n")
    seldom = {rule: tally.reasons[rule] for rule in EXPECTED if tally.reasons[rule] < SPOKEN_MIN}
    unmarked = {rule: tally.flags[rule] for rule in MARKED if tally.flags[rule] < SPOKEN_MIN}
    assert not seldom, seldom
    assert not unmarked, unmarked
    assert tally.passed >= PASSED_MIN * tally.asked
    assert set(tally.reasons) <= EXPECTED, set(tally.reasons) - EXPECTED


@pytest.mark.timeout(560)
def test_three_voices_say_the_same_of_every_message(capsys: pytest.CaptureFixture[str]) -> None:
    """Lanes, rules and table agree on outcome, rule ids and flags; every rule speaks, and ordinary messages pass."""
    tally = _hear(range(1, 1 + MESSAGES // SHARE))

    assert tally.asked == MESSAGES
    _assert_telling(tally, capsys)


@pytest.mark.soak
def test_three_voices_say_the_same_of_ten_million_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """The same of ten million other messages."""
    tally = _hear(range(1_000, 1_000 + MESSAGES_SOAK // SHARE))

    assert tally.asked == MESSAGES_SOAK
    _assert_telling(tally, capsys)


@pytest.mark.timeout(300)
def test_wrong_lane_is_found_within_the_messages_of_the_test() -> None:
    """A lane that is a day late, or has lost one rule of any family, does not survive the comparison."""
    unfound = dict(WRONG)
    world = None
    for world_now, _, ask in questions(1, MESSAGES):
        if world_now is not world:
            world, answer = world_now, right_and_yesterday(world_now)
        expected = table(Case(world_now, ask.header, ask.roles, ask.facts, ask.peer, ask.at_ms))
        right, yesterday = answer(ask)
        unfound = {name: wrong for name, wrong in unfound.items() if wrong(right, yesterday) == expected}
        if not unfound:
            break

    assert not unfound, sorted(unfound)


def test_wrong_voice_in_place_of_the_lanes_is_reported() -> None:
    """The comparison itself names the message on which a voice that permits everything is wrong."""
    found = next(compare(3, 1_000, Tally(), quick=lambda _: lambda _: (frozenset(), frozenset())))

    assert found.explained == found.expected != found.compiled


def test_same_seed_asks_the_same_questions() -> None:
    """A difference can be asked again by its seed and number."""
    once = [(number, ask) for _, number, ask in islice(questions(7, 1_200), 1_200)]
    again = [(number, ask) for _, number, ask in questions(7, 1_200)]

    assert once == again
