"""The instruments that an operator defined (rules.md 1.7, 13): all of it is policy."""

from tests.reference import codes
from tests.reference.caricc import beyond_grant, prohibited
from tests.reference.case import Case, Row
from tests.reference.national import blocked

FREE_SUBJECTS = codes.TALK_AND_TRAINING | codes.PROTECTIVE | {"use-report"}


def caricc_member(case: Case) -> bool:
    """Kinds, purposes and, on an offence, the three subjects of CARICC."""
    subjects = set(case.header.subjects)
    return (
        case.kind not in codes.CARICC_MEMBER_KINDS
        or not set(case.header.purposes) <= codes.MEMBERSHIP_PURPOSES
        or (case.kind not in FREE_SUBJECTS and (not subjects or not subjects <= codes.CARICC_SUBJECTS))
    )


def interpol_member(case: Case) -> bool:
    """Kinds and purposes of INTERPOL's members."""
    return case.kind not in codes.INTERPOL_MEMBER_KINDS or not set(case.header.purposes) <= codes.WIDE_PURPOSES


def internal(case: Case) -> bool:
    """Kinds and purposes inside a State."""
    return case.kind not in codes.INTERNAL_KINDS or not set(case.header.purposes) <= codes.WIDE_PURPOSES


def li_04(case: Case) -> bool:
    """Direct access is for oneself."""
    return case.kind == "query" and case.declares("on-behalf-of")


def li_05(case: Case) -> bool:
    """Membership is not access: a grant for each database is."""
    return case.kind == "query" and beyond_grant(case)


def document(case: Case) -> bool:
    """Number, type and status of a travel document at the least."""
    return case.kind == "travel-document" and not (
        case.declares("document.number")
        and case.declares("document.type")
        and case.form.get("document.status") in codes.STATUSES
    )


CARICC_MEMBERSHIP: tuple[Row, ...] = (("1.7-13", caricc_member), ("CZ-46", blocked))
INTERPOL_MEMBERSHIP: tuple[Row, ...] = (
    ("1.7-13", interpol_member),
    ("CA-01", prohibited),
    ("CZ-08", document),
    ("CZ-46", blocked),
    ("LI-04", li_04),
    ("LI-05", li_05),
)
INTERNAL: tuple[Row, ...] = (("1.7-13", internal), ("CZ-46", blocked))
