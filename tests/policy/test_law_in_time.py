"""The law on a day: what is amended but not yet, and what a refusal says of a day that could be read otherwise."""

from gateway.domain.directory import Exit
from gateway.policy.decide import Judge
from tests.policy.lawful import headed, law_with, text_of
from tests.policy.told import c18, cz
from tests.policy.world import adherence, at, bound_except, codes, decide, directory, header, law

AMENDED = """
[[amendment]]
id = "protocol-1"
rule = "C8-33"
article = "Art. 15"
agreed_on = "2026-01-01"
in_force_on = "2026-09-01"
record = "protocol of 1 January 2026"
"""


def test_amendment_pending_binds_nobody_and_ends_nothing() -> None:
    """C8-33, CA-20: a file ahead of its time is no law yet; what it replaced long ago does not come back meanwhile."""
    ahead = law_with(cis_2018=text_of("cis-2018") + AMENDED)
    both = (Judge(directory(law_digests=ahead.digests), ahead), Judge(directory(), law()))
    waiting = [decide(c18(kind=kind).header, by=both[0]) for kind in ("request", "recall")]
    older = [decide(header("am-police", "kz-mvd", "cis-2001"), by=each) for each in both]
    (reason,) = waiting[0].reasons

    assert [codes(decision) for decision in waiting] == [{"amendment-pending"}] * 2
    assert (reason.rule, reason.article, reason.detail) == (
        "C8-33",
        "CIS2018 Art. 15",
        "protocol-1 is in force from 2026-09-01",
    )
    assert [codes(decision) for decision in older] == [{"agreement-superseded"}] * 2
    assert decide(c18().header, by=both[0], at_ms=at("2026-09-01", 0)).permitted


def test_refusal_on_a_disputable_day_says_so() -> None:
    """1.7-14: refused on the last disputable day, the reader learns that the day could be read otherwise."""
    ended_early = law_with(cz_kz=headed("cz-kz", 'counting = { lapse = "last-day" }'))
    left = bound_except("cz-kz", "KZ", adherence("cz-kz", "KZ", exit=Exit("2025-12-15", None)))
    judge = Judge(directory(left, law_digests=ended_early.digests), ended_early)
    (reason,) = decide(cz().header, by=judge, at_ms=at("2026-06-15")).reasons
    (later,) = decide(cz().header, by=judge, at_ms=at("2026-06-16")).reasons

    assert reason.detail == (
        "KZ since 2026-06-15; disputable: 2026-06-15 is the last of 6 months: still bound, or ended (CZ-43)"
    )
    assert later.detail == "KZ since 2026-06-15"
