"""The CIS agreement of 2018, article by article: the condition under which each rule is broken."""

from tests.reference import codes
from tests.reference.case import Case, Row
from tests.reference.channels import channel_missing
from tests.reference.czkz import withheld_unlisted
from tests.reference.national import blocked
from tests.reference.signing import unauthorised, units, unsigned

ON_AN_OFFENCE = {"request", "reply", "spontaneous", "preservation", "notice", "referral", "joint-activity"}


def c8_02(case: Case) -> bool:
    """Art. 2(1): five purposes; in accordance with national legislation and other treaties."""
    if blocked(case):
        return True
    return case.kind not in codes.TALK_AND_TRAINING and not set(case.header.purposes) <= codes.CIS_PURPOSES


def c8_03(case: Case) -> bool:
    """Art. 3(1): eight acts, closed by our reading: at least one of them, and no other."""
    subjects = set(case.header.subjects)
    return case.kind in ON_AN_OFFENCE and (not subjects or not subjects <= codes.CIS2018_SUBJECTS)


def c8_07(case: Case) -> bool:
    """Art. 4(3): where authorities have agreed a list, the person acting is on it."""
    return unauthorised(case, mandatory=False)


def c8_09(case: Case) -> bool:
    """Art. 5(b): information on a crime against a citizen of the requesting Party, or on its territory."""
    asked = case.kind == "request" and case.form.get("assistance") == "obtaining-information"
    return asked and not (case.declares("nexus.citizen") or case.declares("nexus.territory"))


def c8_10(case: Case) -> bool:
    """Art. 5(c)-(h), Art. 14: training, administration, consultation, dispute."""
    allowed = codes.CIS_PURPOSES | {"administrative"}
    return case.kind in codes.TALK_AND_TRAINING and not set(case.header.purposes) <= allowed


def c8_11(case: Case) -> bool:
    """Art. 5(i): preservation of data is urgent."""
    return case.kind == "preservation" and case.header.urgency == "routine"


def c8_12(case: Case) -> bool:
    """Art. 5-8, Art. 11: the kinds of message that the text foresees."""
    return case.kind not in codes.CIS2018_KINDS


def c8_15(case: Case) -> bool:
    """Art. 6(2): requests and materials of execution travel where a channel is agreed; an urgent request anyhow."""
    if case.kind not in ("request", "reply") or (case.kind == "request" and case.header.urgency != "routine"):
        return False
    return channel_missing(case)


def c8_16(case: Case) -> bool:
    """Art. 6(3): elements a to g."""
    return case.kind == "request" and not all(case.declares(f"element.{letter}") for letter in "abcdefg")


def c8_17(case: Case) -> bool:
    """Art. 6(4)a: between non-core units, head or deputy and stamp."""
    asked = case.kind == "request" and units(case) == {"non-core"}
    return asked and unsigned(case, "head", "deputy")


def c8_18(case: Case) -> bool:
    """Art. 6(4)b: between specialised subdivisions, their head and stamp; no deputy."""
    asked = case.kind == "request" and units(case) == {"specialised"}
    return asked and unsigned(case, "head-of-specialised")


def c8_26(case: Case) -> bool:
    """Art. 8(1): where the fact is confidential, no broker and no second recipient learns who writes to whom."""
    seen = case.peer.link == "broker" or (len(case.to) > 1 and case.kind != "referral")
    return case.label.confidential_fact and seen


def c8_30(case: Case) -> bool:
    """Art. 11(1): the grounds of refusal."""
    grounds = {
        *("sovereignty", "security", "important-interests", "public-order", "citizens-rights"),
        *("national-law", "international-obligations"),
    }
    return case.kind == "refusal" and (case.form.get("refusal.ground") not in grounds or withheld_unlisted(case))


REFUSE: tuple[Row, ...] = (
    ("C8-02", c8_02),
    ("C8-03", c8_03),
    ("C8-07", c8_07),
    ("C8-09", c8_09),
    ("C8-10", c8_10),
    ("C8-12", c8_12),
    ("C8-15", c8_15),
    ("C8-16", c8_16),
    ("C8-17", c8_17),
    ("C8-18", c8_18),
    ("C8-26", c8_26),
    ("C8-30", c8_30),
)
FLAG: tuple[Row, ...] = (("C8-11", c8_11),)
