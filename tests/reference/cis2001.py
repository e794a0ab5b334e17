"""The CIS agreement of 2001, article by article: the condition under which each rule is broken."""

from gateway.domain.label import RANK
from tests.reference import codes
from tests.reference.case import Case, Row
from tests.reference.channels import channel_missing
from tests.reference.czkz import withheld_unlisted
from tests.reference.national import blocked
from tests.reference.signing import unauthorised, unsigned

ON_AN_OFFENCE = {"request", "reply", "spontaneous", "notice", "referral", "legal-assistance", "joint-activity"}
UKRAINE = {"state-interests", "national-law", "international-obligations"}


def c1_01(case: Case) -> bool:
    """Art. 2(1): five purposes; in accordance with national legislation and other treaties."""
    if blocked(case):
        return True
    return case.kind not in codes.TALK_AND_TRAINING and not set(case.header.purposes) <= codes.CIS_PURPOSES


def c1_02(case: Case) -> bool:
    """Art. 3(1), 1(a): four acts and computer information as the target; at least one, and no other."""
    subjects = set(case.header.subjects)
    return case.kind in ON_AN_OFFENCE and (not subjects or not subjects <= codes.CIS2001_SUBJECTS)


def c1_04(case: Case) -> bool:
    """Art. 5-9: the kinds foreseen; 5(b) with its instrument; 5(c)-(h) for what is no operation."""
    if case.kind not in codes.CIS2001_KINDS:
        return True
    if case.kind == "legal-assistance":
        return not case.declares("legal-assistance.instrument")
    allowed = codes.CIS_PURPOSES | {"administrative"}
    return case.kind in codes.TALK_AND_TRAINING and not set(case.header.purposes) <= allowed


def c1_08(case: Case) -> bool:
    """Art. 6(4): six elements, "should"."""
    return case.kind == "request" and not all(case.declares(f"element.{letter}") for letter in "abcdef")


def c1_09(case: Case) -> bool:
    """Art. 6(5): head or deputy, and official stamp."""
    return case.kind == "request" and unsigned(case, "head", "deputy")


def c1_10(case: Case) -> bool:
    """Art. 6(6): joint activities by authorised persons only; where there is a list, anything else too (policy)."""
    return unauthorised(case, mandatory=case.kind == "joint-activity")


def c1_16(case: Case) -> bool:
    """Art. 8: national legislation is the one ground, and the reasons are given."""
    if case.kind != "refusal":
        return False
    ground = case.form.get("refusal.ground")
    allowed = {"national-law"} | (UKRAINE if case.own_party == "UA" else set())
    return ground not in allowed or not case.declares("refusal.reasons") or withheld_unlisted(case)


def c1_26(case: Case) -> bool:
    """Reservation of Ukraine: it may refuse on three grounds; beyond them C1-16 and this both speak."""
    return case.kind == "refusal" and case.own_party == "UA" and case.form.get("refusal.ground") not in UKRAINE


def c1_17(case: Case) -> bool:
    """Art. 9(2): the degree of confidentiality requested is kept by whoever receives."""
    return any(who is not None and RANK[who.clearance] < case.rank for who in case.recipients)


def c1_20(case: Case) -> bool:
    """Art. 12: Russian."""
    return case.header.language not in (None, "ru")


def c1_20_unstated(case: Case) -> bool:
    """Art. 12: no language stated is marked only."""
    return case.header.language is None


def c1_29(case: Case) -> bool:
    """Art. 6(2): electronic requests are written for urgent cases."""
    return case.kind == "request" and case.header.urgency == "routine" and channel_missing(case)


REFUSE: tuple[Row, ...] = (
    ("C1-01", c1_01),
    ("C1-02", c1_02),
    ("C1-04", c1_04),
    ("C1-09", c1_09),
    ("C1-10", c1_10),
    ("C1-16", c1_16),
    ("C1-17", c1_17),
    ("C1-26", c1_26),
    ("C1-20", c1_20),
)
FLAG: tuple[Row, ...] = (("C1-08", c1_08), ("C1-20", c1_20_unstated), ("C1-29", c1_29))
