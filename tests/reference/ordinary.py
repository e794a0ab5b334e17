"""Messages that ought to pass: for each instrument, who writes to whom, of what kind, declaring what."""

from random import Random

from tests.reference import codes
from tests.reference.world import PARTY_OF, UNIT_OF, kid_of

ELEMENTS = {f"element.{letter}": True for letter in "abcdefg"}
NEUTRAL = {"attest.neutrality": True, "ordinary-law": True, "affected.kz": True}
DOCUMENT: dict[str, bool | str] = {"document.number": True, "document.type": True, "document.status": "lost"}
# Kinds that need no more than a subject and a purpose, and how often each is drawn.
PLAIN = (
    "reply",
    "reply",
    "notice",
    "clarification",
    "use-check",
    "correction",
    "recall",
    "acceptance",
    "administrative",
)
KINDS: dict[str, tuple[str, ...]] = {
    "cz-kz": (
        *("request", "request", "spontaneous", "travel-document", "refusal", "training", "referral"),
        *("search-person", "missing-person", "special-techniques", *PLAIN),
    ),
    "cz-kz-1998": ("request", "reply", "recall"),
    "caricc-2012": ("request", "query", "query", "query", "spontaneous", "answer", "refusal", *PLAIN),
    "cis-2018": (
        *("request", "request", "preservation", "spontaneous", "refusal", "referral", "impediment"),
        *("joint-activity", *PLAIN),
    ),
    "cis-2001": (
        *("request", "request", "legal-assistance", "information-systems", "refusal", "referral", "spontaneous"),
        *("joint-activity", *PLAIN),
    ),
    "caricc-membership": ("request", "spontaneous", *PLAIN),
    "interpol-membership": ("request", "query", "query", "travel-document", "spontaneous", "record", *PLAIN),
    "internal-kz": ("request", "referral", "referral", *PLAIN),
}
SUBJECTS = {
    "cz-kz": ("narcotic-drugs", "terrorism", "motor-vehicles", "forgery", "corruption"),
    "cz-kz-1998": ("narcotic-drugs",),
    "caricc-2012": ("narcotic-drugs", "precursors"),
    "cis-2018": ("malware", "unauthorized-access", "property-theft"),
    "cis-2001": ("malware", "computer-information", "unauthorized-access"),
    "caricc-membership": ("narcotic-drugs", "precursors"),
    "interpol-membership": ("narcotic-drugs", "motor-vehicles", "forgery"),
    "internal-kz": ("narcotic-drugs", "malware", "terrorism"),
}
PURPOSES = {
    "cz-kz": ("prevention", "detection"),
    "cz-kz-1998": ("prevention", "detection"),
    "caricc-2012": ("prevention", "suppression"),
    "cis-2018": ("prevention", "detection", "suppression", "investigation"),
    "cis-2001": ("prevention", "detection", "suppression", "investigation"),
    "caricc-membership": ("prevention", "suppression", "investigation"),
    "interpol-membership": ("prevention", "suppression", "detection"),
    "internal-kz": ("prevention", "suppression", "detection", "investigation"),
}
CIS_2018 = ("AM", "KG", "KZ", "MD", "UA")
CIS_2001 = ("AM", "AZ", "KG", "KZ", "MD", "UA", "RU")


def _pairs(one: tuple[str, ...], other: tuple[str, ...], inside: bool = False) -> tuple[tuple[str, str], ...]:
    return tuple(
        (first, second)
        for first, party in PARTY_OF.items()
        for second, across in PARTY_OF.items()
        if first != second
        and ((party in one and across in other) or (party in other and across in one))
        and (inside or party != across)
    )


LANES: dict[str, tuple[tuple[str, str], ...]] = {
    "cz-kz": _pairs(("CZ",), ("KZ",)),
    "cz-kz-1998": _pairs(("CZ",), ("KZ",)),
    "caricc-2012": (
        ("caricc-centre", "interpol-gs"),
        ("caricc-centre", "interpol-gs"),
        ("interpol-gs", "caricc-centre"),
    ),
    "cis-2018": _pairs(CIS_2018, CIS_2018),
    "cis-2001": _pairs(CIS_2001, CIS_2001),
    "caricc-membership": _pairs(("CARICC",), ("AZ", "KG", "KZ", "RU")),
    "interpol-membership": _pairs(("INTERPOL",), ("AM", "AZ", "CZ", "KG", "KZ", "MD", "RU", "UA")),
    "internal-kz": _pairs(("KZ",), ("KZ",), inside=True),
}


def form_of(rng: Random, agreement: str, kind: str) -> dict[str, bool | str]:
    """Return what an ordinary message of this kind declares."""
    form: dict[str, bool | str] = {}
    if agreement == "caricc-2012" and kind in ("request", "reply", "spontaneous", "query", "notice"):
        form = dict(NEUTRAL)
    elif agreement in ("cis-2018", "cis-2001") and kind == "request":
        form = dict(ELEMENTS)
        if rng.random() < 0.3:
            form |= {"assistance": "obtaining-information", rng.choice(("nexus.citizen", "nexus.territory")): True}
    elif kind == "travel-document":
        form = DOCUMENT | {"document.status": rng.choice(sorted(codes.STATUSES))}
    elif agreement == "cz-kz" and kind == "spontaneous":
        form = {"ground": "detection"}
    elif kind == "legal-assistance":
        form = {"legal-assistance.instrument": "minsk-1993"}
    elif kind == "refusal":
        form = {"refusal.ground": "national-law", "refusal.reasons": True}
    return form


def signers_of(rng: Random, agreement: str, kind: str, name: str, to: str) -> tuple[tuple[str, str], ...]:
    """Return kid and role of everybody who signs an ordinary message: the message key first."""
    signed = [(kid_of(name, "message"), "message")]
    if agreement in ("cis-2018", "cis-2001") and kind == "request":
        special = agreement == "cis-2018" and UNIT_OF[name] == "specialised" == UNIT_OF[to]
        office = "head-of-specialised" if special else rng.choice(("head", "deputy"))
        signed += [(kid_of(name, "signatory", office), "signatory"), (kid_of(name, "seal"), "seal")]
    if agreement in ("cis-2018", "cis-2001") and (kind == "joint-activity" or rng.random() < 0.7):
        signed.append((kid_of(name, "signatory", "authorised"), "signatory"))
    return tuple(signed)
