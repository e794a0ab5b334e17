"""Accord's own rules: what the gateway demands where no text speaks. Always `policy`, never a treaty's word.

They are named `ACC-nn` beside the rules of the register, so that an explanation shows at a glance whose demand it is.
"""

from gateway.domain.decision import Reason

ARTICLES: dict[str, str] = {
    "ACC-01": "Accord policy 1: a current directory edition, and the law it names",
    "ACC-02": "Accord policy 2: both sides are listed and not revoked",
    "ACC-03": "Accord policy 3: the connection belongs to the originator",
    "ACC-04": "Accord policy 4: an agreement in force governs the pair",
    "ACC-05": "Accord policy 5: every clause has a rule that can judge it",
    "ACC-06": "Accord policy 6: purpose, subject and kind lie within both mandates",
    "ACC-07": "Accord policy 7: nothing is sent above a clearance",
    "ACC-08": "Accord policy 8: databases are asked only under a grant of the central node",
    "ACC-09": "Accord policy 9: cited messages were sent or received by whoever cites them",
    "ACC-10": "Accord policy 10: a cited consent stands",
    "ACC-11": "Accord policy 11: the provider may be stricter than the agreement",
    "ACC-12": "Accord policy 12: private entities are denied",
    "ACC-13": "Accord policy 13: what was admitted may still be stopped",
    "ACC-14": "Accord policy 14: subjects are codes of the law in force here",
    "ACC-15": "Accord policy 15: an agreement gives what it provides for and nothing else",
}


def demand(code: str, rule: str, detail: str | None = None) -> Reason:
    """Return the reason for a breach of one of our own rules."""
    return Reason(code, rule, ARTICLES[rule], "policy", detail)
