"""Three voices agree on every input: the compiled lane, the explaining rules, the reference table."""

import random
from collections import Counter
from functools import cache

import pytest
from msgspec.structs import replace

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
from tests.reference.table import verdict

SEED = 20_180_928
FEDERATIONS = 100
MESSAGES = 200
# The same rules as the judge's own, but not the same object: a judge of these compiles no lanes.
PLAIN = Rules(HOUSE, OWN, SOURCED)


def differences(directory: Directory, cases: list[Situation], lanes: Lanes, seen: Counter[str]) -> list[str]:
    """Return one line for every situation in which the voices differ."""
    rules = Judge(directory, world.law(), PLAIN)
    found = []
    for header, facts, peer, at_ms in cases:
        decision = rules.decide_header(header, ("message",), facts, peer, at_ms)
        expected = verdict(directory, header, facts, peer, at_ms)
        quick = lanes.permit(header, facts, peer, at_ms, None, answered=False)
        plain = decision.permitted and not decision.flags
        refused = {reason.rule for reason in decision.reasons}
        flagged = {reason.rule for reason in decision.flags}
        seen.update(refused | flagged)
        seen["permitted"] += decision.permitted
        seen["lane"] += quick
        seen["permitted cited"] += decision.permitted and bool(header.sources)
        if refused != expected.refused or flagged != expected.flagged:
            found.append(f"{header} {facts} {peer} {at_ms}: rules {refused} {flagged}, reference {expected}")
        if quick and not plain:
            found.append(f"{header} {peer} {at_ms}: the lane permits, the rules say {decision.reasons}")
        if plain and not quick and not _left_to_rules(header):
            found.append(f"{header} {peer} {at_ms}: plainly permitted, and the lane is silent")
    return found


def _left_to_rules(header: Header) -> bool:
    """What cites is; what survives an end of its agreement; and the Czech-Kazakh one, while suspended in part."""
    cites = bool(header.sources or header.consents)
    return cites or header.kind in PROTECTIVE_KINDS or header.agreement == "cz-kz"


@cache
def drawn(federations: int, messages: int) -> list[tuple[Directory, list[Situation]]]:
    """Return seeded situations."""
    random_ = random.Random(SEED)
    found = []
    for _ in range(federations):
        directory = federation(random_)
        found.append((directory, list(situations(random_, directory, messages))))
    return found


def test_lane_rules_and_reference_agree_on_seeded_situations() -> None:
    """20,000 seeded situations around every boundary: zero differences, and every voice has something to say."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    for directory, cases in drawn(FEDERATIONS, MESSAGES):
        found += differences(directory, cases, Lanes(Ground(directory, world.law())), seen)

    assert not found, f"{len(found)} differences, the first: {found[0]}"
    assert min(seen["permitted"], seen["lane"], seen["permitted cited"]) > 500, seen


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
    seen: Counter[str] = Counter()

    assert any(
        differences(directory, cases, wrong(Ground(directory, world.law())), seen)
        for directory, cases in drawn(FEDERATIONS, MESSAGES)
    )
