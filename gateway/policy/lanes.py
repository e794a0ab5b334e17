"""Say yes quickly. Never say no.

Most messages are permitted, and most cite nothing. For those, what the rules would say is compiled once: a lane
(party, party, instrument) with the interval in which nothing restricts it, a profile (instrument, kind, personal
data or not) and a mandate an authority, with purposes and subjects as bits. Whatever is not plainly permitted, or
would be flagged, is left to the rules, which alone explain. A lane is a cache of what they say, never a rule of
its own: tests/reference compares both with a third voice.
"""

from collections import OrderedDict

from msgspec import Struct

from gateway.domain.clause import Reserved
from gateway.domain.directory import Authority, Grant
from gateway.domain.facts import Facts, SourceFact
from gateway.domain.label import RANK
from gateway.domain.message import Header
from gateway.domain.session import Peer
from gateway.policy.case import holds
from gateway.policy.dates import DAY_MS
from gateway.policy.ground import Ground, concerns, make_room
from gateway.policy.profiles import UNKNOWN, Bits, Profile, compile_profile, declares_enough
from gateway.policy.rules import channel, personal_data, signing, terms
from gateway.policy.rules.access import hidden_by_other

# Bounds of the caches; kinds are the senders' words, so profiles are bounded too.
LANES_MAX = 65_536
PROFILES_MAX = 4_096
# A day, an endpoint and a kind each, where terms and endpoints are asked for.
LET_IN_MAX = 1_024


class Lane(Struct, frozen=True):
    """An instrument between two parties: nothing restricts it in [from_ms, until_ms) but what is reserved."""

    from_ms: int
    until_ms: int
    reserved: tuple[Reserved, ...]


class Side(Struct, frozen=True):
    """An authority as the fast path sees it; revoked, unknown and private ones have none."""

    party: str
    mask: int
    kinds: frozenset[str] | None
    rank: int
    authority: Authority


class Lanes:
    """The fast path of one judge."""

    def __init__(self, ground: Ground) -> None:
        """Build nothing yet: lanes, profiles and mandates come with the first message that needs them."""
        self._ground = ground
        self._bits = Bits(ground)
        # An expired edition, or a law that is not the edition's, opens no lane at all.
        self._until_ms = 0 if ground.mismatched else ground.not_after_ms
        self._lanes: OrderedDict[tuple[str, str, str], Lane] = OrderedDict()
        self._profiles: OrderedDict[tuple[str, str, bool], Profile | None] = OrderedDict()
        self._sides: dict[str, Side] = {}
        self._let_in: OrderedDict[tuple[object, ...], bool] = OrderedDict()

    def permit(
        self,
        header: Header,
        facts: Facts,
        peer: Peer | None,
        at_ms: int,
        link_rank: int | None,
        answered: bool,
        roles: tuple[str, ...],
    ) -> bool:
        """Tell whether `header`, but for what it cites, is plainly permitted, with nothing to flag.

        False says only: ask the rules. `answered`: who signed, and what is answered, was judged before.
        """
        if at_ms >= self._until_ms or not header.recipients:
            return False
        label = header.label
        key = (header.agreement, header.kind, label.personal_data)
        profile = self._profiles[key] if key in self._profiles else self._profile(key)
        side = self._sides.get(header.originator) or self._side(header.originator)
        if profile is None or side is None or not _link_carries(header, profile, peer, link_rank):
            return False
        if not self._parties_permit(header, profile, side, at_ms):
            return False
        if not declares_enough(header, profile, at_ms):
            return False
        if header.kind == "query" and not self._query_permitted(header, profile, side, at_ms):
            return False
        if profile.guarded and not (answered or self._signed(header, profile, side, roles)):
            return False
        if profile.guarded and not self._accepted(header, profile, side, peer, at_ms):
            return False
        hindering = profile.experts_barred or profile.blocks
        if hindering and self._hindered(header, profile, side, () if answered else roles):
            return False
        return answered or header.in_reply_to is None or self._answers(header, facts.sources.get(header.in_reply_to))

    def _parties_permit(self, header: Header, profile: Profile, side: Side, at_ms: int) -> bool:
        """Purposes, subjects, kind and label suit both mandates, and the instrument governs each pair."""
        purposes, subjects = self._bits.purposes, self._bits.subjects
        asked = 0
        for code in header.purposes:
            asked |= purposes.get(code, UNKNOWN)
        for code in header.subjects:
            asked |= subjects.get(code, UNKNOWN)
        kind, agreement, rank = header.kind, header.agreement, RANK[header.label.level]
        if asked & ~(profile.mask & side.mask) or rank > side.rank:
            return False
        if side.kinds is not None and kind not in side.kinds:
            return False
        for recipient in header.recipients:
            other = self._sides.get(recipient.authority) or self._side(recipient.authority)
            if other is None or asked & ~other.mask or rank > other.rank:
                return False
            if other.kinds is not None and kind not in other.kinds:
                return False
            key = (side.party, other.party, agreement)
            lane = self._lanes.get(key)
            if lane is None or not lane.from_ms <= at_ms < lane.until_ms:
                lane = self._lane(key, at_ms)
            if lane is None or (lane.reserved and self._is_reserved(lane, header)):
                return False
        return True

    def _signed(self, header: Header, profile: Profile, side: Side, roles: tuple[str, ...]) -> bool:
        """Tell whether whoever must sign has signed."""
        ground = self._ground
        for clause in profile.signers:
            if clause.units and side.authority.unit not in clause.units:
                continue
            if clause.units and not signing.concerns_units(clause, side.authority, self._recipients(header)):
                continue
            if (clause.seal and "seal" not in roles) or signing.signer_missing(clause, ground, header, roles):
                return False
        for persons in profile.persons:
            if (persons.mandatory or ground.persons) and signing.unauthorised(persons, ground, header, roles):
                return False
        return True

    def _hindered(self, header: Header, profile: Profile, side: Side, roles: tuple[str, ...]) -> bool:
        """Tell whether an expert acted, or the law of a State concerned forbids the message."""
        ground = self._ground
        if profile.experts_barred and ground.experts and signing.expert_signed(ground, header, roles):
            return True
        blocked = profile.blocks and ground.directory.blocks
        return bool(blocked and personal_data.blocks(ground, header, side.authority, self._recipients(header)))

    def _accepted(self, header: Header, profile: Profile, side: Side, peer: Peer | None, at_ms: int) -> bool:
        """Tell whether channels and terms are agreed, and originator and endpoint of the class asked for."""
        for basis in profile.channels:
            if channel.basis_needed(basis, header) and not self._based(header, side):
                return False
        if profile.entities is not None and side.authority.entity not in profile.entities:
            return False
        if not (profile.acceptances or profile.security):
            return True
        # Both change from one day to the next at most.
        key = (
            header.agreement,
            header.kind,
            header.label.personal_data,
            peer and (peer.spki_sha256, peer.authority),
            at_ms // DAY_MS,
        )
        found = self._let_in.get(key)
        if found is None:
            make_room(self._let_in, LET_IN_MAX)
            found = self._let_in[key] = self._lets_in(header.agreement, profile, peer, at_ms)
        return found

    def _lets_in(self, agreement: str, profile: Profile, peer: Peer | None, at_ms: int) -> bool:
        instrument = self._ground.agreements[agreement]
        for clause in profile.acceptances:
            if any(terms.unaccepted(clause, self._ground, instrument, at_ms)):
                return False
        return peer is None or not any(
            channel.profile_fault(clause, self._ground, peer, at_ms) for clause in profile.security
        )

    def _based(self, header: Header, side: Side) -> bool:
        channels, agreement = self._ground.channels, header.agreement
        for recipient in header.recipients:
            parties = (agreement, side.party, self._sides[recipient.authority].party)
            if parties not in channels and (agreement, header.originator, recipient.authority) not in channels:
                return False
        return True

    def _answers(self, header: Header, fact: SourceFact | None) -> bool:
        """Tell whether a message may answer this one, and keeps secret what was to be secret."""
        if fact is None or not holds(header.originator, fact, header.kind):
            return False
        told = hidden_by_other(fact, header.originator) and not header.label.confidential_fact
        return not told or fact.agreement not in self._ground.hiding

    def _recipients(self, header: Header) -> list[Authority]:
        """Return the recipients; each has a side, or the message would not have come this far."""
        return [self._sides[recipient.authority].authority for recipient in header.recipients]

    @staticmethod
    def _is_reserved(lane: Lane, header: Header) -> bool:
        return any(concerns(clause, header.kind, header.label.personal_data) for clause in lane.reserved)

    def _query_permitted(self, header: Header, profile: Profile, side: Side, at_ms: int) -> bool:
        document = self._ground.directory.grants_document
        if not profile.direct or not profile.granted or document is None or header.database is None:
            return False
        on_behalf = header.form.get("on-behalf-of", False) is not False
        for clause in profile.direct:
            if (clause.parties and side.party not in clause.parties) or (on_behalf and not clause.delegable):
                return False
        grant = self._ground.directory.grants.get((header.originator, header.database))
        return (
            grant is not None
            and _grant_covers(grant, header, at_ms)
            and at_ms < document.not_after_ms
            and all(recipient.authority == document.issuer for recipient in header.recipients)
        )

    def _lane(self, key: tuple[str, str, str], at_ms: int) -> Lane | None:
        agreement = self._ground.agreements.get(key[2])
        bond = self._ground.bond(agreement, key[0], key[1]) if agreement else None
        interval = bond.clear(at_ms) if bond else None
        if bond is None or interval is None:
            return None
        make_room(self._lanes, LANES_MAX)
        lane = self._lanes[key] = Lane(*interval, bond.reserved)
        return lane

    def _profile(self, key: tuple[str, str, bool]) -> Profile | None:
        agreement = self._ground.agreements.get(key[0])
        profile = compile_profile(agreement, key[1], key[2], self._bits) if agreement else None
        make_room(self._profiles, PROFILES_MAX)
        self._profiles[key] = profile
        return profile

    def _side(self, name: str) -> Side | None:
        authority = self._ground.authority(name)
        if authority is None or authority.revoked or self._is_private(authority):
            return None
        mandate = authority.mandate
        mask = self._bits.purpose_mask(mandate.purposes) | self._bits.subject_mask(mandate.subjects)
        kinds = None if mandate.kinds is None else frozenset(mandate.kinds)
        side = self._sides[name] = Side(authority.party, mask, kinds, RANK[authority.clearance], authority)
        return side

    def _is_private(self, authority: Authority) -> bool:
        return self._ground.is_private(authority)


def _link_carries(header: Header, profile: Profile, peer: Peer | None, link_rank: int | None) -> bool:
    label = header.label
    most = profile.hidden_recipients_max
    if label.confidential_fact and most is not None and len(header.recipients) > most:
        return False
    if peer is not None:
        if peer.authority != header.originator or (label.confidential_fact and peer.link in profile.hidden_links):
            return False
        link_rank = peer.clearance
    return link_rank is None or RANK[label.level] <= link_rank


def _grant_covers(grant: Grant, header: Header, at_ms: int) -> bool:
    return (
        at_ms < grant.expires_at_ms
        and RANK[header.label.level] <= RANK[grant.level]
        and set(grant.purposes).issuperset(header.purposes)
    )
