"""The reference table: every rule as one plain condition, asked one by one, slow and obvious.

Written from rules.md and the texts beside it, by somebody who did not read `gateway/policy`. It shares
nothing with it but the words of `gateway/domain`.
"""

from gateway.domain.decision import Decision
from tests.reference import caricc, cis2001, cis2018, czkz, house, operator_defined, others, referral
from tests.reference.case import Case, Row
from tests.reference.governing import governing

# What is refused by, and what is only marked by, the instrument that a message cites.
REFUSE: dict[str, tuple[Row, ...]] = {
    "caricc-2012": caricc.REFUSE,
    "cz-kz": czkz.REFUSE,
    "cz-kz-1998": czkz.REFUSE,
    "cis-2018": cis2018.REFUSE,
    "cis-2001": cis2001.REFUSE,
    "caricc-membership": operator_defined.CARICC_MEMBERSHIP,
    "interpol-membership": operator_defined.INTERPOL_MEMBERSHIP,
    "internal-kz": operator_defined.INTERNAL,
}
FLAG: dict[str, tuple[Row, ...]] = {
    "caricc-2012": caricc.FLAG,
    "cz-kz": czkz.FLAG,
    "cz-kz-1998": czkz.FLAG,
    "cis-2018": cis2018.FLAG,
    "cis-2001": cis2001.FLAG,
}
Verdict = tuple[frozenset[str], frozenset[str]]


def table(case: Case) -> Verdict:
    """Return the ids of all rules that refuse a message, and of those that mark it."""
    agreement = case.header.agreement
    reasons = {rule for rule, broken in house.ROWS if broken(case)}
    flags: set[str] = set()
    if "ACC-04" not in reasons:
        reasons |= governing(case)
        reasons |= {"LI-02"} if house.li_02(case) else set()
        reasons |= {rule for rule, broken in REFUSE.get(agreement, ()) if broken(case)}
        flags |= {rule for rule, broken in FLAG.get(agreement, ()) if broken(case)}
    for refused, marked in (others.spoken(case), referral.spoken(case)):
        reasons |= refused
        flags |= marked
    return frozenset(reasons), frozenset(flags)


def verdict(decision: Decision) -> Verdict:
    """Return the same of a decision of the gateway."""
    return frozenset(reason.rule for reason in decision.reasons), frozenset(flag.rule for flag in decision.flags)
