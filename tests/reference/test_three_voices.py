"""Three voices agree on every input: the compiled lane, the explaining rules, the reference table."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from gateway.domain.decision import Decision
from gateway.domain.directory import Authority, Directory
from gateway.domain.message import PROTECTIVE_KINDS, Header
from gateway.policy.decide import Judge
from gateway.policy.ground import Ground
from gateway.policy.lanes import Lane, Lanes, Side
from gateway.policy.profiles import Profile
from gateway.policy.rules.registry import HOUSE, OWN, SOURCED, Rules
from gateway.policy.standing import FOREVER_MS
from tests.policy import world
from tests.reference.situations import Situation, federation, situations
from tests.reference.table import Verdict, verdict

SEED = 20_180_928
FEDERATIONS = 100
MESSAGES = 200
# The same rules as the judge's own, but not the same object: a judge of these compiles no lanes.
PLAIN = Rules(HOUSE, OWN, SOURCED)


class Judged(NamedTuple):
    """A situation, what the rules say of it, and what the reference says."""

    situation: Situation
    decision: Decision
    expected: Verdict

    @property
    def plain(self) -> bool:
        """Permitted, with nothing to flag."""
        return self.decision.permitted and not self.decision.flags


@cache
def drawn() -> list[tuple[Directory, list[Judged]]]:
    """Return seeded situations by federation, judged by rules and reference."""
    random_ = random.Random(SEED)
    found = []
    for _ in range(FEDERATIONS):
        directory = federation(random_)
        rules = Judge(directory, world.law(), PLAIN)
        cases = [
            Judged(
                each, rules.decide_header(each.header, world.roles(each.header), *each[1:]), verdict(directory, *each)
            )
            for each in situations(random_, directory, MESSAGES)
        ]
        found.append((directory, cases))
    return found


def outspoken(lanes: Lanes, cases: list[Judged]) -> Iterator[str]:
    """Yield one line for every situation without citation in which the lane is not what the rules say."""
    for case in cases:
        header, facts, peer, at_ms = case.situation
        if header.sources or header.consents:
            continue
        quick = lanes.permit(header, facts, peer, at_ms, None, answered=False, roles=world.roles(header))
        if quick and not case.plain:
            yield f"{case.situation}: the lane permits, the rules say {case.decision}"
        if case.plain and not quick and not _left_to_rules(header):
            yield f"{case.situation}: plainly permitted, and the lane is silent"


def _left_to_rules(header: Header) -> bool:
    """What survives an end of its agreement; and the Czech-Kazakh one, while suspended in part."""
    return header.kind in PROTECTIVE_KINDS or header.agreement == "cz-kz"


def test_rules_and_reference_agree_on_seeded_situations() -> None:
    """20,000 seeded situations around every boundary: the same rules refuse and flag, by name."""
    seen: Counter[str] = Counter()
    for _, cases in drawn():
        for situation, decision, expected in cases:
            refused = {reason.rule for reason in decision.reasons}
            flagged = {reason.rule for reason in decision.flags}
            assert refused == expected.refused, f"{situation}: {decision.reasons}, reference {expected}"
            assert flagged == expected.flagged, f"{situation}: {decision.flags}, reference {expected}"
            seen.update(refused | flagged)
            seen["permitted"] += decision.permitted
            seen["permitted citing"] += decision.permitted and bool(situation.header.sources)

    # Both halves are worth comparing, and every rule of refusal had its say.
    assert min(seen["permitted"], seen["permitted citing"]) > 500, seen
    assert len(seen) >= 60, seen


def test_lanes_agree_with_the_rules_on_seeded_situations() -> None:
    """The compiled lane permits exactly what the rules plainly permit, but for what it leaves to them on purpose."""
    for directory, cases in drawn():
        lanes = Lanes(Ground(directory, world.law()))
        assert not list(outspoken(lanes, cases))


def test_judge_with_lanes_decides_as_the_rules_do() -> None:
    """The whole quick path, citations included: an equal decision on every situation, flags and all."""
    for directory, cases in drawn():
        quick = Judge(directory, world.law())
        for situation, decision, _ in cases:
            assert quick.decide_header(situation.header, world.roles(situation.header), *situation[1:]) == decision, (
                situation
            )


class BlindToDates(Lanes):
    def _lane(self, key: tuple[str, str, str], at_ms: int) -> Lane | None:
        return Lane(0, FOREVER_MS, ())


class BlindToReservations(Lanes):
    @staticmethod
    def _is_reserved(lane: Lane, header: Header) -> bool:
        return False


class BlindToMandates(Lanes):
    def _side(self, name: str) -> Side | None:
        side = super()._side(name)
        return replace(side, mask=-1, kinds=None) if side else None


class BlindToClearance(Lanes):
    def _side(self, name: str) -> Side | None:
        side = super()._side(name)
        return replace(side, rank=4) if side else None


class BlindToPrivacy(Lanes):
    def _is_private(self, authority: Authority) -> bool:
        return False


class BlindToGrants(Lanes):
    def _query_permitted(self, header: Header, profile: Profile, side: Side, at_ms: int) -> bool:
        return True


class BlindToForm(Lanes):
    def _profile(self, key: tuple[str, str, bool]) -> Profile | None:
        profile = super()._profile(key)
        return profile and replace(profile, required=(), values=(), any_of=(), forbidden=())


class BlindToPersonalData(Lanes):
    def _profile(self, key: tuple[str, str, bool]) -> Profile | None:
        profile = super()._profile(key)
        return profile and replace(profile, deadline=False, categories=None)


class BlindToPurposes(Lanes):
    def _profile(self, key: tuple[str, str, bool]) -> Profile | None:
        profile = super()._profile(key)
        return profile and replace(profile, mask=-1)


@pytest.mark.parametrize("wrong", Lanes.__subclasses__(), ids=lambda wrong: wrong.__name__)
def test_a_lane_that_overlooks_something_is_caught(wrong: type[Lanes]) -> None:
    """Each way of being wrong shows within the situations of `make test`: the comparison can fail."""
    assert any(any(outspoken(wrong(Ground(directory, world.law())), cases)) for directory, cases in drawn())
