"""Access: the marking against every clearance it meets, and databases only under the central node's grants."""

from gateway.domain.clause import ConfidentialFact, Degree, DirectQuery, Granted, MinimumLevel
from gateway.domain.facts import SourceFact
from gateway.domain.label import RANK
from gateway.policy.case import Case, Findings, breach, demand, listed


def clearances(case: Case) -> Findings:
    """ACC-07: label against the clearance of originator, of every recipient, and of the link it travels on."""
    sides = (case.originator, *case.recipients) if case.originator else case.recipients
    below = [side.id for side in sides if RANK[side.clearance] < case.rank]
    if below:
        yield demand("clearance-exceeded", "ACC-07", listed(below))
    if case.link_rank is not None and case.link_rank < case.rank:
        yield demand("link-clearance-exceeded", "ACC-07", case.header.label.level)


def authorities_listed(case: Case) -> Findings:
    """ACC-02: originator and recipients are listed, with their party, and not revoked (C8-06, C1-03, CZ-35)."""
    header = case.header
    names = dict.fromkeys((header.originator, *(recipient.authority for recipient in header.recipients)))
    unknown = [name for name in names if case.ground.authority(name) is None]
    if unknown or not header.recipients:
        yield demand("authority-unknown", "ACC-02", listed(unknown) or None)
    known = case.ground.directory.authorities
    revoked = [name for name in names if name in known and known[name].revoked]
    if revoked:
        yield demand("authority-revoked", "ACC-02", listed(revoked))


def link_is_originators(case: Case) -> Findings:
    """ACC-03: the connection is the originator's own (threat E3)."""
    peer = case.peer
    if peer is not None and peer.authority != case.header.originator:
        yield demand("originator-mismatch", "ACC-03", peer.authority)


def private_denied(case: Case) -> Findings:
    """ACC-12: private entities are denied by default, as a party or as an authority of one (LI-01)."""
    sides = (case.originator, *case.recipients) if case.originator else case.recipients
    private = [side.id for side in sides if case.ground.is_private(side)]
    if private:
        yield demand("private-entity", "ACC-12", listed(private))


def degree(clause: Degree, case: Case) -> Findings:
    """Every recipient can keep the degree of confidentiality that the provider asked for (C1-17)."""
    below = [side.id for side in case.recipients if RANK[side.clearance] < case.rank]
    if below:
        yield breach(clause, "degree-exceeded", listed(below))


def minimum_level(clause: MinimumLevel, case: Case) -> Findings:
    """What is delicate by its kind is marked no lower than this (CZ-05)."""
    if case.rank < RANK[clause.level]:
        yield breach(clause, "level-too-low", f"{case.header.label.level} below {clause.level}")


def confidential_fact(clause: ConfidentialFact, case: Case) -> Findings:
    """Where even the fact of a message is confidential nobody else learns it: no link, no co-recipient (C8-26)."""
    header = case.header
    if not header.label.confidential_fact:
        return
    if case.peer is not None and case.peer.link in clause.links:
        yield breach(clause, "link-not-confidential", case.peer.link)
    if clause.recipients_max is not None and len(header.recipients) > clause.recipients_max:
        yield breach(clause, "confidential-fact-spread", f"{len(header.recipients)} recipients")


def answer_hidden(clause: ConfidentialFact, case: Case) -> Findings:
    """What answers a message whose very existence is confidential bears the mark as well (C8-26)."""
    answered = case.facts.sources.get(case.header.in_reply_to or "")
    if case.stage == "dispatch" or answered is None or case.header.label.confidential_fact:
        return
    if hidden_by_other(answered, case.header.originator):
        yield breach(clause, "label-lowered", "the fact of what is answered is confidential")


def hidden_by_other(fact: SourceFact, name: str) -> bool:
    """Tell whether somebody else than `name` made the very existence of a message confidential."""
    return fact.label.confidential_fact and fact.originator != name


def queries_foreseen(case: Case) -> Findings:
    """ACC-08: having an agreement is not having database access; a query names one database (LI-02, CA-11)."""
    if case.header.kind != "query":
        return
    if case.header.database is None:
        yield demand("database-missing", "ACC-08")
    clauses = case.agreement.clauses if case.agreement else ()
    if not {DirectQuery, Granted} <= {type(clause) for clause in clauses}:
        yield demand("query-not-foreseen", "ACC-08", case.header.agreement)


def direct_query(clause: DirectQuery, case: Case) -> Findings:
    """Direct access is for the party named, and for itself alone (CA-14)."""
    if clause.parties and case.originator is not None and case.originator.party not in clause.parties:
        yield breach(clause, "query-not-foreseen", case.originator.party)
    if not clause.delegable and case.declared("on-behalf-of"):
        yield breach(clause, "query-delegated")


def granted(clause: Granted, case: Case) -> Findings:
    """The central node alone sets who reaches which database, how far and for what (CA-12, CA-24, LI-05)."""
    header, document = case.header, case.ground.directory.grants_document
    grant = case.ground.directory.grants.get((header.originator, header.database or ""))
    if document is None or grant is None:
        yield breach(clause, "grant-missing", header.database)
        return
    if case.at_ms >= min(grant.expires_at_ms, document.not_after_ms):
        yield breach(clause, "grant-expired", header.database)
    if case.rank > RANK[grant.level]:
        yield breach(clause, "grant-level", grant.level)
    outside = set(header.purposes).difference(grant.purposes)
    if outside:
        yield breach(clause, "grant-purpose", listed(outside))
    if any(recipient.authority != document.issuer for recipient in header.recipients):
        yield breach(clause, "grant-issuer", document.issuer)
