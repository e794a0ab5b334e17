"""Cases of who signs, on which channel, under which accepted terms: second signatures, seals, lists, attestations."""

from typing import Any

from msgspec.structs import replace

from gateway.domain.directory import Authority, EndpointEntry, Office, Signatory, Unit
from tests.policy.told import Case, Told, c01, c18, in_world, query
from tests.policy.world import (
    AUTHORITIES,
    BOUND,
    HEAD,
    KEY_ID,
    PERSON,
    SEAL,
    SIGNATORIES,
    adherence,
    digest,
)


def units(told: Told, *kinds: Unit) -> Told:
    """The same message between Armenian and Kazakh units of these kinds."""
    of = dict(zip(("am-police", "kz-mvd"), kinds, strict=True))
    return in_world(told, authorities=tuple(replace(each, unit=of.get(each.id, each.unit)) for each in AUTHORITIES))


def signed(told: Told, *keys: str) -> Told:
    """The same message, signed by these keys beside the message key."""
    return told._replace(header=replace(told.header, signers=(KEY_ID, *keys)))


def office(told: Told, held: Office, *towards: str, agreement: str | None = None, key: str = HEAD) -> Told:
    """The same message where the Armenian signatory holds another office."""
    others = tuple(each for each in SIGNATORIES if each.authority != "am-police")
    return in_world(told, signatories=(*others, Signatory("am-police", key, held, agreement, towards)))


def listed(told: Told, *towards: str) -> Told:
    """The same message where the Armenian police has a list of authorised persons beside its head."""
    agreement = told.header.agreement
    return in_world(told, signatories=(*SIGNATORIES, Signatory("am-police", PERSON, "authorised", agreement, towards)))


def caricc_is(told: Told, **changes: Any) -> Told:
    """The same message where CARICC is listed otherwise."""

    def change(each: Authority) -> Authority:
        return replace(each, **changes) if each.id == "caricc" else each

    return in_world(told, authorities=tuple(map(change, AUTHORITIES)))


def attested(day: str, profile: str = "general-secretariat") -> Told:
    """A query over an endpoint that was attested on `day`."""
    return caricc_is(query(), endpoints=(EndpointEntry(digest("caricc"), "endpoint", "secret", False, profile, day),))


def having_accepted(*terms: str) -> Told:
    """A query of CARICC, which has accepted these terms and rule sets."""
    others = tuple(each for each in BOUND if (each.agreement, each.party) != ("caricc-2012", "CARICC"))
    return in_world(query(), adherences=(*others, adherence("caricc-2012", "CARICC", accepted=terms)))


NON_CORE = units(c18(), "non-core", "non-core")
SPECIALISED = office(units(c18(), "specialised", "specialised"), "head-of-specialised")
JOINT = c01(kind="joint-activity", form={})

SIGNING_CASES = (
    Case("C8-17", "signer-missing", "CIS2018 Art. 6(4)(a)", NON_CORE, signed(NON_CORE, SEAL)),
    Case("C8-17", "seal-missing", "CIS2018 Art. 6(4)(a)", office(NON_CORE, "deputy"), signed(NON_CORE, HEAD)),
    Case("C8-18", "signer-missing", "CIS2018 Art. 6(4)(b)", SPECIALISED, office(SPECIALISED, "deputy")),
    Case("C8-18", "seal-missing", "CIS2018 Art. 6(4)(b)", SPECIALISED, signed(SPECIALISED, HEAD)),
    Case("C1-09", "signer-missing", "CIS2001 Art. 6(5)", c01(), office(c01(), "head-of-specialised")),
    Case("C1-09", "signer-missing", "CIS2001 Art. 6(5)", c01(), office(c01(), "head", "kz-mvd")),
    Case("C1-09", "signer-missing", "CIS2001 Art. 6(5)", c01(), office(c01(), "head", agreement="cis-2018")),
    Case("C1-09", "seal-missing", "CIS2001 Art. 6(5)", office(c01(), "deputy"), signed(c01(), HEAD)),
    Case(
        "C8-07",
        "person-not-authorised",
        "CIS2018 Art. 4(3)",
        listed(signed(c18(kind="reply"), PERSON), "kz-mvd"),
        listed(c18(kind="reply"), "kz-mvd"),
    ),
    Case(
        "C8-07",
        "person-not-authorised",
        "CIS2018 Art. 4(3)",
        listed(c18(kind="reply"), "by-police"),
        listed(c18(kind="reply")),
    ),
    Case(
        "C1-10",
        "person-not-authorised",
        "CIS2001 Art. 6(6)",
        listed(signed(JOINT, PERSON), "md-police"),
        JOINT,
    ),
    Case(
        "C1-10",
        "person-not-authorised",
        "CIS2001 Art. 6(6)",
        c01(kind="reply"),
        listed(c01(kind="reply"), "md-police"),
    ),
    Case("C8-15", "channel-unbased", "CIS2018 Art. 6(2)", c18(), in_world(c18(), channels=())),
    Case(
        "C8-15",
        "channel-unbased",
        "CIS2018 Art. 6(2)",
        in_world(c18(urgency="urgent"), channels=()),
        in_world(c18(kind="reply", urgency="urgent"), channels=()),
    ),
    Case(
        "C1-29",
        "channel-unbased",
        "CIS2001 Art. 6(2)",
        in_world(c01(urgency="flash"), channels=()),
        in_world(c01(), channels=()),
        "flag",
    ),
    Case(
        "CA-13",
        "terms-not-accepted",
        "CARICC Art. 4(3)",
        having_accepted("annex-1", "control-of-information", "rpd"),
        having_accepted("control-of-information", "rpd"),
    ),
    Case(
        "CA-27",
        "rule-set-not-accepted",
        "CARICC Annex 1, 3",
        having_accepted("annex-1", "control-of-information", "rpd"),
        having_accepted("annex-1", "control-of-information", "rpi", "rpi-implementing", "igo-access"),
    ),
    Case("CA-28", "entity-class", "CARICC Annex 1, 4", query(), caricc_is(query(), entity="ncb")),
    Case("CA-29", "security-profile", "CARICC Annex 1, 5", attested("2025-06-15"), attested("2025-06-14")),
    Case("CA-29", "security-profile", "CARICC Annex 1, 5", attested("2026-06-15"), attested("2026-06-16")),
    Case("CA-29", "security-profile", "CARICC Annex 1, 5", query(), attested("2026-01-15", "another")),
)
