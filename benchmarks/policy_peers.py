"""What somebody would use instead: Cedar and Casbin, on the subset of the law that each of them can say.

The subset: an instrument between two parties, in force from one day to another (both days written by hand: neither
counts them), its kinds, its purposes, and the clearance of both authorities. Same messages, same answers; what is left
out stands in `LEFT_OUT` and is printed with every result.
"""

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import cedarpy
from msgspec.structs import replace

from benchmarks.machine import Verification
from gateway.domain.clause import Kinds, Purposes
from gateway.domain.directory import Authority
from gateway.domain.facts import NO_FACTS
from gateway.domain.label import RANK
from gateway.domain.message import Header
from gateway.policy.decide import Judge

# Casbin tells no types; what we call of it is two constructors and three methods.
casbin: Any = importlib.import_module("casbin")

LEFT_OUT = (
    "dates counted from notifications, suspension, exit, pairwise supersession (days are written in by hand)",
    "what a cited source came under: purposes, third parties, conditions, consents and their uses",
    "a reason: Cedar names policies that permitted, Casbin the row that matched; neither says why not, with an article",
    "a `should`, which marks and lets pass; what a message must declare: forms, languages, signers, links, mandates",
    "fail closed: Cedar skips a policy that errs and goes on",
)
_CASBIN = """
[request_definition]
r = sender, recipient, agreement, kind, purposes, level, at
[policy_definition]
p = first, second, agreement, kinds, purposes, begin, end
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.agreement == p.agreement && r.sender.party == p.first && r.recipient.party == p.second && \
    within(r.kind, p.kinds) && within(r.purposes, p.purposes) && during(r.at, p.begin, p.end) && \
    r.level <= r.sender.rank && r.level <= r.recipient.rank
"""


class Lane(NamedTuple):
    """An instrument between two parties, as far as the peers can say it."""

    agreement: str
    first: str
    second: str
    kinds: tuple[str, ...]
    purposes: tuple[str, ...]
    begin_ms: int
    end_ms: int


class Side(NamedTuple):
    """An authority, as Casbin sees it."""

    party: str
    rank: int


def lanes_of(judge: Judge) -> list[Lane]:
    """Return every bilateral instrument of a judge, with the days that its arithmetic has found."""
    found = []
    for agreement in judge.ground.agreements.values():
        if len(agreement.between) != 2:
            continue
        bond = judge.ground.bond(agreement, *agreement.between)
        kinds = next(clause.allowed for clause in agreement.clauses if isinstance(clause, Kinds))
        purposes = next(clause.allowed for clause in agreement.clauses if isinstance(clause, Purposes))
        found.append(Lane(agreement.id, *agreement.between, kinds, purposes, bond.begin_ms, bond.end_ms))
    return found


class Cedar:
    """Cedar with parsed policies and entities at hand: one policy an instrument, one entity an authority."""

    name = f"Cedar (cedarpy {version('cedarpy')})"

    def __init__(self, lanes: Sequence[Lane], authorities: Sequence[Authority]) -> None:
        """Parse once what does not change from message to message."""
        self._policies = cedarpy.PolicySet.from_str("\n".join(_cedar_policy(lane) for lane in lanes))
        self._entities = cedarpy.Entities.from_json_str(_entities(authorities))

    @staticmethod
    def ask(header: Header, at_ms: int) -> dict[str, Any]:
        """Return a message as a request."""
        return {
            "principal": {"type": "Authority", "id": header.originator},
            "action": {"type": "Action", "id": "send"},
            "resource": {"type": "Authority", "id": header.recipients[0].authority},
            "context": {
                "agreement": header.agreement,
                "kind": header.kind,
                "purposes": list(header.purposes),
                "level": RANK[header.label.level],
                "at": at_ms,
            },
        }

    def permits(self, request: dict[str, Any]) -> bool:
        """Tell what Cedar says of one request."""
        return cedarpy.is_authorized(request, self._policies, self._entities).allowed

    def permits_all(self, requests: list[dict[str, Any]]) -> bool:
        """Tell whether Cedar permits each of many, asked together: its cheapest way."""
        return all(result.allowed for result in cedarpy.is_authorized_batch(requests, self._policies, self._entities))


def _cedar_policy(lane: Lane) -> str:
    # The agreement first: Cedar evaluates every policy, and this one ends nearly all of them at once.
    kinds, purposes = (", ".join(f'"{code}"' for code in codes) for codes in (lane.kinds, lane.purposes))
    ways = " || ".join(
        f'(principal.party == "{one}" && resource.party == "{other}")'
        for one, other in ((lane.first, lane.second), (lane.second, lane.first))
    )
    return (
        f'permit(principal, action == Action::"send", resource) when {{ context.agreement == "{lane.agreement}" '
        f"&& ({ways}) && [{kinds}].contains(context.kind) && [{purposes}].containsAll(context.purposes) "
        f"&& context.at >= {lane.begin_ms} && context.at < {lane.end_ms} "
        "&& context.level <= principal.rank && context.level <= resource.rank };"
    )


def _entities(authorities: Sequence[Authority]) -> str:
    rows = (
        f'{{"uid": {{"type": "Authority", "id": "{each.id}"}}, '
        f'"attrs": {{"party": "{each.party}", "rank": {RANK[each.clearance]}}}, "parents": []}}'
        for each in authorities
    )
    return f"[{', '.join(rows)}]"


class Casbin:
    """Casbin with one row a direction of an instrument; lists and days by functions of ours, for it has none."""

    name = f"Casbin (casbin {version('casbin')})"

    def __init__(self, lanes: Sequence[Lane], authorities: Sequence[Authority]) -> None:
        """Load the rows once."""
        model = casbin.Model()
        model.load_model_from_text(_CASBIN)
        self._enforcer = casbin.Enforcer(model)
        self._enforcer.add_function("within", _within)
        self._enforcer.add_function("during", _during)
        self._sides = {each.id: Side(each.party, RANK[each.clearance]) for each in authorities}
        for lane in lanes:
            kinds, purposes = " ".join(lane.kinds), " ".join(lane.purposes)
            for one, other in ((lane.first, lane.second), (lane.second, lane.first)):
                row = (one, other, lane.agreement, kinds, purposes, str(lane.begin_ms), str(lane.end_ms))
                self._enforcer.add_policy(*row)

    def ask(self, header: Header, at_ms: int) -> tuple[Any, ...]:
        """Return a message as a request."""
        sender, recipient = self._sides[header.originator], self._sides[header.recipients[0].authority]
        purposes, level = " ".join(header.purposes), RANK[header.label.level]
        return (sender, recipient, header.agreement, header.kind, purposes, level, at_ms)

    def permits(self, request: tuple[Any, ...]) -> bool:
        """Tell what Casbin says of one request."""
        return bool(self._enforcer.enforce(*request))


def _within(codes: str, allowed: str) -> bool:
    return set(codes.split()) <= set(allowed.split())


def _during(at_ms: int, begin_ms: str, end_ms: str) -> bool:
    return int(begin_ms) <= at_ms < int(end_ms)


def compare(judge: Judge, headers: Sequence[Header], at_ms: int, unit: Verification, windows: int) -> None:
    """Print what the same permits cost here, in Cedar and in Casbin: interleaved, medians over windows.

    Raises:
        AssertionError: the three do not permit and refuse the same.
    """
    lanes, authorities = lanes_of(judge), judge.directory.edition.authorities
    cedar, casbin_ = Cedar(lanes, authorities), Casbin(lanes, authorities)
    _agree(judge, cedar, casbin_, headers, at_ms)
    requests = [cedar.ask(header, at_ms) for header in headers]
    rows = [casbin_.ask(header, at_ms) for header in headers]
    candidates: dict[str, Callable[[], object]] = {
        "Accord, the whole law": lambda: [_ours(judge, header, at_ms) for header in headers],
        cedar.name: lambda: [cedar.permits(request) for request in requests],
        f"{cedar.name}, as one batch": lambda: cedar.permits_all(requests),
        casbin_.name: lambda: [casbin_.permits(row) for row in rows],
    }
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for _ in range(windows):
        for name, run in candidates.items():
            before = unit.measure_us()
            begin = time.thread_time_ns()
            run()
            each_us = (time.thread_time_ns() - begin) / len(headers) / 1_000
            measured[name].append((each_us / ((before + unit.measure_us()) / 2), each_us))
    print(
        f"\npermits of {len(headers)} messages under {len(lanes)} bilateral agreements, {len(authorities)} authorities"
    )
    for name, found in measured.items():
        ratio, micros = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:44} {ratio:7.3f} verifications  {micros:9.2f} us")
    print("the peers do not express:")
    for line in LEFT_OUT:
        print(f"  - {line}")


def _ours(judge: Judge, header: Header, at_ms: int) -> bool:
    return judge.decide_header(header, ("message",), NO_FACTS, None, at_ms).permitted


def _agree(judge: Judge, cedar: Cedar, casbin_: Casbin, headers: Sequence[Header], at_ms: int) -> None:
    """Hold the three to one answer: the messages themselves, and each with something wrong that all of them can see."""
    for number, header in enumerate(headers):
        wrong = (
            (replace(header, purposes=("taxation",)), at_ms),
            (replace(header, kind="gossip"), at_ms),
            (replace(header, agreement=headers[number - 1].agreement), at_ms),
            (replace(header, label=replace(header.label, level="top-secret")), at_ms),
            (header, 0),
        )
        for message, moment in ((header, at_ms), *wrong):
            answers = {
                _ours(judge, message, moment),
                cedar.permits(cedar.ask(message, moment)),
                casbin_.permits(casbin_.ask(message, moment)),
            }
            assert len(answers) == 1, (message, moment)
