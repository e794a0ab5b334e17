"""The rules of the federation itself (ACC): who may speak on which connection, mandates, levels, citations."""

from gateway.domain.label import RANK
from tests.reference.case import Case, Row
from tests.reference.codes import DIRECT_ACCESS, PROTECTIVE, SUBJECTS, TALK_AND_TRAINING


def acc_01(case: Case) -> bool:
    """The edition is current."""
    return case.at_ms >= case.world.directory.edition.not_after_ms


def acc_02(case: Case) -> bool:
    """Originator and recipients are listed and not revoked."""
    return any(who is None or who.revoked for who in [case.originator, *case.recipients])


def acc_03(case: Case) -> bool:
    """The connection is the originator's own."""
    return case.peer.authority != case.header.originator


def acc_04(case: Case) -> bool:
    """The agreement is one of the law that the edition lists."""
    return not case.world.lists(case.header.agreement)


def acc_06(case: Case) -> bool:
    """Purposes, subjects and kind lie within the mandates of both sides."""
    for who in [case.originator, *case.recipients]:
        if who is None:
            continue
        purposes, subjects, kinds = who.mandate.purposes, who.mandate.subjects, who.mandate.kinds
        if purposes is not None and not set(case.header.purposes) <= set(purposes):
            return True
        if subjects is not None and not set(case.header.subjects) <= set(subjects):
            return True
        if kinds is not None and case.kind not in kinds:
            return True
    return False


def acc_07(case: Case) -> bool:
    """The label exceeds no clearance: originator, recipients, connection."""
    cleared = [RANK[who.clearance] for who in [case.originator, *case.recipients] if who is not None]
    return case.rank > min([*cleared, case.peer.clearance])


def acc_08(case: Case) -> bool:
    """A query names its database, under an instrument that gives direct access."""
    return case.kind == "query" and (case.header.database is None or case.header.agreement not in DIRECT_ACCESS)


def acc_12(case: Case) -> bool:
    """Private entities neither send nor receive (LI-01)."""
    parties = case.world.directory.parties
    return any(who is not None and parties[who.party].kind == "private" for who in [case.originator, *case.recipients])


def acc_14(case: Case) -> bool:
    """Subjects are codes that some instrument of the law knows."""
    return not set(case.header.subjects) <= SUBJECTS


def li_02(case: Case) -> bool:
    """Having an agreement is not having database access; without exchange of information nothing operational."""
    able = case.world.capabilities.get(case.header.agreement, frozenset())
    if case.kind == "query":
        return "database-access" not in able
    return case.kind not in TALK_AND_TRAINING | PROTECTIVE and "information-exchange" not in able


ROWS: tuple[Row, ...] = (
    ("ACC-01", acc_01),
    ("ACC-02", acc_02),
    ("ACC-03", acc_03),
    ("ACC-04", acc_04),
    ("ACC-06", acc_06),
    ("ACC-07", acc_07),
    ("ACC-08", acc_08),
    ("ACC-12", acc_12),
    ("ACC-14", acc_14),
)
