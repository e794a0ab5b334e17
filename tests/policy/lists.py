"""The closed lists of rules.md, typed from the register and the texts; nothing is read from `config/agreements`."""

from collections.abc import Callable

CZ_PERSONAL = {
    "prevention",
    "detection",
    "establishing-perpetrators",
    "missing-persons",
    "related-proceedings",
    "public-order",
}
FIVE = {"prevention", "detection", "suppression", "disclosure", "investigation"}
EVERY_PURPOSE = FIVE | CZ_PERSONAL | {"border-control", "administrative"}
# Rule, and the purposes it allows, for what is not administrative (CA-05, CZ-45, C8-02, C1-01).
PURPOSES = {
    "caricc-2012": ("CA-05", {"prevention", "suppression"}),
    "cz-kz": ("CZ-45", CZ_PERSONAL),
    "cis-2018": ("C8-02", FIVE),
    "cis-2001": ("C1-01", FIVE),
    "interpol-membership": ("1.7-13", EVERY_PURPOSE),
    "caricc-membership": (
        "1.7-13",
        FIVE | {"administrative", "establishing-perpetrators", "related-proceedings"},
    ),
    "internal-kz": ("1.7-13", EVERY_PURPOSE),
}
ADMINISTRATIVE = {
    "caricc-2012": ("CA-15", {"prevention", "suppression", "administrative"}),
    "cz-kz": ("CZ-12", CZ_PERSONAL | {"administrative"}),
    "cis-2018": ("C8-10", FIVE | {"administrative"}),
    "cis-2001": ("C1-04", FIVE | {"administrative"}),
}
ADMINISTRATIVE_KINDS: dict[str, set[str]] = {
    "caricc-2012": {"administrative", "consultation", "dispute"},
    **{key: {"administrative", "training", "consultation", "dispute"} for key in ("cz-kz", "cis-2018", "cis-2001")},
    **{key: set() for key in ("interpol-membership", "caricc-membership", "internal-kz")},
}
PROTECTIVE = {"use-check", "use-check-reply", "correction", "recall", "destruction-proof", "dispute"}
_ALWAYS = PROTECTIVE | {"administrative", "consultation"}
_TALK = {"request", "reply", "spontaneous", "notice", "refusal", "clarification", "conditions", "acceptance"}
# Kinds that the articles of each instrument speak of.
KINDS = {
    "caricc-2012": _ALWAYS | _TALK | {"query", "answer"},
    "cz-kz": _ALWAYS | _TALK | {"travel-document", "forged-document", "referral", "use-report", "training"},
    "cis-2018": _ALWAYS
    | _TALK
    | {"preservation", "referral", "impediment", "postponement", "confirmation", "confidentiality-exception"}
    | {"information-systems", "training"},
    "cis-2001": _ALWAYS
    | _TALK
    | {"referral", "impediment", "postponement", "confirmation", "legal-assistance", "information-systems", "training"},
    "interpol-membership": _ALWAYS
    | _TALK
    | {"query", "answer", "record", "travel-document", "referral", "use-report", "training"},
    "caricc-membership": _ALWAYS | _TALK | {"referral", "use-report", "training"},
    "internal-kz": _ALWAYS | _TALK | {"travel-document", "referral", "use-report", "training"},
}
KINDS_RULE = {
    "caricc-2012": "CA-04",
    "cz-kz": "CZ-04",
    "cis-2018": "C8-12",
    "cis-2001": "C1-04",
    **dict.fromkeys(("interpol-membership", "caricc-membership", "internal-kz"), "1.7-13"),
}
CARICC_SUBSTANTIVE = {"request", "reply", "spontaneous", "query", "notice"}
CARICC_SUBJECTS = {"narcotic-drugs", "psychotropic-substances", "precursors"}
EIGHT_ACTS = {
    "unauthorized-access",
    "malware",
    "operating-rules",
    "property-theft",
    "minor-pornography",
    "access-tools",
    "software-piracy",
    "extremist-materials",
}
FOUR_ACTS = {"unauthorized-access", "malware", "operating-rules", "software-piracy", "computer-information"}
FIFTEEN_HEADS = CARICC_SUBJECTS | {
    "organized-crime",
    "terrorism",
    "life-and-health",
    "human-trafficking",
    "child-sexual-abuse",
    "illegal-migration",
    "information-technology",
    "weapons-and-dangerous-goods",
    "forgery",
    "economic-crime",
    "corruption",
    "cultural-objects",
    "motor-vehicles",
    "intellectual-property",
    "other",
}
ALL_SUBJECTS = CARICC_SUBJECTS | EIGHT_ACTS | FOUR_ACTS | FIFTEEN_HEADS


def _never(kind: str) -> bool:
    return False


_CIS_BOTH = {"request", "reply", "spontaneous", "notice", "referral"}
# Rule, subjects, and for which kinds the list is closed (CA-04, C8-03, C1-02; CZ-03 is open).
SUBJECTS: dict[str, tuple[str, set[str], Callable[[str], bool]]] = {
    "caricc-2012": (
        "CA-04",
        CARICC_SUBJECTS,
        lambda kind: kind not in PROTECTIVE | {"administrative", "consultation"},
    ),
    "cz-kz": ("CZ-03", FIFTEEN_HEADS, _never),
    "cis-2018": ("C8-03", EIGHT_ACTS, lambda kind: kind in _CIS_BOTH | {"preservation"}),
    "cis-2001": ("C1-02", FOUR_ACTS, lambda kind: kind in _CIS_BOTH | {"legal-assistance"}),
    "interpol-membership": ("1.7-13", FIFTEEN_HEADS, _never),
    "caricc-membership": (
        "1.7-13",
        CARICC_SUBJECTS,
        lambda kind: kind not in PROTECTIVE | {"administrative", "consultation", "training", "use-report"},
    ),
    "internal-kz": ("1.7-13", FIFTEEN_HEADS, _never),
}
SPECIAL = {
    "nationality",
    "racial-or-ethnic-origin",
    "political-opinions",
    "religion",
    "philosophical-beliefs",
    "previous-convictions",
    "health",
    "sexual-life",
}
STATUSES = {"lost", "stolen", "stolen-blank", "revoked"}
GROUNDS = {"threat-to-public-order", "prevention", "detection"}
