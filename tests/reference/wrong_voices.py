"""Voices that are wrong on purpose: if the comparison does not find each of them, it proves nothing.

Each makes of a right answer the answer of a lane that was compiled wrongly: a bound kept a day too long, a bit of a
mask lost, a flag taken for a refusal.
"""

from collections.abc import Callable

from gateway.policy.decide import Judge
from tests.reference.counting import DAY_MS
from tests.reference.draw_messages import Question
from tests.reference.rule_table import Verdict, verdict
from tests.reference.world import World

# A right answer, and the answer of the day before; the wrong one.
Wrong = Callable[[Verdict, Verdict], Verdict]
EXITS = frozenset({"CA-22", "CZ-43", "C8-37", "C1-23"})
# One rule of each family that a lane decides.
FORGOTTEN = (
    *("CZ-42", "CZ-41", "C8-36", "CZ-44", "1.7-13", "C1-25", "C1-22", "CZ-40"),
    *("CZ-04", "CZ-02", "CA-05", "C8-03", "ACC-06", "ACC-07", "ACC-12", "LI-02"),
    *("CA-12", "CA-14", "CA-27", "CA-28", "CA-29", "LI-05", "C8-26"),
    *("C8-16", "CZ-07", "CZ-18", "C8-17", "C8-18", "C1-10", "C8-15", "CZ-13", "CZ-22"),
    *("CZ-24", "CZ-28", "CZ-46", "CZ-47", "C8-09", "CZ-05", "C1-16"),
    *("C8-29", "CZ-33", "CA-07", "C8-28", "ACC-09", "ACC-10", "ACC-11", "CZ-20", "C1-17"),
)
FLAGS = ("C1-08", "C1-20", "CZ-22", "C1-29", "C8-11")


def _day_late(right: Verdict, yesterday: Verdict) -> Verdict:
    """Keep an instrument alive for a day after an exit."""
    return yesterday if right[0] & EXITS - yesterday[0] else right


def _forgets(rule: str) -> Wrong:
    return lambda right, _: (right[0] - {rule}, right[1])


def _refuses(rule: str) -> Wrong:
    """Take a "should" for a "must"."""
    return lambda right, _: (right[0] | {rule}, right[1] - {rule}) if rule in right[1] else right


def _invents(rule: str, instead: str) -> Wrong:
    """Cite another rule."""
    return lambda right, _: ((right[0] - {rule}) | {instead}, right[1]) if rule in right[0] else right


WRONG: dict[str, Wrong] = {
    "a day late after an exit": _day_late,
    "an exit of six months where three are written": _invents("CA-22", "CZ-43"),
    **{f"forgets {rule}": _forgets(rule) for rule in FORGOTTEN},
    **{f"refuses by {rule}": _refuses(rule) for rule in FLAGS},
}


def right_and_yesterday(world: World) -> Callable[[Question], tuple[Verdict, Verdict]]:
    """Return a voice that answers for a moment, and for the same moment one day earlier."""
    judge = Judge(world.directory, world.law)

    def answer(ask: Question) -> tuple[Verdict, Verdict]:
        now = verdict(judge.decide_header(ask.header, ask.roles, ask.facts, ask.peer, ask.at_ms))
        if not now[0] & EXITS:
            return now, now
        before_ms = ask.at_ms - DAY_MS
        return now, verdict(judge.decide_header(ask.header, ask.roles, ask.facts, ask.peer, before_ms))

    return answer
