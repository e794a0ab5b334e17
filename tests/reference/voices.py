"""Three voices on every question: the compiled lanes, the explaining rules, the table; and where they differ."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from msgspec import Struct

from gateway.policy.decide import Judge
from gateway.policy.rules.registry import RULES, Rules
from tests.reference.case import Case
from tests.reference.draw_messages import Question, draw
from tests.reference.draw_worlds import draw_world
from tests.reference.rule_table import Verdict, table, verdict
from tests.reference.world import World

MESSAGES_A_WORLD = 500
DIFFERENCES_KEPT = 5
# The same rules in another object: lanes are for the standard object only, so this judge always walks the rules.
WALKED = Rules(RULES.house, RULES.own, RULES.sourced)
Voice = Callable[[Question], Verdict]


class Difference(Struct, frozen=True):
    """A question on which the voices do not agree."""

    seed: int
    number: int
    question: Question
    compiled: Verdict
    explained: Verdict
    expected: Verdict


class Tally:
    """What was heard: how many messages passed, and how often each rule spoke, as a reason or as a flag."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.asked = 0
        self.passed = 0
        self.reasons: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()

    def hear(self, expected: Verdict) -> None:
        """Count one verdict of the table."""
        reasons, flags = expected
        self.asked += 1
        self.passed += not reasons
        self.reasons.update(reasons)
        self.flags.update(flags)

    def add(self, other: "Tally") -> None:
        """Count what somebody else heard as well."""
        self.asked += other.asked
        self.passed += other.passed
        self.reasons += other.reasons
        self.flags += other.flags

    def lines(self) -> list[str]:
        """Return the count as lines to print."""
        share = 100 * self.passed / max(self.asked, 1)
        spoken = [f"{rule} {count}" for rule, count in sorted(self.reasons.items())]
        marked = [f"{rule} {count}" for rule, count in sorted(self.flags.items())]
        return [
            f"{self.asked} messages, {self.passed} passed ({share:.1f} %)",
            "refused by: " + ", ".join(spoken),
            "marked by: " + ", ".join(marked),
        ]


def compiled_voice(world: World) -> Voice:
    """Return the judge as the gateway uses it: lanes first."""
    judge = Judge(world.directory, world.law)
    return lambda ask: verdict(judge.decide_header(ask.header, ask.roles, ask.facts, ask.peer, ask.at_ms))


def explaining_voice(world: World) -> Voice:
    """Return the explaining rules alone."""
    judge = Judge(world.directory, world.law, rules=WALKED)
    return lambda ask: verdict(judge.decide_header(ask.header, ask.roles, ask.facts, ask.peer, ask.at_ms))


def questions(seed: int, count: int) -> Iterator[tuple[World, int, Question]]:
    """Yield so many questions, with their worlds and numbers; the same seed asks the same questions."""
    rng = Random(seed)
    drawn = draw_world(rng)
    for number in range(count):
        if number % MESSAGES_A_WORLD == 0 and number:
            drawn = draw_world(rng)
        yield drawn.world, number, draw(rng, drawn)


def compare(
    seed: int, count: int, tally: Tally, quick: Callable[[World], Voice] = compiled_voice
) -> Iterator[Difference]:
    """Yield every question on which the voices differ; `quick` is the voice that stands in for the compiled one."""
    world = None
    for world_now, number, ask in questions(seed, count):
        if world_now is not world:
            world = world_now
            compiled, explained = quick(world), explaining_voice(world)
        expected = table(Case(world_now, ask.header, ask.roles, ask.facts, ask.peer, ask.at_ms))
        tally.hear(expected)
        fast, slow = compiled(ask), explained(ask)
        if not fast == slow == expected:
            yield Difference(seed, number, ask, fast, slow, expected)


def listen(seed: int, count: int) -> tuple[Tally, list[Difference]]:
    """Return what was heard of so many questions, and the first differences; for a process of its own."""
    tally = Tally()
    differences = list(islice(compare(seed, count, tally), DIFFERENCES_KEPT))
    return tally, differences
