"""The reference judge: a slow, obvious reading of rules.md that shares nothing with `gateway.policy`.

It returns the ids of all rules that refuse and of all that flag. It never looks at `config/agreements`; its lists are
typed from the register (sections 1.1 to 1.6) and from the five texts. `ACC-nn` are Accord's own demands (ADR 0006).
"""

from datetime import date
from typing import NamedTuple

from gateway.domain.directory import Authority, Directory
from gateway.domain.facts import Facts
from gateway.domain.label import LEVELS
from gateway.domain.message import Header
from gateway.domain.session import Peer
from tests.reference import lists
from tests.reference.bound import agreement_rules, contradicts, first_day, status
from tests.reference.calendar_days import today
from tests.reference.citations import citation_rules


class Verdict(NamedTuple):
    """Rule ids that refuse, and rule ids that flag."""

    refused: frozenset[str]
    flagged: frozenset[str]


def verdict(directory: Directory, header: Header, facts: Facts, peer: Peer | None, at_ms: int) -> Verdict:
    """Return what rules.md says of a message at admission."""
    refused: set[str] = set()
    flagged: set[str] = set()
    if at_ms >= directory.edition.not_after_ms:
        refused.add("ACC-01")
    originator = _listed(directory, header.originator)
    others = [_listed(directory, each.authority) for each in header.recipients]
    known = [each for each in (originator, *others) if each is not None]
    refused |= _people(directory, header, known, peer)
    if header.agreement in lists.KINDS:
        refused |= _agreement(directory, header, originator, others, at_ms)
        refused |= _purpose(header)
        form_refused, form_flagged = _form(header, peer, at_ms)
        refused |= form_refused
        flagged |= form_flagged
    else:
        refused.add("ACC-04")
    if header.kind == "query":
        refused |= _query(directory, header, originator, at_ms)
        refused |= _annex(directory, header, originator, peer, at_ms)
    refused |= citation_rules(directory, header, facts, at_ms)
    return Verdict(frozenset(refused), frozenset(flagged))


def _listed(directory: Directory, name: str) -> Authority | None:
    for authority in directory.edition.authorities:
        if authority.id == name and any(party.id == authority.party for party in directory.edition.parties):
            return authority
    return None


def _people(directory: Directory, header: Header, known: list[Authority], peer: Peer | None) -> set[str]:
    found: set[str] = set()
    named = {header.originator} | {each.authority for each in header.recipients}
    if len({each.id for each in known}) < len(named) or any(each.revoked for each in known):
        found.add("ACC-02")
    if peer is not None and peer.authority != header.originator:
        found.add("ACC-03")
    found |= set().union(*(_one(directory, header, each) for each in known))
    if peer is not None and LEVELS.index(header.label.level) > peer.clearance:
        found.add("ACC-07")
    if not set(header.subjects) <= lists.ALL_SUBJECTS:
        found.add("ACC-14")
    return found


def _one(directory: Directory, header: Header, each: Authority) -> set[str]:
    found: set[str] = set()
    if LEVELS.index(header.label.level) > LEVELS.index(each.clearance):
        found.add("ACC-07")
    if any(party.id == each.party and party.kind == "private" for party in directory.edition.parties):
        found.add("ACC-12")
    for given, asked in (
        (each.mandate.purposes, header.purposes),
        (each.mandate.subjects, header.subjects),
        (each.mandate.kinds, (header.kind,)),
    ):
        if given is not None and not set(asked) <= set(given):
            found.add("ACC-06")
    return found


def _agreement(
    directory: Directory, header: Header, originator: Authority | None, others: list[Authority | None], at_ms: int
) -> set[str]:
    found: set[str] = set()
    rank = LEVELS.index(header.label.level)
    if header.agreement == "cis-2001" and any(rank > LEVELS.index(each.clearance) for each in others if each):
        found.add("C1-17")
    for other in others:
        if originator is None or other is None:
            continue
        on = today(at_ms)
        found |= agreement_rules(
            directory, header.agreement, originator.party, other.party, header.kind, header.subjects, on
        )
        if _reserved(directory, header, {originator.party, other.party}):
            found.add("C1-25")
    return found


def _reserved(directory: Directory, header: Header, pair: set[str]) -> bool:
    """C1-25: Ukraine takes no part in Art. 5(e), where it made that reservation and is bound at all."""
    if header.agreement != "cis-2001" or header.kind != "information-systems" or "UA" not in pair or len(pair) < 2:
        return False
    bound = all(
        first_day(directory, "cis-2001", party) and not contradicts(directory, "cis-2001", party) for party in pair
    )
    entry = status(directory, "cis-2001", "UA")
    return bound and entry is not None and "5-e" in entry.reservations


def _purpose(header: Header) -> set[str]:
    agreement, kind = header.agreement, header.kind
    found: set[str] = set()
    if kind not in lists.KINDS[agreement]:
        found.add(lists.KINDS_RULE[agreement])
    if agreement == "cz-kz" and kind == "legal-assistance":
        found.add("CZ-02")
    table = lists.ADMINISTRATIVE if kind in lists.ADMINISTRATIVE_KINDS[agreement] else lists.PURPOSES
    rule, allowed = table[agreement]
    if not set(header.purposes) <= allowed:
        found.add(rule)
    if agreement == "cz-kz" and header.label.personal_data and not set(header.purposes) <= lists.CZ_PERSONAL:
        found.add("CZ-23")
    rule, subjects, closed_for = lists.SUBJECTS[agreement]
    if closed_for(kind) and (not header.subjects or not set(header.subjects) <= subjects):
        found.add(rule)
    return found


def _form(header: Header, peer: Peer | None, at_ms: int) -> tuple[set[str], set[str]]:
    forms = {"caricc-2012": _caricc, "interpol-membership": _interpol, "cis-2018": _of_2018, "cis-2001": _of_2001}
    if header.agreement == "cz-kz":
        return _czech_kazakh(header, at_ms)
    return forms[header.agreement](header, peer) if header.agreement in forms else (set(), set())


def _absent(header: Header, *keys: str) -> bool:
    """Tell whether one of these is not declared."""
    return any(header.form.get(key) in (None, False) for key in keys)


def _of_character(header: Header) -> set[str]:
    four = ("political", "military", "religious", "racial")
    return {"CA-01"} if any(not _absent(header, f"category.{each}") for each in four) else set()


def _caricc(header: Header, peer: Peer | None) -> tuple[set[str], set[str]]:
    found = _of_character(header)
    if header.kind not in lists.CARICC_SUBSTANTIVE:
        return found, set()
    if _absent(header, "attest.neutrality"):
        found.add("CA-01")
    if _absent(header, "ordinary-law"):
        found.add("CA-05")
    if all(_absent(header, f"affected.{state}") for state in "kg kz tm tj uz ru az".split()):
        found.add("CA-02")
    return found, set()


def _interpol(header: Header, peer: Peer | None) -> tuple[set[str], set[str]]:
    found = _of_character(header)
    if header.kind == "travel-document" and not _document(header):
        found.add("CZ-08")
    return found, set()


def _document(header: Header) -> bool:
    """CZ-07, CZ-08: number, type and one of four statuses."""
    number_and_type = not _absent(header, "document.number", "document.type")
    return number_and_type and header.form.get("document.status") in lists.STATUSES


def _czech_kazakh(header: Header, at_ms: int) -> tuple[set[str], set[str]]:
    found: set[str] = set()
    flagged: set[str] = set()
    if header.kind == "travel-document":
        if _absent(header, "document.number", "document.type"):
            found.add("CZ-08")
        if header.form.get("document.status") not in lists.STATUSES:
            found.add("CZ-07")
    elif header.language is None:
        flagged.add("CZ-22")
    elif header.language != "en" and _absent(header, "language.agreed"):
        found.add("CZ-22")
    if header.kind == "spontaneous" and header.form.get("ground") not in lists.GROUNDS:
        found.add("CZ-18")
    special = set(header.label.special_categories)
    if special - lists.SPECIAL or (special and header.label.necessity is None):
        found.add("CZ-24")
    if header.label.personal_data and (header.destroy_by_ms is None or header.destroy_by_ms <= at_ms):
        found.add("CZ-28")
    return found, flagged


def _of_2018(header: Header, peer: Peer | None) -> tuple[set[str], set[str]]:
    found = set()
    if header.kind == "request" and _absent(header, *(f"element.{letter}" for letter in "abcdefg")):
        found.add("C8-16")
    if header.label.confidential_fact and peer is not None and peer.link == "broker":
        found.add("C8-26")
    return found, set()


def _of_2001(header: Header, peer: Peer | None) -> tuple[set[str], set[str]]:
    found: set[str] = set()
    flagged: set[str] = set()
    if header.kind == "request" and _absent(header, *(f"element.{letter}" for letter in "abcdef")):
        flagged.add("C1-08")
    if header.kind == "legal-assistance" and _absent(header, "legal-assistance.instrument"):
        found.add("C1-04")
    if header.language is None:
        flagged.add("C1-20")
    elif header.language != "ru":
        found.add("C1-20")
    return found, flagged


def _annex(
    directory: Directory, header: Header, originator: Authority | None, peer: Peer | None, at_ms: int
) -> set[str]:
    """CA-13, CA-27, CA-28, CA-29: terms accepted, class and endpoint of whoever asks."""
    if header.agreement != "caricc-2012":
        return set()
    found: set[str] = set()
    if status(directory, "caricc-2012", "CARICC") is None:
        found |= {"CA-13", "CA-27"}
    if originator is not None and originator.entity != "authorized-international-entity":
        found.add("CA-28")
    listed = _listed(directory, peer.authority) if peer else None
    if listed is not None and listed.party == "CARICC" and today(at_ms) < date(2026, 1, 15):
        found.add("CA-29")
    return found


def _query(directory: Directory, header: Header, originator: Authority | None, at_ms: int) -> set[str]:
    found: set[str] = set()
    if header.database is None:
        found.add("ACC-08")
    if header.agreement in ("cz-kz", "cis-2018", "cis-2001", "caricc-membership", "internal-kz"):
        found.add("LI-02")
    direct = {"caricc-2012": ("CA-14", "CA-12"), "interpol-membership": ("LI-04", "LI-05")}.get(header.agreement)
    if direct is None:
        return found | {"ACC-08"}
    if header.agreement == "caricc-2012" and originator is not None and originator.party != "CARICC":
        found.add(direct[0])
    if header.form.get("on-behalf-of") not in (None, False):
        found.add(direct[0])
    document = directory.grants_document
    grants = [
        grant
        for grant in (document.grants if document else ())
        if (grant.authority, grant.database) == (header.originator, header.database)
    ]
    if document is None or not grants:
        return found | {direct[1]}
    grant = grants[-1]
    good = (
        at_ms < grant.expires_at_ms
        and at_ms < document.not_after_ms
        and LEVELS.index(header.label.level) <= LEVELS.index(grant.level)
        and set(header.purposes) <= set(grant.purposes)
        and {each.authority for each in header.recipients} == {document.issuer}
    )
    return found if good else found | {direct[1]}
