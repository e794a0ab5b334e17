"""Cases of the form family: required elements, language, personal data."""

from tests.policy.told import LATER, PERSONAL, STOLEN, WITHOUT_A, Case, Told, c01, c18, caricc, cz
from tests.policy.world import CARICC_FORM, NOW, header, label

DOCUMENT = cz(kind="travel-document", form=STOLEN)


def special(category: str, necessity: str | None = "identification") -> Told:
    """Personal data of a special category, sent to Kazakhstan."""
    marking = label(personal_data=True, special_categories=(category,), necessity=necessity)
    return cz(label=marking, destroy_by_ms=LATER)


FORM_CASES = (
    Case("C8-16", "element-missing", "CIS2018 Art. 6(3)", c18(), c18(form=WITHOUT_A)),
    Case("C1-08", "element-missing", "CIS2001 Art. 6(4)", c01(), c01(form=WITHOUT_A), "flag"),
    Case(
        "CZ-08",
        "document-incomplete",
        "CZKZ Art. 6(2)",
        DOCUMENT,
        cz(kind="travel-document", form={**STOLEN, "document.number": False}),
    ),
    Case(
        "CZ-07",
        "document-incomplete",
        "CZKZ Art. 6(1)",
        DOCUMENT,
        cz(kind="travel-document", form={**STOLEN, "document.status": "lent"}),
    ),
    Case(
        "CZ-08",
        "document-incomplete",
        "INTERPOL membership travel documents",
        Told(header("cz-police", "interpol-gs", "interpol-membership", kind="travel-document", form=STOLEN)),
        Told(header("cz-police", "interpol-gs", "interpol-membership", kind="travel-document")),
    ),
    Case(
        "CZ-18",
        "ground-missing",
        "CZKZ Art. 9(3)",
        cz(kind="spontaneous", form={"ground": "detection"}),
        cz(kind="spontaneous"),
    ),
    Case(
        "C1-04",
        "instrument-not-cited",
        "CIS2001 Art. 5(b)",
        c01(kind="legal-assistance", form={"legal-assistance.instrument": "minsk-1993"}),
        c01(kind="legal-assistance"),
    ),
    Case(
        "CA-01",
        "attestation-missing",
        "CARICC Preamble",
        caricc(),
        caricc(form={**CARICC_FORM, "attest.neutrality": False}),
    ),
    Case(
        "CA-01",
        "category-prohibited",
        "CARICC Preamble",
        caricc(),
        caricc(form={**CARICC_FORM, "category.military": True}),
    ),
    Case(
        "CA-01",
        "category-prohibited",
        "INTERPOL membership neutrality",
        Told(header("cz-police", "interpol-gs", "interpol-membership")),
        Told(header("cz-police", "interpol-gs", "interpol-membership", form={"category.religious": True})),
    ),
    Case(
        "CA-02",
        "nexus-missing",
        "CARICC Preamble, Art. 2",
        caricc(),
        caricc(form={**CARICC_FORM, "affected.kz": False}),
    ),
    Case(
        "CA-05",
        "attestation-missing",
        "CARICC Art. 3(1)",
        caricc(),
        caricc(form={**CARICC_FORM, "ordinary-law": False}),
    ),
    Case("CZ-22", "language", "CZKZ Art. 9(6)", cz(language="cs", form={"language.agreed": True}), cz(language="cs")),
    Case("CZ-22", "language-unstated", "CZKZ Art. 9(6)", cz(), cz(language=None), "flag"),
    Case("C1-20", "language", "CIS2001 Art. 12", c01(), c01(language="en")),
    Case("C1-20", "language-unstated", "CIS2001 Art. 12", c01(), c01(language=None), "flag"),
    Case(
        "CZ-24",
        "necessity-missing",
        "CZKZ Art. 10(2)",
        special("previous-convictions"),
        special("previous-convictions", necessity=None),
    ),
    Case(
        "CZ-24",
        "special-category-unknown",
        "CZKZ Art. 10(2)",
        special("nationality"),
        special("hair-colour"),
    ),
    Case(
        "CZ-28",
        "destruction-deadline-missing",
        "CZKZ Art. 10(5)",
        cz(label=PERSONAL, destroy_by_ms=LATER),
        cz(label=PERSONAL),
    ),
    Case(
        "CZ-28",
        "destruction-deadline-past",
        "CZKZ Art. 10(5)",
        cz(label=PERSONAL, destroy_by_ms=NOW + 1),
        cz(label=PERSONAL, destroy_by_ms=NOW),
    ),
)
