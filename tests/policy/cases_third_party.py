"""Cases of the third-party family: sources, consents, conditions."""

from typing import Any

from tests.policy.told import Case, Told, allowed, armenian, armenian_of_2001, czech, interpols, passing
from tests.policy.world import NOW, digest, header, label, source

FORWARDED = "Accord policy 9: cited messages were sent or received by whoever cites them"
STANDING = "Accord policy 10: a cited consent stands"
STRICTER = "Accord policy 11: the provider may be stricter than the agreement"


def consented(**changes: Any) -> Told:
    """Czech information that Kazakhstan passes to CARICC with a Czech consent."""
    given = allowed("cz-police", "kz-mvd", "cz-kz", "caricc", **changes)
    return passing(czech(), "caricc", "caricc-membership", given)


THIRD_PARTY_CASES = (
    Case("CZ-33", "consent-missing", "CZKZ Art. 11(2)", consented(), passing(czech(), "caricc", "caricc-membership")),
    Case("CZ-33", "consent-wrong-recipient", "CZKZ Art. 11(2)", consented(), consented(recipients=("kg-police",))),
    Case("CZ-33", "consent-wrong-source", "CZKZ Art. 11(2)", consented(), consented(sources=(digest("another"),))),
    Case(
        "CZ-33",
        "consent-wrong-purpose",
        "CZKZ Art. 11(2)",
        consented(purposes=("detection",)),
        consented(purposes=("prevention",)),
    ),
    Case("CZ-33", "consent-wrong-agreement", "CZKZ Art. 11(2)", consented(), consented(agreement="cis-2018")),
    Case("CZ-33", "consent-wrong-provider", "CZKZ Art. 11(2)", consented(), consented(provider="am-police")),
    Case(
        "C8-29",
        "consent-missing",
        "CIS2018 Art. 10",
        passing(armenian(), "by-police", "cis-2018", allowed("am-police", "kz-mvd", "cis-2018", "by-police")),
        passing(armenian(), "by-police", "cis-2018"),
    ),
    Case(
        "C1-18",
        "consent-missing",
        "CIS2001 Art. 9(1)-(3)",
        passing(
            armenian_of_2001(),
            "tj-police",
            "cis-2001",
            allowed("am-police", "md-police", "cis-2001", "tj-police"),
            by="md-police",
        ),
        passing(armenian_of_2001(), "tj-police", "cis-2001", by="md-police"),
    ),
    Case(
        "CA-08",
        "consent-missing",
        "CARICC Art. 3(4)",
        passing(interpols(), "interpol-gs", "caricc-2012", by="caricc"),
        passing(interpols(), "kz-mvd", "caricc-membership", by="caricc"),
    ),
    Case(
        "1.7-12",
        "consent-missing",
        "CARICC membership third parties",
        passing(
            source("source", "kz-mvd", "caricc", "caricc-membership"),
            "kg-police",
            "caricc-membership",
            allowed("kz-mvd", "caricc", "caricc-membership", "kg-police"),
            by="caricc",
        ),
        passing(
            source("source", "kz-mvd", "caricc", "caricc-membership"), "kg-police", "caricc-membership", by="caricc"
        ),
    ),
    Case(
        "ACC-11",
        "consent-missing",
        STRICTER,
        passing(
            source("source", "cz-police", "interpol-gs", "interpol-membership"),
            "am-police",
            "interpol-membership",
            by="interpol-gs",
        ),
        passing(
            source(
                "source", "cz-police", "interpol-gs", "interpol-membership", label=label(third_party="consent-required")
            ),
            "am-police",
            "interpol-membership",
            by="interpol-gs",
        ),
    ),
    Case(
        "ACC-11",
        "third-party-prohibited",
        STRICTER,
        passing(
            czech(label=label(third_party="prohibited")),
            "caricc",
            "caricc-membership",
            allowed("cz-police", "kz-mvd", "cz-kz", "caricc"),
        ),
        passing(
            czech(label=label(third_party="prohibited")),
            "caricc",
            "caricc-membership",
            allowed("cz-customs", "kz-mvd", "cz-kz", "caricc"),
        ),
    ),
    Case(
        "ACC-09",
        "source-unavailable",
        FORWARDED,
        passing(czech(), "cz-police", "cz-kz"),
        passing(czech(withdrawn=True), "cz-police", "cz-kz"),
    ),
    Case(
        "ACC-09",
        "reply-unavailable",
        FORWARDED,
        Told(header("kz-mvd", "cz-police", "cz-kz", kind="reply", in_reply_to=digest("source")), (czech(),)),
        Told(header("kz-mvd", "cz-police", "cz-kz", kind="reply", in_reply_to=digest("another")), (czech(),)),
    ),
    Case(
        "ACC-05",
        "agreement-unknown",
        "Accord policy 5: every clause has a rule that can judge it",
        passing(czech(), "cz-police", "cz-kz"),
        passing(czech(agreement="unknown"), "cz-police", "cz-kz"),
    ),
    Case("ACC-10", "consent-unavailable", STANDING, consented(), consented(grantee="kz-police")),
    Case("ACC-10", "consent-not-yet-valid", STANDING, consented(not_before_ms=NOW), consented(not_before_ms=NOW + 1)),
    Case("ACC-10", "consent-expired", STANDING, consented(not_after_ms=NOW + 1), consented(not_after_ms=NOW)),
    Case("ACC-10", "consent-revoked", STANDING, consented(), consented(revoked_at_ms=NOW - 1)),
    Case("ACC-10", "consent-used-up", STANDING, consented(uses_max=2, uses=1), consented(uses_max=2, uses=2)),
    Case("ACC-10", "condition-dropped", STANDING, consented(), consented(conditions=("no-copies",))),
    Case(
        "CZ-20",
        "condition-dropped",
        "CZKZ Art. 9(4), Art. 10(1)",
        passing(czech(conditions=("no-copies",)), "cz-police", "cz-kz", conditions=("no-copies",)),
        passing(czech(conditions=("no-copies",)), "cz-police", "cz-kz"),
    ),
    Case(
        "CA-06",
        "condition-dropped",
        "CARICC Art. 3(2), Art. 3(4)",
        passing(
            interpols(conditions=("no-copies",)), "interpol-gs", "caricc-2012", by="caricc", conditions=("no-copies",)
        ),
        passing(interpols(conditions=("no-copies",)), "interpol-gs", "caricc-2012", by="caricc"),
    ),
    Case(
        "C8-28",
        "condition-dropped",
        "CIS2018 Art. 9(2)",
        passing(armenian(conditions=("no-copies",)), "am-police", "cis-2018", conditions=("no-copies",)),
        passing(armenian(conditions=("no-copies",)), "am-police", "cis-2018"),
    ),
    Case(
        "1.7-12",
        "condition-dropped",
        "KZ internal conditions",
        passing(
            source("source", "kz-police", "kz-mvd", "internal-kz", conditions=("no-copies",)),
            "kz-police",
            "internal-kz",
            conditions=("no-copies",),
        ),
        passing(
            source("source", "kz-police", "kz-mvd", "internal-kz", conditions=("no-copies",)),
            "kz-police",
            "internal-kz",
        ),
    ),
)
