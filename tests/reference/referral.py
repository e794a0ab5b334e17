"""A referral answers the request that is referred, and whoever made that request is among the recipients.

The instrument that the request came under asks for it as well as the one that the referral cites (1.7-12).
"""

from tests.reference.case import Case
from tests.reference.others import reply_unavailable

REFUSE = {"cis-2018": "C8-21", "cis-2001": "C1-12"}
# Art. 9(2) CZKZ wants no notice; that one is sent all the same is policy.
FLAG = {"cz-kz": "CZ-17", "cz-kz-1998": "CZ-17"}


def spoken(case: Case) -> tuple[set[str], set[str]]:
    """Return the rule ids that refuse, and those that mark, a referral of which its initiator does not learn."""
    if case.kind != "referral":
        return set(), set()
    # What is not available counts as unknown (ACC-09).
    request = None if reply_unavailable(case) else case.facts.sources.get(case.header.in_reply_to or "")
    if request is not None and request.originator in case.to:
        return set(), set()
    asked = {case.header.agreement, *([request.agreement] if request else [])}
    asked = {name for name in asked if case.world.lists(name)}
    return {REFUSE[name] for name in asked if name in REFUSE}, {FLAG[name] for name in asked if name in FLAG}
