"""The INTERPOL-CARICC agreement, article by article: the condition under which each rule is broken."""

import re

from gateway.domain.label import RANK
from tests.reference import codes
from tests.reference.case import Case, Row
from tests.reference.counting import months_later, parse, spelt
from tests.reference.national import blocked

STATES = ("kg", "kz", "tm", "tj", "uz", "ru", "az")
DECLARED = {"request", "reply", "spontaneous", "query", "notice"}
CATEGORIES = ("category.political", "category.military", "category.religious", "category.racial")
# Annex 1, paragraph 1: the sets a, b, c were abrogated on 30 June 2012 and succeeded by the RPD (1.7-1); set d stays.
ABROGATED_ON = parse("2012-06-30")
ABROGATED, LASTING, SUCCESSOR = {"rpi", "rpi-implementing", "igo-access"}, "control-of-information", "rpd"
# What the operator calls the profile that the General Secretariat set, and how long an attestation holds (policy).
PROFILE = "general-secretariat"
PROFILE_MONTHS = 12


def ca_01(case: Case) -> bool:
    """Preamble, policy: the sender attests to neutrality, and nothing of the four categories passes."""
    return prohibited(case) or (case.kind in DECLARED and not case.declares("attest.neutrality"))


def prohibited(case: Case) -> bool:
    """Tell whether the message is tagged political, military, religious or racial."""
    return any(case.form.get(key) is True for key in CATEGORIES)


def ca_02(case: Case) -> bool:
    """Preamble, Art. 2: it affects one of the seven States."""
    return case.kind in DECLARED and not any(case.declares(f"affected.{state}") for state in STATES)


def ca_04(case: Case) -> bool:
    """Art. 2: three subjects, closed by our reading; Art. 2-6: the kinds foreseen."""
    subjects = set(case.header.subjects)
    on_an_offence = case.kind not in codes.TALK | codes.PROTECTIVE
    return case.kind not in codes.CARICC_KINDS or (
        on_an_offence and (not subjects or not subjects <= codes.CARICC_SUBJECTS)
    )


def ca_05(case: Case) -> bool:
    """Art. 3(1): prevention or suppression of ordinary-law crime."""
    outside = case.kind not in codes.TALK and not set(case.header.purposes) <= codes.CARICC_PURPOSES
    return outside or (case.kind in DECLARED and not case.declares("ordinary-law"))


def ca_09(case: Case) -> bool:
    """Art. 3(5): nothing is sent past the day by which its provider was to review it; that day still passes."""
    if case.kind not in ("reply", "spontaneous", "answer", "notice") or not case.declares("review-by"):
        return False
    until = str(case.form["review-by"])
    # What is declared and is no day is as good as past.
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", until) is None or until < spelt(case.day)


def ca_12(case: Case) -> bool:
    """Art. 4(1)-(2): access reaches as far as the central node granted it."""
    return case.kind == "query" and beyond_grant(case)


def beyond_grant(case: Case) -> bool:
    """Tell whether no grant of the recipient's covers this query: database, purposes, level, day."""
    document = case.world.directory.grants_document
    grant = case.world.directory.grants.get((case.header.originator, case.header.database or ""))
    if document is None or grant is None:
        return True
    return (
        case.at_ms >= min(document.not_after_ms, grant.expires_at_ms)
        or case.rank > RANK[grant.level]
        or not set(case.header.purposes) <= set(grant.purposes)
        or case.to != [document.issuer]
    )


def ca_13(case: Case) -> bool:
    """Art. 4(3), policy: no query before CARICC has accepted Annex 1."""
    return case.kind == "query" and "annex-1" not in accepted(case)


def accepted(case: Case) -> tuple[str, ...]:
    """Return what CARICC has accepted."""
    entry = case.world.directory.adherences.get(("caricc-2012", "CARICC"))
    return entry.accepted if entry else ()


def ca_14(case: Case) -> bool:
    """Art. 4(4): direct access for CARICC alone, for itself."""
    return case.kind == "query" and (case.own_party not in ("CARICC", None) or case.declares("on-behalf-of"))


def ca_15(case: Case) -> bool:
    """Art. 5, 6, 8: representation, consultation, dispute."""
    allowed = codes.CARICC_PURPOSES | {"administrative"}
    return case.kind in codes.TALK and not set(case.header.purposes) <= allowed


def ca_27(case: Case) -> bool:
    """Annex 1, 3, policy: no query before CARICC has accepted the rule sets of the day."""
    of_the_day = {LASTING} | (ABROGATED if case.day < ABROGATED_ON else {SUCCESSOR})
    return case.kind == "query" and not of_the_day <= set(accepted(case))


def ca_28(case: Case) -> bool:
    """Annex 1, 4: whoever queries is an authorized international entity."""
    return (
        case.kind == "query"
        and case.originator is not None
        and case.originator.entity != "authorized-international-entity"
    )


def ca_29(case: Case) -> bool:
    """Annex 1, 5: the connection of CARICC's endpoint is attested, no longer ago than twelve months (policy)."""
    found = case.world.directory.endpoints.get(case.peer.spki_sha256)
    if case.kind != "query" or (found and found[0].party != "CARICC"):
        return False
    if found is None or found[1].security_profile != PROFILE or found[1].attested_on is None:
        return True
    attested = parse(found[1].attested_on)
    return not attested <= case.day <= months_later(attested, PROFILE_MONTHS)


def ca_30(case: Case) -> bool:
    """Art. 3(3): due respect for national laws is recorded: marked, never refused."""
    return blocked(case)


REFUSE: tuple[Row, ...] = (
    ("CA-01", ca_01),
    ("CA-02", ca_02),
    ("CA-04", ca_04),
    ("CA-05", ca_05),
    ("CA-09", ca_09),
    ("CA-12", ca_12),
    ("CA-13", ca_13),
    ("CA-14", ca_14),
    ("CA-15", ca_15),
    ("CA-27", ca_27),
    ("CA-28", ca_28),
    ("CA-29", ca_29),
)
FLAG: tuple[Row, ...] = (("CA-30", ca_30),)
