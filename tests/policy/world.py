"""A small federation, judged by the law that is shipped: thirteen parties, one or two authorities each.

Builders take only what a test is about; everything else is plausible and permitted.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from gateway.domain.decision import Decision
from gateway.domain.directory import (
    Adherence,
    Authority,
    Block,
    Channel,
    Directory,
    Edition,
    EndpointEntry,
    Grant,
    Grants,
    KeyEntry,
    KeySet,
    LawEntry,
    Mandate,
    Party,
    Signatory,
)
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.label import Label
from gateway.domain.message import Body, Header, Recipient
from gateway.domain.session import Peer
from gateway.domain.statement import Consent
from gateway.policy.agreements import Law, read_law
from gateway.policy.decide import Judge

AGREEMENTS = Path(__file__).parents[2] / "config" / "agreements"
STATES = tuple("AM AZ BY CZ KG KZ MD RU TJ TM UA UZ".split())
PARTIES = (*STATES, "INTERPOL", "CARICC")
KEY_ID = "A" * 22
# Keys that sign beside a message key. Nobody verifies them here: what counts is how the directory lists them.
HEAD, SEAL, PERSON, EXPERT = (letter * 21 + "A" for letter in "BCDE")
ROLES = {SEAL: "seal", HEAD: "signatory", PERSON: "signatory", EXPERT: "signatory"}
FREE = Mandate(None, None, None)


def digest(name: str) -> str:
    """Return the digest that stands for an object called `name`."""
    return base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).rstrip(b"=").decode()


def at(day: str, hour: int = 12) -> int:
    """Return a moment of a UTC day, in milliseconds."""
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return int(moment.timestamp() * 1000) + hour * 3_600_000


NOW = at("2026-06-15")


@cache
def law() -> Law:
    """Return the law as it is shipped."""
    return read_law({path.name: path.read_bytes() for path in AGREEMENTS.glob("*.toml")})


def adherence(agreement: str, party: str, **changes: Any) -> Adherence:
    """Return a party that is bound by `agreement` since 2020 unless `changes` say otherwise."""
    fields: dict[str, Any] = {
        "agreement": agreement,
        "party": party,
        "signed_on": "2018-09-28",
        "notified_on": "2019-12-01",
        "in_force_on": "2020-01-01",
        "suspensions": (),
        "exit": None,
        "reservations": (),
        "accepted": (),
    }
    return Adherence(**{**fields, **changes})


def notified(agreement: str, party: str, day: str | None, **changes: Any) -> Adherence:
    """Return a party whose date of entry the instrument's own arithmetic must find."""
    return adherence(agreement, party, notified_on=day, in_force_on=None, **changes)


BOUND = (
    adherence("caricc-2012", "INTERPOL"),
    adherence("caricc-2012", "CARICC", accepted=("annex-1", "control-of-information", "rpd")),
    *(adherence("cz-kz", party) for party in ("CZ", "KZ")),
    *(adherence("cis-2001", party) for party in ("AM", "AZ", "BY", "KZ", "MD", "TJ")),
    *(adherence("cis-2018", party) for party in ("AM", "BY", "KZ")),
)


def authority(name: str, party: str, **changes: Any) -> Authority:
    """Return an authority with an open mandate, cleared up to secret."""
    fields: dict[str, Any] = {
        "id": name,
        "party": party,
        "title": name,
        "unit": "core",
        "mandate": FREE,
        "clearance": "secret",
        "suite_min": 2,
        "languages": (),
        "keys": (),
        "endpoints": (),
        "revoked": False,
    }
    return Authority(**{**fields, **changes})


AUTHORITIES = (
    *(authority(f"{state.lower()}-police", state) for state in STATES),
    authority("kz-mvd", "KZ"),
    authority("cz-customs", "CZ"),
    authority("am-nss", "AM"),
    authority("interpol-gs", "INTERPOL", unit="organisation"),
    authority(
        "caricc",
        "CARICC",
        unit="organisation",
        entity="authorized-international-entity",
        endpoints=(EndpointEntry(digest("caricc"), "endpoint", "secret", False, "general-secretariat", "2026-01-15"),),
    ),
)
# The head of each authority signs under every instrument and towards everybody.
SIGNATORIES = tuple(Signatory(each.id, HEAD, "head", None, ()) for each in AUTHORITIES)
CHANNELS = tuple(
    Channel(agreement, pair, "protocol on electronic exchange")
    for agreement in ("cis-2001", "cis-2018")
    for pair in combinations(("AM", "AZ", "BY", "KZ", "MD", "RU", "TJ", "UA"), 2)
)
GRANTS = (
    Grant("caricc", "travel-documents", "confidential", ("prevention", "suppression"), at("2027-01-01")),
    Grant("cz-police", "travel-documents", "restricted", ("detection",), at("2027-01-01")),
)


def directory(
    adherences: Sequence[Adherence] = BOUND,
    authorities: Sequence[Authority] = AUTHORITIES,
    grants: Sequence[Grant] | None = GRANTS,
    law_digests: dict[str, str] | None = None,
    not_after_ms: int = at("2030-01-01"),
    private: Sequence[str] = (),
    grants_not_after_ms: int = at("2030-01-01"),
    parties: Sequence[str] = PARTIES,
    signatories: Sequence[Signatory] = SIGNATORIES,
    channels: Sequence[Channel] = CHANNELS,
    blocks: Sequence[Block] = (),
) -> Directory:
    """Return an edition that names the law as it is shipped."""
    digests = law().digests if law_digests is None else law_digests
    organisations = {"INTERPOL": "global", "CARICC": "regional"}
    edition = Edition(
        v=1,
        network="test",
        number=7,
        previous_sha256=None,
        issued_at_ms=at("2020-01-01"),
        not_after_ms=not_after_ms,
        key_set=KeySet(1, (KeyEntry(KEY_ID, "directory", "A" * 43, 0, 1, "active", None),)),
        gateways=(),
        witnesses=(),
        law=tuple(LawEntry(name, digests[name]) for name in sorted(digests)),
        parties=tuple(
            Party(
                party,
                "private" if party in private else organisations.get(party, "state"),  # type: ignore[arg-type]  # a literal from a table
                party,
                None,
            )
            for party in parties
        ),
        authorities=tuple(authorities),
        adherences=tuple(adherences),
        channels=tuple(channels),
        grants=None,
        signatories=tuple(signatories),
        blocks=tuple(blocks),
    )
    document = (
        None
        if grants is None
        else Grants(1, "test", 1, "interpol-gs", at("2020-01-01"), grants_not_after_ms, tuple(grants))
    )
    return Directory(edition, digest("edition 7"), b"", {}, document)


@cache
def judge() -> Judge:
    """Return the judge of the unchanged federation."""
    return Judge(directory(), law())


def bound_except(agreement: str, party: str, *instead: Adherence) -> tuple[Adherence, ...]:
    """Return who is bound, with one party's status under one agreement replaced."""
    kept = (entry for entry in BOUND if (entry.agreement, entry.party) != (agreement, party))
    return (*kept, *instead)


def label(**changes: Any) -> Label:
    """Return a restricted label that leaves third parties to the agreement."""
    fields: dict[str, Any] = {
        "level": "restricted",
        "handling": (),
        "third_party": "permitted",
        "personal_data": False,
        "special_categories": (),
        "necessity": None,
        "confidential_fact": False,
    }
    return Label(**{**fields, **changes})


def recipients(*names: str) -> tuple[Recipient, ...]:
    """Return recipients by authority."""
    return tuple(Recipient(name, KEY_ID, digest("wrap")) for name in names)


def header(originator: str, to: str | Sequence[str], agreement: str, /, **changes: Any) -> Header:
    """Return a header that the law permits where the pair is governed; `to` is one recipient or several."""
    fields: dict[str, Any] = {
        "v": 1,
        "network": "test",
        "suite": 2,
        "id": "0197b7a0-0000-7000-8000-000000000000",
        "signers": (KEY_ID, HEAD, SEAL),
        "originator": originator,
        "recipients": recipients(*((to,) if isinstance(to, str) else to)),
        "kind": "request",
        "agreement": agreement,
        "purposes": USUAL[agreement][0],
        "subjects": USUAL[agreement][1],
        "label": label(),
        "urgency": "routine",
        "sent_at_ms": NOW,
        "expires_at_ms": NOW + 86_400_000,
        "destroy_by_ms": None,
        "case": None,
        "in_reply_to": None,
        "sources": (),
        "consents": (),
        "conditions": (),
        "database": None,
        "language": USUAL[agreement][2],
        "form": USUAL[agreement][3],
        "key_commitment": digest("commitment"),
        "body": Body(digest("body"), 100, "application/json", None),
    }
    return Header(**{**fields, **changes})


ELEMENTS = {f"element.{letter}": True for letter in "abcdefg"}
CARICC_FORM: dict[str, bool | str] = {"affected.kz": True, "attest.neutrality": True, "ordinary-law": True}
DRUGS = ("narcotic-drugs",)
# What an ordinary message under each instrument declares: purposes, subjects, language, form.
USUAL: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None, dict[str, bool | str]]] = {
    "caricc-2012": (("prevention",), DRUGS, "en", CARICC_FORM),
    "cz-kz": (("detection",), DRUGS, "en", {}),
    "cis-2018": (("detection",), ("malware",), "ru", {**ELEMENTS}),
    "cis-2001": (("detection",), ("malware",), "ru", {**ELEMENTS}),
    "interpol-membership": (("detection",), DRUGS, "en", {}),
    "caricc-membership": (("detection",), DRUGS, "en", {}),
    "internal-kz": (("detection",), DRUGS, None, {}),
    "unknown": (("detection",), DRUGS, None, {}),
}


def source(name: str, originator: str, to: str | Sequence[str], agreement: str, /, **changes: Any) -> SourceFact:
    """Return an admitted message that may be cited by its digest, `digest(name)`."""
    fields: dict[str, Any] = {
        "header_sha256": digest(name),
        "originator": originator,
        "recipients": (to,) if isinstance(to, str) else tuple(to),
        "agreement": agreement,
        "kind": "reply",
        "purposes": ("detection", "prevention"),
        "subjects": DRUGS,
        "label": label(),
        "conditions": (),
        "in_reply_to": None,
        "sources": (),
        "admitted_at_ms": NOW - 86_400_000,
        "withdrawn": False,
    }
    return SourceFact(**{**fields, **changes})


def consent(name: str, provider: str, grantee: str, agreement: str, /, **changes: Any) -> ConsentFact:
    """Return a recorded consent, cited as `digest(name)`; `uses` and `revoked_at_ms` may be among the changes."""
    fact: dict[str, Any] = {"recorded_at_ms": NOW - 500, "revoked_at_ms": None, "uses": 0}
    fact |= {key: changes.pop(key) for key in fact if key in changes}
    fields: dict[str, Any] = {
        "v": 1,
        "network": "test",
        "id": "0197b7a0-0000-7000-8000-000000000001",
        "provider": provider,
        "grantee": grantee,
        "agreement": agreement,
        "sources": (digest("source"),),
        "recipients": (),
        "purposes": (),
        "conditions": (),
        "not_before_ms": NOW - 1_000,
        "not_after_ms": NOW + 86_400_000,
        "uses_max": None,
        "issued_at_ms": NOW - 1_000,
    }
    given = Consent(**{**fields, **changes})
    return ConsentFact(digest(name), given, **fact)


def roles(message: Header) -> tuple[str, ...]:
    """Return the roles of the keys that signed, in the order of the header's signers."""
    return tuple(ROLES.get(kid, "message") for kid in message.signers)


def facts(*known: SourceFact | ConsentFact) -> Facts:
    """Return facts about sources and consents."""
    return Facts(
        {fact.header_sha256: fact for fact in known if isinstance(fact, SourceFact)},
        {fact.consent_sha256: fact for fact in known if isinstance(fact, ConsentFact)},
    )


def peer(name: str, clearance: int = 4, link: str = "endpoint") -> Peer:
    """Return the connection of an authority."""
    return Peer(name, digest(name), link, clearance)  # type: ignore[arg-type]  # tests name links by word


def decide(message: Header, *known: SourceFact | ConsentFact, by: Judge | None = None, at_ms: int = NOW) -> Decision:
    """Return the decision on `message`, submitted over its originator's own connection."""
    return (by or judge()).decide_header(message, roles(message), facts(*known), peer(message.originator), at_ms)


def codes(decision: Decision) -> set[str]:
    """Return the codes of all reasons."""
    return {reason.code for reason in decision.reasons}


def rules(decision: Decision) -> set[str]:
    """Return the rule ids of all reasons."""
    return {reason.rule for reason in decision.reasons}


def articles(decision: Decision) -> set[str]:
    """Return the articles of all reasons."""
    return {reason.article for reason in decision.reasons}
