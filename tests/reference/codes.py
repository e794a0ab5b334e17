"""The lists of the texts, in the spelling of the files under config/agreements."""

DIRECT_ACCESS = {"caricc-2012", "interpol-membership"}
PROTECTIVE = {"use-check", "use-check-reply", "correction", "recall", "destruction-proof", "dispute"}
TALK = {"administrative", "consultation", "dispute"}
TALK_AND_TRAINING = TALK | {"training"}

# CARICC, Art. 2: three subjects.
CARICC_SUBJECTS = {"narcotic-drugs", "psychotropic-substances", "precursors"}
# CZKZ, Art. 2: fifteen heads and `other`; head 7 is the three of CARICC.
CZKZ_SUBJECTS = CARICC_SUBJECTS | {
    *("organized-crime", "terrorism", "life-and-health", "human-trafficking", "child-sexual-abuse"),
    *("illegal-migration", "information-technology", "weapons-and-dangerous-goods", "forgery", "economic-crime"),
    *("corruption", "cultural-objects", "motor-vehicles", "intellectual-property", "other"),
}
# CIS2018, Art. 3(1) a to h: eight acts.
CIS2018_SUBJECTS = {
    *("unauthorized-access", "malware", "operating-rules", "property-theft", "minor-pornography", "access-tools"),
    *("software-piracy", "extremist-materials"),
}
# CIS2001, Art. 3(1) a to d: four acts; Art. 1(a): computer information as the target.
CIS2001_SUBJECTS = {"unauthorized-access", "malware", "operating-rules", "software-piracy", "computer-information"}
SUBJECTS = CARICC_SUBJECTS | CZKZ_SUBJECTS | CIS2018_SUBJECTS | CIS2001_SUBJECTS

CZKZ_PURPOSES = {
    *("prevention", "detection", "establishing-perpetrators", "missing-persons", "related-proceedings"),
    "public-order",
}
CIS_PURPOSES = {"prevention", "detection", "suppression", "disclosure", "investigation"}
CARICC_PURPOSES = {"prevention", "suppression"}
MEMBERSHIP_PURPOSES = CIS_PURPOSES | {"administrative", "establishing-perpetrators", "related-proceedings"}
WIDE_PURPOSES = MEMBERSHIP_PURPOSES | {"missing-persons", "public-order", "border-control"}

# Kinds that the texts foresee.
COMMON_KINDS = {
    *("request", "reply", "spontaneous", "notice", "refusal", "clarification", "conditions", "acceptance"),
    *PROTECTIVE,
    *("consultation", "administrative"),
}
CARICC_KINDS = COMMON_KINDS | {"query", "answer"}
CZKZ_KINDS = COMMON_KINDS | {
    *("travel-document", "forged-document", "referral", "use-report", "training"),
    # Art. 4: persons, missing persons, objects, special techniques, joint programmes.
    *("search-person", "missing-person", "search-object", "special-techniques", "joint-programme"),
}
CIS2001_KINDS = COMMON_KINDS | {
    *("referral", "impediment", "postponement", "confirmation", "legal-assistance", "information-systems", "training"),
    "joint-activity",
}
CIS2018_KINDS = (CIS2001_KINDS - {"legal-assistance"}) | {"preservation", "confidentiality-exception"}
CARICC_MEMBER_KINDS = COMMON_KINDS | {"referral", "use-report", "training"}
INTERPOL_MEMBER_KINDS = CARICC_MEMBER_KINDS | {"query", "answer", "record", "travel-document"}
INTERNAL_KINDS = CARICC_MEMBER_KINDS | {"travel-document"}

SPECIAL_CATEGORIES = {
    *("nationality", "racial-or-ethnic-origin", "political-opinions", "religion", "philosophical-beliefs"),
    *("previous-convictions", "health", "sexual-life"),
}
STATUSES = {"lost", "stolen", "stolen-blank", "revoked"}
