"""Cases of requests and what becomes of them: refusal, referral, urgency, conditions, and what law keeps back."""

from typing import Any

from msgspec.structs import replace

from gateway.domain.directory import Block
from tests.policy.told import (
    LATER,
    PERSONAL,
    Case,
    Told,
    armenian,
    armenian_of_2001,
    c01,
    c18,
    caricc,
    cz,
    in_world,
    passing,
    refusal,
)
from tests.policy.world import (
    AUTHORITIES,
    BOUND,
    CARICC_FORM,
    EXPERT,
    KEY_ID,
    SIGNATORIES,
    adherence,
    digest,
    header,
    label,
    source,
)

NEXUS = {f"element.{letter}": True for letter in "abcdefg"} | {"assistance": "obtaining-information"}
UKRAINE = (*BOUND, adherence("cis-2001", "UA"))
EXPERTS = (*SIGNATORIES, replace(SIGNATORIES[0], authority="cz-police", key=EXPERT, office="expert"))


def referral(agreement: str, to: str | tuple[str, ...], **changes: Any) -> Told:
    """The Kazakh ministry hands an asked-for request on to the Kazakh police."""
    initiators = {"cz-kz": "cz-police", "cis-2018": "am-police", "cis-2001": "az-police"}
    asked = source("source", initiators[agreement], "kz-mvd", agreement, kind="request")
    fields = {"kind": "referral", "in_reply_to": digest("source"), **changes}
    return Told(header("kz-mvd", to, agreement, **fields), (asked,))


def blocked(told: Told, **changes: Any) -> Told:
    """The same message where the law of the originator's State keeps something back."""
    fields: dict[str, Any] = {"kinds": (), "subjects": (), "purposes": (), "categories": (), "parties": ()}
    party = next(each.party for each in AUTHORITIES if each.id == told.header.originator)
    return in_world(told, blocks=(Block(party, "Act 1 of 2020", ("send",), **{**fields, **changes}),))


def forbidden(rule: str, article: str, told: Told, effect: str = "refuse") -> Case:
    """A block list that speaks of another kind, and one that speaks of this."""
    return Case(rule, "national-law", article, blocked(told, kinds=("notice",)), blocked(told), effect)


CONDITIONED: dict[str, Any] = {"conditions": ("no-copies",)}

REQUEST_CASES = (
    Case(
        "CZ-19",
        "grounds-unknown",
        "CZKZ Art. 9(4)",
        refusal(cz(), refusal__ground="sovereignty"),
        refusal(cz(), refusal__ground="public-order"),
    ),
    Case(
        "C8-30",
        "grounds-unknown",
        "CIS2018 Art. 11(1)",
        refusal(c18(), refusal__ground="citizens-rights"),
        refusal(c18(), refusal__ground="state-interests"),
    ),
    Case(
        "C1-16",
        "grounds-unknown",
        "CIS2001 Art. 8(1)-(2)",
        refusal(c01(), refusal__ground="national-law", refusal__reasons=True),
        refusal(c01(), refusal__ground="sovereignty", refusal__reasons=True),
    ),
    Case(
        "C1-16",
        "reasons-not-given",
        "CIS2001 Art. 8(1)-(2)",
        refusal(c01(), refusal__ground="national-law", refusal__reasons=True),
        refusal(c01(), refusal__ground="national-law"),
    ),
    Case(
        "C1-26",
        "grounds-unknown",
        "CIS2001 Art. 8(1), reservation of Ukraine",
        in_world(
            refusal(
                Told(header("ua-police", "md-police", "cis-2001")),
                refusal__ground="state-interests",
                refusal__reasons=True,
            ),
            adherences=UKRAINE,
        ),
        in_world(
            refusal(
                Told(header("ua-police", "md-police", "cis-2001")),
                refusal__ground="public-order",
                refusal__reasons=True,
            ),
            adherences=UKRAINE,
        ),
    ),
    Case(
        "CZ-19",
        "withheld-not-listed",
        "CZKZ Art. 9(4)-(5)",
        refusal(cz(), refusal__ground="security", refusal__partial=True, refusal__withheld=True),
        refusal(cz(), refusal__ground="security", refusal__partial=True),
    ),
    Case(
        "C8-30",
        "withheld-not-listed",
        "CIS2018 Art. 11(1)-(2)",
        refusal(c18(), refusal__ground="security", refusal__partial=False),
        refusal(c18(), refusal__ground="security", refusal__partial=True),
    ),
    Case(
        "C1-16",
        "withheld-not-listed",
        "CIS2001 Art. 8(2)",
        refusal(c01(), refusal__ground="national-law", refusal__reasons=True),
        refusal(c01(), refusal__ground="national-law", refusal__reasons=True, refusal__partial=True),
    ),
    Case(
        "C8-21",
        "initiator-not-notified",
        "CIS2018 Art. 7(3)",
        referral("cis-2018", ("kz-police", "am-police")),
        referral("cis-2018", "kz-police"),
    ),
    Case(
        "C1-12",
        "initiator-not-notified",
        "CIS2001 Art. 7(2)",
        referral("cis-2001", ("kz-police", "az-police")),
        referral("cis-2001", "kz-police"),
    ),
    Case(
        "CZ-17",
        "initiator-not-notified",
        "CZKZ Art. 9(2)",
        referral("cz-kz", ("kz-police", "cz-police")),
        referral("cz-kz", "kz-police"),
        "flag",
    ),
    Case(
        "C8-11",
        "urgency-too-low",
        "CIS2018 Art. 5(i)",
        c18(kind="preservation", urgency="urgent"),
        c18(kind="preservation", urgency="routine"),
        "flag",
    ),
    Case(
        "C8-09",
        "nexus-missing",
        "CIS2018 Art. 5(b)",
        c18(form={**NEXUS, "nexus.citizen": True}),
        c18(form=NEXUS),
    ),
    Case(
        "CA-09",
        "review-overdue",
        "CARICC Art. 3(5)",
        caricc(kind="reply", form={**CARICC_FORM, "review-by": "2026-06-15"}),
        caricc(kind="reply", form={**CARICC_FORM, "review-by": "2026-06-14"}),
    ),
    Case(
        "CZ-06",
        "expert-operational",
        "CZKZ Art. 5(2)",
        in_world(cz(kind="clarification", signers=(KEY_ID, EXPERT)), signatories=EXPERTS),
        in_world(cz(signers=(KEY_ID, EXPERT)), signatories=EXPERTS),
    ),
    Case(
        "CZ-13",
        "channel-unacceptable",
        "CZKZ Art. 9(1)",
        cz(label=label(handling=("by-hand",))),
        cz(label=label(handling=("by-hand", "paper-only"))),
    ),
    Case(
        "CZ-05",
        "level-too-low",
        "CZKZ Art. 4",
        cz(kind="special-techniques", label=label(level="confidential")),
        cz(kind="special-techniques"),
    ),
    Case(
        "CZ-47",
        "personal-data-unmarked",
        "CZKZ Art. 10",
        cz(kind="missing-person", label=PERSONAL, destroy_by_ms=LATER),
        cz(kind="missing-person"),
    ),
    Case(
        "CZ-47",
        "personal-data-unmarked",
        "CZKZ Art. 10",
        cz(label=label(personal_data=True, special_categories=("health",), necessity="search"), destroy_by_ms=LATER),
        cz(label=label(special_categories=("health",), necessity="search")),
    ),
    Case(
        "C1-17",
        "degree-exceeded",
        "CIS2001 Art. 9(2)",
        c01(label=label(level="secret")),
        c01(label=label(level="top-secret")),
    ),
    forbidden("CZ-46", "CZKZ Art. 1(2)", cz()),
    forbidden("C8-02", "CIS2018 Art. 2(1)", c18()),
    forbidden("C1-01", "CIS2001 Art. 2(1)", c01()),
    forbidden("CA-30", "CARICC Art. 3(3)", caricc(), "flag"),
    forbidden("CZ-46", "KZ internal national law", Told(header("kz-mvd", "kz-police", "internal-kz"))),
    forbidden("CZ-46", "CARICC membership national law", Told(header("kz-mvd", "caricc", "caricc-membership"))),
    forbidden(
        "CZ-46", "INTERPOL membership national law", Told(header("cz-police", "interpol-gs", "interpol-membership"))
    ),
    Case(
        "C8-24",
        "condition-dropped",
        "CIS2018 Art. 7(6)",
        passing(
            armenian(kind="conditions", accepted=("kz-police",), **CONDITIONED), "am-police", "cis-2018", **CONDITIONED
        ),
        passing(armenian(kind="conditions", accepted=("kz-police",), **CONDITIONED), "am-police", "cis-2018"),
    ),
    Case(
        "C8-24",
        "condition-not-accepted",
        "CIS2018 Art. 7(6)",
        passing(armenian(kind="conditions", **CONDITIONED), "am-police", "cis-2018", **CONDITIONED),
        passing(armenian(kind="conditions", accepted=("by-police",), **CONDITIONED), "am-police", "cis-2018"),
        "flag",
    ),
    Case(
        "C1-14",
        "condition-dropped",
        "CIS2001 Art. 7(4)",
        passing(
            armenian_of_2001(accepted=("md-police",), **CONDITIONED),
            "am-police",
            "cis-2001",
            by="md-police",
            **CONDITIONED,
        ),
        passing(armenian_of_2001(accepted=("md-police",), **CONDITIONED), "am-police", "cis-2001", by="md-police"),
    ),
    Case(
        "LI-02",
        "capability-missing",
        "Accord policy 15: an agreement gives what it provides for and nothing else",
        caricc(kind="query", database="travel-documents"),
        cz(kind="query", database="travel-documents"),
    ),
)
