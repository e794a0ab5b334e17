"""What does a decision cost, in verifications of a signature?

A federation of many parties, authorities and agreements; messages that cite nothing and are permitted, over many lanes;
the same with one cited source and one consent; a refusal that explains itself. Each window interleaves decisions and
verifications on one core; ratios are medians of windows. Nothing is read from disk, nothing verified, nothing recorded.
Then what lanes occupy, up to their bound, and what Cedar and Casbin take for the part of the law that they can say.
"""

import argparse
import itertools
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from benchmarks.machine import Verification, describe, resident_mib
from benchmarks.policy_peers import compare
from gateway.domain.directory import Authority
from gateway.domain.facts import NO_FACTS, Facts
from gateway.domain.message import Header
from gateway.policy.agreements import Law, read_law
from gateway.policy.decide import Judge
from gateway.policy.lanes import LANES_MAX
from tests.policy import world

# The bars of issue 3: a message that cites nothing; one with a source and a consent.
BAR_PLAIN = 0.15
BAR_CITING = 0.5
PERMIT_BATCH = 200
# The peers are slow enough that so many messages make a window.
PEER_MESSAGES = 100
# As whose keys of such messages are listed: of the authority, of its head, its seal.
ROLES = ("message", "signatory", "seal")


class Federation(NamedTuple):
    """A judge, and messages that it permits."""

    judge: Judge
    plain: list[Header]
    citing: tuple[Header, Facts]


def build(authorities: int, agreements: int, messages: int) -> Federation:
    """Return a federation with as many bilateral agreements between as many States as it takes."""
    shipped = {path.name: path.read_bytes() for path in world.AGREEMENTS.glob("*.toml")}
    template = shipped["cz-kz.toml"].decode()
    states = [f"S{number:03}" for number in range(max(2, min(authorities // 2, 400)))]
    pairs = list(itertools.islice(itertools.combinations(states, 2), max(0, agreements - len(shipped))))
    bilateral = {
        f"pair-{number}": _between(template, f"pair-{number}", first, second)
        for number, (first, second) in enumerate(pairs)
    }
    law = read_law({**shipped, **{f"{name}.toml": text.encode() for name, text in bilateral.items()}})
    listed = (
        *world.AUTHORITIES,
        *(
            world.authority(f"authority-{number}", states[number % len(states)])
            for number in range(max(0, authorities - len(world.AUTHORITIES)))
        ),
    )
    bound = (
        *world.BOUND,
        *(world.adherence(f"pair-{number}", party) for number, pair in enumerate(pairs) for party in pair),
    )
    edition = world.directory(bound, listed, law_digests=law.digests, parties=(*world.PARTIES, *states))
    return Federation(Judge(edition, law), _plain(law, pairs, listed, messages), _citing())


def _between(template: str, name: str, first: str, second: str) -> str:
    text = template.replace('id = "cz-kz"', f'id = "{name}"').replace('["CZ", "KZ"]', f'["{first}", "{second}"]')
    return text.replace('replaces = ["cz-kz-1998"]', f'replaces = ["{name}-old"]')


def _plain(law: Law, pairs: Sequence[tuple[str, str]], listed: Sequence[Authority], messages: int) -> list[Header]:
    """Messages over every lane in turn; at least the Czech-Kazakh one."""
    of_party: dict[str, list[str]] = {}
    for authority in listed:
        of_party.setdefault(authority.party, []).append(authority.id)
    template = world.header("cz-police", "kz-mvd", "cz-kz")
    lanes = [("cz-kz", "CZ", "KZ"), *((f"pair-{number}", *pair) for number, pair in enumerate(pairs))]
    found = []
    for number, (agreement, first, second) in zip(range(messages), itertools.cycle(lanes), strict=False):
        senders, receivers = of_party[first], of_party[second]
        to = world.recipients(receivers[number % len(receivers)])
        found.append(replace(template, originator=senders[number % len(senders)], recipients=to, agreement=agreement))
    return found


def _citing() -> tuple[Header, Facts]:
    given = world.consent("consent", "cz-police", "kz-mvd", "cz-kz", recipients=("caricc",))
    message = world.header(
        "kz-mvd",
        "caricc",
        "caricc-membership",
        sources=(world.digest("source"),),
        consents=(world.digest("consent"),),
    )
    return message, world.facts(world.source("source", "cz-police", "kz-mvd", "cz-kz"), given)


def ratio(unit: Verification, decide: Callable[[int], None], decisions: int, windows: int) -> tuple[float, float]:
    """Return the medians over windows of decisions in verifications, and in microseconds of CPU."""
    ratios, micros = [], []
    for _ in range(windows):
        before = unit.measure_us()
        begin = time.thread_time_ns()
        for number in range(decisions):
            decide(number)
        each_us = (time.thread_time_ns() - begin) / decisions / 1_000
        ratios.append(each_us / ((before + unit.measure_us()) / 2))
        micros.append(each_us)
    return statistics.median(ratios), statistics.median(micros)


def report(name: str, measured: tuple[float, float], bar: float | None) -> None:
    """Print one line: the ratio, the time, and the bar if there is one."""
    verifications, micros = measured
    verdict = "" if bar is None else f"  bar {bar}: {'reached' if verifications <= bar else 'MISSED'}"
    print(f"{name:34} {verifications:6.3f} verifications  {micros:8.2f} us{verdict}")


def measure(authorities: int, agreements: int, windows: int) -> None:
    """Print what decisions cost in one federation."""
    federation = build(authorities, agreements, messages=4_000)
    judge, headers = federation.judge, federation.plain
    unit = Verification()
    connections = [world.peer(header.originator) for header in headers]
    message, facts = federation.citing
    connection = world.peer(message.originator)
    refused = replace(headers[0], purposes=("taxation",))

    def plain(number: int) -> None:
        judge.decide_header(headers[number], ROLES, NO_FACTS, connections[number], world.NOW)

    def citing(_: int) -> None:
        judge.decide_header(message, ROLES, facts, connection, world.NOW)

    def refusing(_: int) -> None:
        judge.decide_header(refused, ROLES, NO_FACTS, connections[0], world.NOW)

    assert all(
        judge.decide_header(header, ROLES, NO_FACTS, peer, world.NOW).permitted
        for header, peer in zip(headers, connections, strict=True)
    )
    assert judge.decide_header(message, ROLES, facts, connection, world.NOW).permitted
    print(f"\n{authorities} authorities, {agreements} agreements")
    report("permit, cites nothing", ratio(unit, plain, len(headers), windows), BAR_PLAIN)
    report("permit, one source, one consent", ratio(unit, citing, PERMIT_BATCH, windows), BAR_CITING)
    report("refuse and explain", ratio(unit, refusing, PERMIT_BATCH, windows), None)


def weigh(authorities: int, agreements: int) -> None:
    """Print what a judge and its caches occupy, how long building one takes, and what a lane costs on first use."""
    federation = build(authorities, agreements, messages=4_000)
    directory, law = federation.judge.directory, federation.judge.law
    tracemalloc.start()
    begin = time.thread_time_ns()
    judge = Judge(directory, law)
    built_ms = (time.thread_time_ns() - begin) / 1e6
    built_kib = tracemalloc.get_traced_memory()[0] // 1024
    first_us, later_us = _pass_us(judge, federation.plain), _pass_us(judge, federation.plain)
    used_kib = tracemalloc.get_traced_memory()[0] // 1024
    tracemalloc.stop()
    lanes = _lanes_used(judge, federation.plain)
    print(
        f"{authorities} authorities, {agreements} agreements: a judge takes {built_ms:.1f} ms and {built_kib} KiB, "
        f"{used_kib} KiB with its {lanes} lanes in use; they add {max(0.0, first_us - later_us):.1f} us to each of the "
        f"first {len(federation.plain)} messages"
    )


def weigh_bound(authorities: int, agreements: int) -> None:
    """Print what lanes occupy at their bound: one instrument of many parties, and more pairs than are remembered."""
    federation = build(authorities, agreements, messages=1)
    judge = _multilateral(federation.judge)
    of_party = {each.party: each.id for each in judge.directory.edition.authorities}
    template = world.header("am-police", "md-police", "cis-2001", kind="notice")
    pairs = itertools.islice(itertools.permutations(sorted(of_party), 2), LANES_MAX + 4_000)
    headers = (
        replace(template, originator=of_party[first], recipients=world.recipients(of_party[second]))
        for first, second in pairs
    )
    before_mib = resident_mib()
    begin = time.thread_time_ns()
    asked = sum(judge.decide_header(header, ("message",), NO_FACTS, None, world.NOW).permitted for header in headers)
    each_us = (time.thread_time_ns() - begin) / asked / 1_000
    grown_mib = resident_mib() - before_mib
    print(
        f"{authorities} authorities under one instrument of {len(of_party)} parties: {asked} lanes asked for, at most "
        f"{LANES_MAX} remembered; the process grew by {grown_mib:.0f} MiB, each first use took {each_us:.0f} us"
    )


def _multilateral(judge: Judge) -> Judge:
    """Return a judge under whom every party is bound by the agreement of 2001."""
    bound = tuple(world.adherence("cis-2001", party) for party in judge.directory.parties)
    edition = judge.directory.edition
    parties = tuple(judge.directory.parties)
    return Judge(world.directory(bound, edition.authorities, law_digests=judge.law.digests, parties=parties), judge.law)


def _lanes_used(judge: Judge, headers: Sequence[Header]) -> int:
    of = judge.directory.authorities
    return len(
        {(of[each.originator].party, of[each.recipients[0].authority].party, each.agreement) for each in headers}
    )


def _pass_us(judge: Judge, headers: Sequence[Header]) -> float:
    begin = time.thread_time_ns()
    for header in headers:
        judge.decide_header(header, ("message",), NO_FACTS, None, world.NOW)
    return (time.thread_time_ns() - begin) / len(headers) / 1_000


def main() -> None:
    """Print machine, versions, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=25, help="windows of decisions to take medians of")
    windows = parser.parse_args().windows
    print(describe())
    measure(200, 60, windows)
    measure(1_000, 200, windows)
    print()
    weigh(200, 60)
    weigh(1_000, 200)
    weigh_bound(1_000, 200)
    federation = build(200, 60, messages=PEER_MESSAGES)
    compare(federation.judge, federation.plain, world.NOW, Verification(), windows)


if __name__ == "__main__":
    main()
