"""Channel: what may go electronically at all, on which basis, over whose connection."""

from collections.abc import Iterable

from gateway.domain.clause import Acceptable, ChannelBasis, SecurityProfile
from gateway.domain.directory import Authority
from gateway.domain.message import Header
from gateway.domain.session import Peer
from gateway.policy.case import Case, Findings, breach, listed
from gateway.policy.dates import add_months, day_of, parse_day
from gateway.policy.ground import Ground


def basis_needed(clause: ChannelBasis, header: Header) -> bool:
    """Tell whether a message needs a basis: urgent ones of some kinds go without."""
    return header.urgency == "routine" or header.kind not in clause.urgent_exempt


def unbased(ground: Ground, agreement: str, originator: Authority, recipients: Iterable[Authority]) -> list[str]:
    """Return the recipients with which no channel is on record, between the authorities or between their parties."""
    return [
        each.id
        for each in recipients
        if (agreement, originator.id, each.id) not in ground.channels
        and (agreement, originator.party, each.party) not in ground.channels
    ]


def channel_basis(clause: ChannelBasis, case: Case) -> Findings:
    """Requests and results go electronically where the authorities or a treaty agreed on it (C8-15, C1-29)."""
    if case.originator is None or not basis_needed(clause, case.header):
        return
    missing = unbased(case.ground, case.header.agreement, case.originator, case.recipients)
    if missing:
        yield breach(clause, "channel-unbased", f"with {listed(missing)}"[:200])


def acceptable(clause: Acceptable, case: Case) -> Findings:
    """Contents that call for paper do not go electronically (CZ-13)."""
    refused = set(case.header.label.handling).intersection(clause.handling)
    if refused:
        yield breach(clause, "channel-unacceptable", listed(refused))


def profile_fault(clause: SecurityProfile, ground: Ground, peer: Peer, at_ms: int) -> str | None:
    """Return what is wrong with the security profile of a connection's endpoint, or None."""
    authority = ground.authority(peer.authority)
    if authority is None or (clause.parties and authority.party not in clause.parties):
        return None
    found = ground.directory.endpoints.get(peer.spki_sha256)
    if found is None or found[1].security_profile != clause.profile or found[1].attested_on is None:
        return f"{peer.authority}: {clause.profile} not attested"
    attested, today = parse_day(found[1].attested_on), day_of(at_ms)
    if not attested <= today <= add_months(attested, clause.months):
        return f"{peer.authority}: attested on {attested.isoformat()}"
    return None


def security_profile(clause: SecurityProfile, case: Case) -> Findings:
    """The endpoint is attested to the security rules that were set for it, and lately (CA-29)."""
    fault = profile_fault(clause, case.ground, case.peer, case.at_ms) if case.peer is not None else None
    if fault is not None:
        yield breach(clause, "security-profile", fault)
