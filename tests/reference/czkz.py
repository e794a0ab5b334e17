"""The Czech-Kazakh agreement, article by article: the condition under which each rule is broken."""

from gateway.domain.label import RANK
from tests.reference import codes
from tests.reference.case import Case, Row
from tests.reference.national import blocked
from tests.reference.signing import expert_signed

PERSON_KINDS = {"search-person", "missing-person"}
ADVICE = {"consultation", "clarification", "training", "administrative"}


def cz_02(case: Case) -> bool:
    """Art. 1(2): legal assistance in criminal matters is left out."""
    return case.kind == "legal-assistance"


def cz_03(case: Case) -> bool:
    """Art. 2: all types of crime; an open list refuses nothing (what no instrument knows is ACC-14)."""
    return False


def cz_04(case: Case) -> bool:
    """Art. 3-9: the kinds of message that the text foresees."""
    return case.kind not in codes.CZKZ_KINDS


def cz_05(case: Case) -> bool:
    """Art. 4(4), policy: special techniques travel at least confidential."""
    return case.kind == "special-techniques" and case.rank < RANK["confidential"]


def cz_06(case: Case) -> bool:
    """Art. 5(2): an expert advises and does not operate."""
    return expert_signed(case) and case.kind not in ADVICE


def cz_07(case: Case) -> bool:
    """Art. 6(1): lost, stolen, stolen blank or revoked."""
    return case.kind == "travel-document" and case.form.get("document.status") not in codes.STATUSES


def cz_08(case: Case) -> bool:
    """Art. 6(2): number and type at the least (the status: CZ-07)."""
    return case.kind == "travel-document" and not (case.declares("document.number") and case.declares("document.type"))


def cz_12(case: Case) -> bool:
    """Art. 8, Art. 14: training, administration, consultation, dispute."""
    allowed = codes.CZKZ_PURPOSES | {"administrative"}
    return case.kind in codes.TALK_AND_TRAINING and not set(case.header.purposes) <= allowed


def cz_13(case: Case) -> bool:
    """Art. 9(1): electronic means only if acceptable in light of the contents."""
    return "paper-only" in case.label.handling


def cz_18(case: Case) -> bool:
    """Art. 9(3): what comes without a request states its ground."""
    grounds = {"threat-to-public-order", "prevention", "detection"}
    return case.kind == "spontaneous" and case.form.get("ground") not in grounds


def cz_19(case: Case) -> bool:
    """Art. 9(4): sovereignty, security, other important interests, legislation, international obligations."""
    grounds = {"sovereignty", "security", "important-interests", "national-law", "international-obligations"}
    return case.kind == "refusal" and (case.form.get("refusal.ground") not in grounds or withheld_unlisted(case))


def withheld_unlisted(case: Case) -> bool:
    """Tell whether a partial refusal does not list what is withheld."""
    return case.declares("refusal.partial") and not case.declares("refusal.withheld")


def cz_22(case: Case) -> bool:
    """Art. 9(6): English, unless agreed otherwise."""
    language = case.header.language
    return (
        case.kind != "travel-document"
        and language is not None
        and language != "en"
        and not case.declares("language.agreed")
    )


def cz_22_unstated(case: Case) -> bool:
    """Art. 9(6): no language stated is marked only."""
    return case.kind != "travel-document" and case.header.language is None


def cz_23(case: Case) -> bool:
    """Art. 10(1): personal data only for combating crime, related proceedings, public order and security."""
    return case.label.personal_data and not set(case.header.purposes) <= codes.CZKZ_PURPOSES


def cz_24(case: Case) -> bool:
    """Art. 10(2): the eight special categories, and only when necessary."""
    categories = set(case.label.special_categories)
    return bool(categories) and (case.label.necessity is None or not categories <= codes.SPECIAL_CATEGORIES)


def cz_28(case: Case) -> bool:
    """Art. 10(5): personal data come with a deadline for their destruction, which is still ahead."""
    deadline = case.header.destroy_by_ms
    return case.label.personal_data and (deadline is None or deadline <= case.at_ms)


def cz_45(case: Case) -> bool:
    """Art. 1(1): preventing and detecting offences, establishing perpetrators, and what Art. 7, 9, 10 add."""
    return case.kind not in codes.TALK_AND_TRAINING and not set(case.header.purposes) <= codes.CZKZ_PURPOSES


def cz_46(case: Case) -> bool:
    """Art. 1(2): what national legislation or another agreement forbids."""
    return blocked(case)


def cz_47(case: Case) -> bool:
    """Art. 10 chapeau: data relating to a concrete person are personal data."""
    return not case.label.personal_data and (case.kind in PERSON_KINDS or bool(case.label.special_categories))


REFUSE: tuple[Row, ...] = (
    ("CZ-02", cz_02),
    ("CZ-03", cz_03),
    ("CZ-04", cz_04),
    ("CZ-05", cz_05),
    ("CZ-06", cz_06),
    ("CZ-07", cz_07),
    ("CZ-08", cz_08),
    ("CZ-12", cz_12),
    ("CZ-13", cz_13),
    ("CZ-18", cz_18),
    ("CZ-19", cz_19),
    ("CZ-22", cz_22),
    ("CZ-23", cz_23),
    ("CZ-24", cz_24),
    ("CZ-28", cz_28),
    ("CZ-45", cz_45),
    ("CZ-46", cz_46),
    ("CZ-47", cz_47),
)
FLAG: tuple[Row, ...] = (("CZ-22", cz_22_unstated),)
