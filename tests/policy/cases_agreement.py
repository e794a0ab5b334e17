"""Cases of the agreement family: which instrument governs a pair on a day, and what kinds it foresees."""

from gateway.domain.directory import Exit
from tests.policy.told import SUSPENDED, SYSTEMS, UKRAINE, Case, Told, c01, c18, caricc, cz, under
from tests.policy.world import BOUND, adherence, at, bound_except, header, notified

AGREEMENT_CASES = (
    Case(
        "CZ-42",
        "agreement-not-in-force",
        "CZKZ Art. 18(1)",
        under((notified("cz-kz", "CZ", "2024-01-15"), notified("cz-kz", "KZ", "2024-03-10")), cz(), at("2024-05-01")),
        under((notified("cz-kz", "CZ", "2024-01-15"), notified("cz-kz", "KZ", "2024-03-10")), cz(), at("2024-04-30")),
    ),
    Case(
        "CZ-43",
        "agreement-ended",
        "CZKZ Art. 18(2)",
        under(
            bound_except("cz-kz", "KZ", adherence("cz-kz", "KZ", exit=Exit("2025-12-14", None))), cz(), at("2026-06-13")
        ),
        under(
            bound_except("cz-kz", "KZ", adherence("cz-kz", "KZ", exit=Exit("2025-12-14", None))), cz(), at("2026-06-16")
        ),
    ),
    Case(
        "CZ-41",
        "agreement-suspended",
        "CZKZ Art. 17",
        under(bound_except("cz-kz", "CZ", SUSPENDED), cz(), at("2026-05-15")),
        under(bound_except("cz-kz", "CZ", SUSPENDED), cz(), at("2026-05-18")),
    ),
    Case(
        "CA-21",
        "agreement-not-in-force",
        "CARICC Art. 9(2)",
        caricc(),
        under(bound_except("caricc-2012", "CARICC", notified("caricc-2012", "CARICC", "2012-04-25")), caricc()),
    ),
    Case(
        "CA-22",
        "agreement-ended",
        "CARICC Art. 9(3)",
        under(
            bound_except("caricc-2012", "CARICC", adherence("caricc-2012", "CARICC", exit=Exit("2025-11-30", None))),
            caricc(),
            at("2026-02-27"),
        ),
        under(
            bound_except("caricc-2012", "CARICC", adherence("caricc-2012", "CARICC", exit=Exit("2025-11-30", None))),
            caricc(),
            at("2026-03-02"),
        ),
    ),
    Case(
        "C8-35",
        "agreement-not-in-force",
        "CIS2018 Art. 16, Art. 17(1)",
        c18(),
        c18(recipients=header("am-police", "md-police", "cis-2018").recipients),
    ),
    Case(
        "C8-36",
        "agreement-superseded",
        "CIS2018 Art. 17(2)",
        c01(),
        Told(header("am-police", "kz-mvd", "cis-2001")),
    ),
    Case(
        "C8-37",
        "agreement-ended",
        "CIS2018 Art. 18",
        under(bound_except("cis-2018", "AM", adherence("cis-2018", "AM", exit=Exit("2026-01-10", None))), c18()),
        under(bound_except("cis-2018", "AM", adherence("cis-2018", "AM", exit=Exit("2025-12-10", None))), c18()),
    ),
    Case(
        "C1-21",
        "agreement-not-in-force",
        "CIS2001 Art. 15, Art. 17",
        c01(),
        Told(header("md-police", "ru-police", "cis-2001")),
    ),
    Case(
        "C1-23",
        "agreement-ended",
        "CIS2001 Art. 17",
        under(
            bound_except("cis-2001", "MD", adherence("cis-2001", "MD", exit=Exit("2025-06-01", "2026-06-20"))), c01()
        ),
        under(
            bound_except("cis-2001", "MD", adherence("cis-2001", "MD", exit=Exit("2025-06-01", "2026-06-10"))), c01()
        ),
    ),
    Case(
        "C1-25",
        "reservation",
        "CIS2001 Art. 5(e), reservation of Ukraine",
        under((*BOUND, adherence("cis-2001", "UA")), SYSTEMS),
        under(UKRAINE, SYSTEMS),
    ),
    Case(
        "1.7-13",
        "pair-not-covered",
        "Accord policy 4: an agreement in force governs the pair",
        Told(header("kz-mvd", "kz-police", "internal-kz")),
        Told(header("kz-mvd", "kz-police", "cis-2018")),
    ),
    Case(
        "1.7-13",
        "agreement-not-in-force",
        "Accord policy 4: an agreement in force governs the pair",
        Told(header("kz-mvd", "caricc", "caricc-membership")),
        Told(header("am-police", "caricc", "caricc-membership")),
    ),
    Case(
        "ACC-04",
        "agreement-unknown",
        "Accord policy 4: an agreement in force governs the pair",
        cz(),
        Told(header("cz-police", "kz-mvd", "unknown")),
    ),
    Case("CZ-04", "kind-not-foreseen", "CZKZ Art. 3-9", cz(), cz(kind="preservation")),
    Case("CZ-02", "legal-assistance-excluded", "CZKZ Art. 1(2)", cz(), cz(kind="legal-assistance")),
    Case("CA-04", "kind-not-foreseen", "CARICC Art. 2-6", caricc(), caricc(kind="legal-assistance")),
    Case("C8-12", "kind-not-foreseen", "CIS2018 Art. 5-8, Art. 11", c18(), c18(kind="legal-assistance")),
    Case(
        "C1-04",
        "kind-not-foreseen",
        "CIS2001 Art. 5-9",
        c01(),
        c01(kind="preservation"),
    ),
)
