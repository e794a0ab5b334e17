"""Whether the cited instrument governs every pair of a message on its day, and by which rule not.

A pair is the originator's party and one recipient's. Protective kinds pass after exit, suspension and
supersession (1.7-15), never before entry.
"""

from gateway.domain.message import PROTECTIVE_KINDS
from tests.reference.bindings import BILATERAL, HUB, MEMBERS, OPERATOR_FROM, suspended
from tests.reference.case import Case
from tests.reference.counting import Day, day_of, parse
from tests.reference.others import reply_unavailable

ENTRY = {"caricc-2012": "CA-21", "cz-kz": "CZ-42", "cis-2018": "C8-35", "cis-2001": "C1-21", "cz-kz-1998": "CZ-42"}
# A State that did not sign and accedes.
ACCESSION = {"cis-2018": "C8-34", "cis-2001": "C1-24"}
# Whose request may be handed on to the competent authority at home (CZ-17, C8-21, C1-12).
REFERRING = {"cz-kz", "cz-kz-1998", "cis-2018", "cis-2001"}
EXIT = {"caricc-2012": "CA-22", "cz-kz": "CZ-43", "cis-2018": "C8-37", "cis-2001": "C1-23"}
AMENDMENT = {"caricc-2012": "CA-20", "cz-kz": "CZ-40", "cis-2018": "C8-33", "cis-2001": "C1-19"}


def governing(case: Case) -> set[str]:
    """Return the rule ids by which the instrument does not govern this message; empty if it does."""
    own = case.own_party
    spoken: set[str] = set()
    if own is None:
        return spoken
    for recipient in case.recipients:
        if recipient is not None:
            spoken |= _pair(case, own, recipient.party)
    return spoken


def _pair(case: Case, one: str, other: str) -> set[str]:
    agreement = case.header.agreement
    if agreement in MEMBERS:
        return _operator_defined(case, agreement, one, other)
    between = BILATERAL.get(agreement)
    if one == other and case.kind == "referral" and agreement in REFERRING:
        # A request is handed on at home because of the bond with the party that made it.
        other = _initiating(case) or one
    if one == other or (between and {one, other} != between):
        return {"1.7-13"}
    spoken = _not_entered(case, agreement, one, other)
    if agreement == "cis-2001" and _reserved(case, one, other):
        spoken.add("C1-25")
    # What never bound this pair neither ended nor was superseded for it.
    ended = not (spoken - {"C1-25", *AMENDMENT.values()}) and case.kind not in PROTECTIVE_KINDS
    return spoken | (_ended(case, agreement, one, other) if ended else set())


def _initiating(case: Case) -> str | None:
    """Return the party whose request a referral answers, if that request is available."""
    request = None if reply_unavailable(case) else case.facts.sources.get(case.header.in_reply_to or "")
    return case.party_of(request.originator) if request else None


def _operator_defined(case: Case, agreement: str, one: str, other: str) -> set[str]:
    day = under(case, agreement)
    if not _covered(agreement, one, other) or day < OPERATOR_FROM:
        return {"1.7-13"}
    until = case.world.kz_until.get(agreement)
    ended = until is not None and "KZ" in (one, other) and day > parse(until)
    return {"1.7-13"} if ended and case.kind not in PROTECTIVE_KINDS else set()


def under(case: Case, agreement: str) -> Day:
    """Return the day of the message where the instrument's days begin: UTC, unless its file says otherwise."""
    return day_of(case.at_ms + case.world.offset_minutes.get(agreement, 0) * 60_000)


def _covered(agreement: str, one: str, other: str) -> bool:
    members = MEMBERS[agreement]
    if one not in members or other not in members:
        return False
    if agreement == "internal-kz":
        return one == other
    return one != other and HUB[agreement] in (one, other)


def _not_entered(case: Case, agreement: str, one: str, other: str) -> set[str]:
    spoken = set()
    for party in (one, other):
        first, _ = case.world.spans[agreement, party]
        if first is None or under(case, agreement) < first:
            entry = case.world.directory.adherences.get((agreement, party))
            acceding = entry is not None and entry.signed_on is None
            spoken.add(ACCESSION[agreement] if acceding and agreement in ACCESSION else ENTRY[agreement])
    amended = case.world.amended_on.get(agreement)
    ever = all(case.world.spans[agreement, party][0] for party in (one, other))
    if ever and amended and under(case, agreement) < parse(amended):
        spoken.add(AMENDMENT[agreement])
    return spoken


def _ended(case: Case, agreement: str, one: str, other: str) -> set[str]:
    spoken = set()
    for party in (one, other):
        _, last = case.world.spans[agreement, party]
        if last is not None and under(case, agreement) > last:
            spoken.add(EXIT[agreement])
        entry = case.world.directory.adherences.get((agreement, party))
        for notice in entry.suspensions if entry and agreement == "cz-kz" else ():
            if suspended(
                notice, under(case, agreement), case.kind, case.header.subjects, case.world.counted.get(agreement, "")
            ):
                spoken.add("CZ-41")
    if agreement == "cis-2001" and _both_bound(case, "cis-2018", one, other):
        spoken.add("C8-36")
    if agreement == "cz-kz-1998" and _ever_in_force(case, "cz-kz"):
        spoken.add("CZ-44")
    limit = case.world.not_extended_after
    if agreement == "cis-2001" and limit and under(case, agreement) > parse(limit):
        spoken.add("C1-22")
    return spoken


def _reserved(case: Case, one: str, other: str) -> bool:
    """C1-25: Ukraine is not bound by 5(e); that information systems with it are refused either way is policy."""
    if "UA" not in (one, other) or any(case.world.spans["cis-2001", party][0] is None for party in (one, other)):
        return False
    entry = case.world.directory.adherences.get(("cis-2001", "UA"))
    return case.kind == "information-systems" and entry is not None and "5-e" in entry.reservations


def _both_bound(case: Case, agreement: str, one: str, other: str) -> bool:
    """C8-36: only when both are Parties on that day, of an instrument that the edition lists."""
    if not case.world.lists(agreement):
        return False
    for party in (one, other):
        first, last = case.world.spans[agreement, party]
        if first is None or under(case, agreement) < first or (last is not None and under(case, agreement) > last):
            return False
    return True


def _ever_in_force(case: Case, agreement: str) -> bool:
    """CZ-44: on its entry into force the older one terminates, and it does not come back."""
    firsts = [case.world.spans[agreement, party][0] for party in BILATERAL[agreement]]
    return case.world.lists(agreement) and all(
        first is not None and first <= under(case, agreement) for first in firsts
    )
