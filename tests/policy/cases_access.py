"""Cases of the access family: listing, clearance, grants, marking."""

from typing import Any

from gateway.domain.directory import Grant
from tests.policy.told import LATER, Case, Told, armenian, armenian_of_2001, c18, cz, czech, interpols, passing, query
from tests.policy.world import AUTHORITIES, CARICC_FORM, NOW, authority, digest, header, label, law, recipients, source

HIDDEN = label(confidential_fact=True)


def answer(**changes: Any) -> Told:
    """A Kazakh answer to an Armenian request whose very existence is confidential."""
    asked = armenian(kind="request", label=HIDDEN)
    message = header("kz-mvd", "am-police", "cis-2018", kind="reply", in_reply_to=asked.header_sha256, **changes)
    return Told(message, (asked,))


ACCESS_CASES = (
    Case(
        "ACC-07",
        "clearance-exceeded",
        "Accord policy 7: nothing is sent above a clearance",
        cz(label=label(level="secret")),
        cz(label=label(level="top-secret")),
    ),
    Case(
        "ACC-07",
        "link-clearance-exceeded",
        "Accord policy 7: nothing is sent above a clearance",
        cz(label=label(level="confidential"))._replace(link_clearance=2),
        cz(label=label(level="confidential"))._replace(link_clearance=1),
    ),
    Case(
        "ACC-02",
        "authority-unknown",
        "Accord policy 2: both sides are listed and not revoked",
        cz(),
        cz(recipients=header("cz-police", ("kz-mvd", "nobody"), "cz-kz").recipients),
    ),
    Case(
        "ACC-02",
        "authority-revoked",
        "Accord policy 2: both sides are listed and not revoked",
        cz(),
        cz()._replace(world={"authorities": (*AUTHORITIES, authority("kz-mvd", "KZ", revoked=True))}),
    ),
    Case(
        "ACC-12",
        "private-entity",
        "Accord policy 12: private entities are denied",
        cz(),
        cz()._replace(world={"private": ("CZ",)}),
    ),
    Case(
        "ACC-01",
        "edition-expired",
        "Accord policy 1: a current directory edition, and the law it names",
        cz()._replace(world={"not_after_ms": NOW + 1}),
        cz()._replace(world={"not_after_ms": NOW}),
    ),
    Case(
        "ACC-01",
        "law-mismatch",
        "Accord policy 1: a current directory edition, and the law it names",
        cz(),
        cz()._replace(world={"law_digests": {**law().digests, "cis-2018": digest("another file")}}),
    ),
    Case(
        "C8-26",
        "link-not-confidential",
        "CIS2018 Art. 8(1)",
        c18(label=label(confidential_fact=True)),
        c18(label=label(confidential_fact=True))._replace(link="broker"),
    ),
    Case(
        "C8-26",
        "confidential-fact-spread",
        "CIS2018 Art. 8(1)",
        c18(label=HIDDEN),
        c18(label=HIDDEN, recipients=recipients("kz-mvd", "by-police")),
    ),
    Case("C8-26", "label-lowered", "CIS2018 Art. 8(1)", answer(label=HIDDEN), answer()),
    Case(
        "C8-26",
        "label-lowered",
        "CIS2018 Art. 8(1)",
        passing(armenian(label=HIDDEN), "am-police", "cis-2018", label=HIDDEN),
        passing(armenian(label=HIDDEN), "am-police", "cis-2018"),
    ),
    Case("CA-12", "grant-missing", "CARICC Art. 4(1)-(2), Annex 1", query(), query(database="vehicles")),
    Case(
        "CA-12",
        "grant-level",
        "CARICC Art. 4(1)-(2), Annex 1",
        query(label=label(level="confidential")),
        query(label=label(level="secret")),
    ),
    Case(
        "CA-12",
        "grant-purpose",
        "CARICC Art. 4(1)-(2), Annex 1",
        query(),
        query()._replace(world={"grants": (Grant("caricc", "travel-documents", "secret", ("suppression",), LATER),)}),
    ),
    Case(
        "CA-12",
        "grant-expired",
        "CARICC Art. 4(1)-(2), Annex 1",
        query(),
        query()._replace(world={"grants": (Grant("caricc", "travel-documents", "secret", ("prevention",), NOW),)}),
    ),
    Case("CA-14", "query-delegated", "CARICC Art. 4(4)", query(), query(form={**CARICC_FORM, "on-behalf-of": True})),
    Case(
        "CA-14",
        "query-not-foreseen",
        "CARICC Art. 4(4)",
        query(),
        Told(header("interpol-gs", "caricc", "caricc-2012", kind="query", database="travel-documents"))._replace(
            world={"grants": (Grant("interpol-gs", "travel-documents", "secret", ("prevention",), LATER),)}
        ),
    ),
    Case(
        "LI-05",
        "grant-missing",
        "INTERPOL membership database access",
        Told(header("cz-police", "interpol-gs", "interpol-membership", kind="query", database="travel-documents")),
        Told(header("am-police", "interpol-gs", "interpol-membership", kind="query", database="travel-documents")),
    ),
    Case(
        "LI-05",
        "grant-issuer",
        "INTERPOL membership database access",
        Told(header("cz-police", "interpol-gs", "interpol-membership", kind="query", database="travel-documents")),
        Told(
            header(
                "cz-police",
                ("interpol-gs", "cz-customs"),
                "interpol-membership",
                kind="query",
                database="travel-documents",
            )
        ),
    ),
    Case(
        "LI-04",
        "query-delegated",
        "INTERPOL membership direct access",
        Told(header("cz-police", "interpol-gs", "interpol-membership", kind="query", database="travel-documents")),
        Told(
            header(
                "cz-police",
                "interpol-gs",
                "interpol-membership",
                kind="query",
                database="travel-documents",
                form={"on-behalf-of": True},
            )
        ),
    ),
    Case(
        "ACC-08",
        "database-missing",
        "Accord policy 8: databases are asked only under a grant of the central node",
        query(),
        query(database=None),
    ),
    Case(
        "ACC-08",
        "query-not-foreseen",
        "Accord policy 8: databases are asked only under a grant of the central node",
        query(),
        cz(kind="query", database="travel-documents"),
    ),
    Case(
        "C1-17",
        "label-lowered",
        "CIS2001 Art. 9(2)",
        passing(armenian_of_2001(), "am-police", "cis-2001", by="md-police"),
        passing(armenian_of_2001(label=label(level="confidential")), "am-police", "cis-2001", by="md-police"),
    ),
    Case(
        "CZ-33",
        "label-lowered",
        "CZKZ Art. 11(1)",
        passing(czech(), "cz-police", "cz-kz"),
        passing(czech(label=label(level="secret")), "cz-police", "cz-kz"),
    ),
    Case(
        "C8-26",
        "label-lowered",
        "CIS2018 Art. 8(1)",
        passing(armenian(), "am-police", "cis-2018"),
        passing(armenian(label=label(level="secret")), "am-police", "cis-2018"),
    ),
    Case(
        "CA-06",
        "label-lowered",
        "CARICC Art. 3(2)",
        passing(interpols(), "interpol-gs", "caricc-2012", by="caricc"),
        passing(interpols(label=label(level="secret")), "interpol-gs", "caricc-2012", by="caricc"),
    ),
    Case(
        "1.7-12",
        "label-lowered",
        "KZ internal marking",
        passing(source("source", "kz-police", "kz-mvd", "internal-kz"), "kz-police", "internal-kz"),
        passing(
            source("source", "kz-police", "kz-mvd", "internal-kz", label=label(level="secret")),
            "kz-police",
            "internal-kz",
        ),
    ),
)
