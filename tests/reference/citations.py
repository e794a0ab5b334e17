"""Sources, third parties and consents as rules.md has them (1.6, 1.7: 6, 9, 12, 16; CZ-33, C8-29, C1-18, CA-07)."""

from gateway.domain.directory import Directory
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.label import LEVELS
from gateway.domain.message import Header
from tests.reference import lists

# Who must consent: the State or organisation, or the single authority (C8-29 and C1-18 say authority).
KEYED_TO_AUTHORITY = {"cis-2018", "cis-2001"}
# The text asks for consent whatever the label says; the operator's other instruments leave it to the label.
CONSENT_ALWAYS = {"cz-kz", "caricc-2012", "cis-2018", "cis-2001", "caricc-membership"}
THIRD_PARTY = {"cz-kz": "CZ-33", "caricc-2012": "CA-08", "cis-2018": "C8-29", "cis-2001": "C1-18"}
OTHER_USE = {"caricc-2012": "CA-07", "cis-2018": "C8-28", "cis-2001": "C1-18"}
CONFIDENTIALITY = {"cz-kz": "CZ-33", "caricc-2012": "CA-06", "cis-2018": "C8-26", "cis-2001": "C1-17"}
CONDITIONS = {"cz-kz": "CZ-20", "caricc-2012": "CA-06", "cis-2001": "C1-14"}
KNOWN = {*CONSENT_ALWAYS, "interpol-membership", "internal-kz"}


def citation_rules(directory: Directory, header: Header, facts: Facts, at_ms: int) -> set[str]:
    """Return the rules that refuse a message because of what it cites."""
    found: set[str] = set()
    reachable: dict[str, SourceFact] = {}
    for digest in header.sources:
        chain = _chain(header.originator, digest, facts)
        if chain is None:
            found.add("ACC-09")
        if digest in facts.sources and _may_cite(header.originator, facts.sources[digest]):
            reachable |= _behind(digest, facts)
    if header.in_reply_to is not None:
        answered = facts.sources.get(header.in_reply_to)
        if answered is None or not _may_cite(header.originator, answered):
            found.add("ACC-09")
    given = [facts.consents.get(digest) for digest in header.consents]
    standing = [fact for fact in given if fact is not None and _stands(header, fact, at_ms)]
    if len(standing) < len(given):
        found.add("ACC-10")
    if any(not set(fact.consent.conditions) <= set(header.conditions) for fact in standing):
        found.add("ACC-10")
    for source in reachable.values():
        if source.agreement not in KNOWN:
            found.add("ACC-05")
        else:
            found |= _source_rules(directory, header, source, standing)
    return found


def _may_cite(name: str, source: SourceFact) -> bool:
    return not source.withdrawn and (name == source.originator or name in source.recipients)


def _behind(digest: str, facts: Facts) -> dict[str, SourceFact]:
    """Everything that stands behind a source, itself included, as far as it is known."""
    found = {digest: facts.sources[digest]}
    for inner in facts.sources[digest].sources:
        if inner in facts.sources and not facts.sources[inner].withdrawn:
            found |= _behind(inner, facts)
    return found


def _chain(name: str, digest: str, facts: Facts, top: bool = True) -> bool | None:
    """True if the whole chain is known, stands, and its outermost link is the citer's to cite."""
    source = facts.sources.get(digest)
    if source is None or source.withdrawn or (top and not _may_cite(name, source)):
        return None
    if any(_chain(name, inner, facts, top=False) is None for inner in source.sources):
        return None
    return True


def _stands(header: Header, fact: ConsentFact, at_ms: int) -> bool:
    consent = fact.consent
    return (
        consent.grantee == header.originator
        and fact.revoked_at_ms is None
        and consent.not_before_ms <= at_ms < consent.not_after_ms
        and (consent.uses_max is None or fact.uses < consent.uses_max)
    )


def _party(directory: Directory, name: str) -> str | None:
    for authority in directory.edition.authorities:
        if authority.id == name:
            return authority.party
    return None


def _same_party(directory: Directory, first: str, second: str) -> bool:
    party = _party(directory, first)
    return first == second or (party is not None and party == _party(directory, second))


def _speaks_for(directory: Directory, name: str, source: SourceFact) -> bool:
    if source.agreement in KEYED_TO_AUTHORITY:
        return name == source.originator
    return _same_party(directory, name, source.originator)


def _consented(
    directory: Directory,
    source: SourceFact,
    standing: list[ConsentFact],
    purposes: set[str],
    recipient: str | None,
    provider_itself: bool = False,
) -> bool:
    for fact in standing:
        consent = fact.consent
        given_for = set(consent.purposes) or set(source.purposes)
        speaker = (
            consent.provider == source.originator
            if provider_itself
            else _speaks_for(directory, consent.provider, source)
        )
        if (
            source.header_sha256 in consent.sources
            and speaker
            and consent.agreement == source.agreement
            and purposes <= given_for
            and (recipient is None or recipient in consent.recipients)
            and (not provider_itself or fact.recorded_at_ms >= source.admitted_at_ms)
        ):
            return True
    return False


def _source_rules(directory: Directory, header: Header, source: SourceFact, standing: list[ConsentFact]) -> set[str]:
    found: set[str] = set()
    law = source.agreement
    if header.originator != source.originator:
        if LEVELS.index(header.label.level) < LEVELS.index(source.label.level):
            found.add(CONFIDENTIALITY.get(law, "1.7-12"))
        if not set(source.conditions) <= set(header.conditions):
            conditions = CONDITIONS.get(law, "1.7-12")
            if law == "cis-2018":
                conditions = "C8-28" if source.kind == "reply" else "C8-24"
            found.add(conditions)
    if _speaks_for(directory, header.originator, source):
        return found
    return found | _use(directory, header, source, standing) | _transfer(directory, header, source, standing)


def _use(directory: Directory, header: Header, source: SourceFact, standing: list[ConsentFact]) -> set[str]:
    """Purposes: CA-07 knows no exception; CZ-23 also wants the law of both States and treaties attested."""
    law = source.agreement
    rule = OTHER_USE.get(law, "1.7-12")
    if law == "cz-kz":
        rule = "CZ-23" if source.label.personal_data else "1.7-16"
    if law == "caricc-2012" and header.agreement != "caricc-2012":
        return {rule}
    beyond = set(header.purposes) - set(source.purposes)
    if not beyond:
        return set()
    if law == "caricc-2012" or not _consented(directory, source, standing, beyond, None):
        return {rule}
    attested = header.form.get("law.both-states") and header.form.get("law.treaties")
    # Art. 10(1) itself leaves its own purposes open; only for others both laws and treaties must allow the use.
    other = bool(beyond - lists.CZ_PERSONAL)
    return {rule} if rule == "CZ-23" and other and not attested else set()


def _transfer(directory: Directory, header: Header, source: SourceFact, standing: list[ConsentFact]) -> set[str]:
    """Third parties: the text asks for consent, or the label does; a prohibition yields to the provider itself."""
    law = source.agreement
    rule = THIRD_PARTY.get(law, "1.7-12")
    purposes = set(header.purposes)
    said = source.label.third_party
    found: set[str] = set()
    if said == "permitted" and law not in CONSENT_ALWAYS:
        return found
    for stranger in _strangers(directory, header, source):
        if not _consented(directory, source, standing, purposes, stranger):
            # Which rule a consent at hand falls short of is told under the source's instrument.
            if law in CONSENT_ALWAYS or standing:
                found.add(rule)
            if law not in CONSENT_ALWAYS and said == "consent-required":
                found.add("ACC-11")
        if said == "prohibited" and not _consented(directory, source, standing, purposes, stranger, True):
            found.add("ACC-11")
    return found


def _strangers(directory: Directory, header: Header, source: SourceFact) -> list[str]:
    """Nobody who provided it is a third party, nobody of one's own party (2018 and 2001: only on referral)."""
    found = []
    for each in header.recipients:
        if _party(directory, each.authority) is None or _speaks_for(directory, each.authority, source):
            continue
        at_home = _same_party(directory, header.originator, each.authority)
        if not at_home or (source.agreement in KEYED_TO_AUTHORITY and header.kind != "referral"):
            found.append(each.authority)
    return found
