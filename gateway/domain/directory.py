"""The directory: one signed edition says who may do what; `Directory` is that edition, indexed.

An `Edition` is canonical JSON under k of n directory keys. Only `crypto.trust` turns bytes
into a `Directory`; whoever holds one may rely on it.
"""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from gateway.domain.label import Level
from gateway.domain.names import (
    AuthorityId,
    Code,
    Count,
    Day,
    Digest,
    KeyId,
    Milliseconds,
    Origin,
    PartyId,
    Role,
    SignatureText,
    Text,
)

# An edition lists every key of the federation and is no statement on a link: own bound (ADR 0005).
EDITION_BYTES_MAX = 8 * 1024 * 1024

PartyClass = Literal["state", "un-body", "global", "regional", "national-authority", "private"]
# No `relay`: nothing reads the relay object of wire.md, and what nothing checks is not listed (ADR 0005).
LinkKind = Literal["endpoint", "broker"]
RELAY_REMEDY = "list it as `endpoint` under its own authority, or as `broker` if it comes through an MQTT broker"
KeyStatus = Literal["active", "superseded", "compromised"]
Unit = Literal["core", "non-core", "specialised", "organisation"]
# What an authority is in INTERPOL's terms (CA-28); `unclassified` is refused wherever a class is asked for.
EntityClass = Literal["unclassified", "ncb", "national-entity", "authorized-international-entity", "private"]
# As what a signatory signs; `authorised`: a person authorised to carry out interaction (C8-07, C1-10).
Office = Literal["head", "deputy", "head-of-specialised", "authorised", "expert"]
OFFICES: dict[str, Office] = {office: office for office in get_args(Office)}


class KeyEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One public key: what it is for and when it may be believed.

    `superseded`: queued mail still goes. `compromised`: refused from `invalid_from_ms` on and
    stopped at dispatch. Old keys stay listed, so that old evidence still verifies.
    """

    kid: KeyId
    role: Role
    public: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43,1700}\Z")]
    not_before_ms: Milliseconds
    not_after_ms: Milliseconds
    status: KeyStatus
    invalid_from_ms: Milliseconds | None


class EndpointEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A technical connection of an authority: the SPKI digest of its client certificate.

    `security_profile` is what the authority attested to meet, on `attested_on` (CA-29).
    """

    spki_sha256: Digest
    link: LinkKind
    clearance: Level
    revoked: bool
    security_profile: Code | None = None
    attested_on: Day | None = None


class Mandate(Struct, frozen=True, forbid_unknown_fields=True):
    """What an authority may deal with; `None` leaves it to the agreement."""

    purposes: tuple[Code, ...] | None
    subjects: tuple[Code, ...] | None
    kinds: tuple[Code, ...] | None


class FocalPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A designated contact: an office, never a person (CA-16)."""

    office: Text
    expires_on: Day | None


class Authority(Struct, frozen=True, forbid_unknown_fields=True):
    """A competent body of a party: keys, mandate, clearance, endpoints."""

    id: AuthorityId
    party: PartyId
    title: Text
    unit: Unit
    mandate: Mandate
    clearance: Level
    suite_min: Literal[1, 2]
    languages: tuple[Code, ...]
    keys: tuple[KeyEntry, ...]
    endpoints: tuple[EndpointEntry, ...]
    revoked: bool
    entity: EntityClass = "unclassified"


class Party(Struct, frozen=True, forbid_unknown_fields=True):
    """A State or an organisation bound by agreements."""

    id: PartyId
    kind: PartyClass
    title: Text
    focal_point: FocalPoint | None


class Suspension(Struct, frozen=True, forbid_unknown_fields=True):
    """A suspension as notified; empty scope tuples mean: in full (CZ-41)."""

    delivered_on: Day
    revocation_delivered_on: Day | None
    kinds: tuple[Code, ...]
    subjects: tuple[Code, ...]


class Exit(Struct, frozen=True, forbid_unknown_fields=True):
    """A notice of termination or withdrawal: when it was delivered or received, and a chosen date if any."""

    received_on: Day
    chosen_on: Day | None


class Consented(Struct, frozen=True, forbid_unknown_fields=True):
    """When the depositary received one party's consent to another's accession (C1-24)."""

    party: PartyId
    received_on: Day


class Adherence(Struct, frozen=True, forbid_unknown_fields=True):
    """The status of one party under one agreement. Signed is not notified, notified is not in force.

    `in_force_on` is what the depositary or operator states; policy computes it from
    `notified_on` where the instrument gives the arithmetic and it is null. `pending`: the deposit itself says that
    internal procedures go on, so it brings nothing into force (C1-27, Russia).
    """

    agreement: Code
    party: PartyId
    signed_on: Day | None
    notified_on: Day | None
    in_force_on: Day | None
    suspensions: tuple[Suspension, ...]
    exit: Exit | None
    reservations: tuple[Code, ...]
    accepted: tuple[Code, ...]
    pending: bool = False
    consented: tuple[Consented, ...] = ()


class Channel(Struct, frozen=True, forbid_unknown_fields=True):
    """A channel basis between two authorities or two parties under an agreement (C8-15)."""

    agreement: Code
    between: tuple[Text, Text]
    basis: Text


class Signatory(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may sign for an authority beside its message key: a key of role `signatory`, never a name.

    `agreement` None: under every instrument. `towards` empty: towards everybody; else these authorities.
    """

    authority: AuthorityId
    key: KeyId
    office: Office
    agreement: Code | None
    towards: tuple[AuthorityId, ...]


class Block(Struct, frozen=True, forbid_unknown_fields=True):
    """What a party's own law or another of its treaties forbids its authorities to send or receive (CZ-46).

    `law` cites it. A message is blocked if it meets every list that is not empty: `directions`, its `kinds`,
    `subjects`, `purposes`, special `categories`, the `parties` at the other side.
    """

    party: PartyId
    law: Text
    directions: Annotated[tuple[Literal["send", "receive"], ...], Meta(min_length=1, max_length=2)]
    kinds: tuple[Code, ...]
    subjects: tuple[Code, ...]
    purposes: tuple[Code, ...]
    categories: tuple[Code, ...]
    parties: tuple[PartyId, ...]


class GatewayEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway of the federation: ledger origin, checkpoint key, digest of its TLS key."""

    origin: Origin
    checkpoint_key: KeyId
    checkpoint_public: Digest
    spki_sha256: Digest


class LawEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """An agreement that may be cited, by the digest of the file that states it."""

    agreement: Code
    sha256: Digest


class KeySet(Struct, frozen=True, forbid_unknown_fields=True):
    """The directory keys: `threshold` distinct ones must sign an edition."""

    threshold: Annotated[int, Meta(ge=1, le=16)]
    keys: Annotated[tuple[KeyEntry, ...], Meta(min_length=1, max_length=16)]


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """A right of one authority on one central database, given by the central node alone (CA-12)."""

    authority: AuthorityId
    database: Code
    level: Level
    purposes: tuple[Code, ...]
    expires_at_ms: Milliseconds


class Grants(Struct, frozen=True, forbid_unknown_fields=True):
    """Every grant in force; numbered, expiring, never going back."""

    v: Literal[1]
    network: Code
    number: Count
    issuer: AuthorityId
    issued_at_ms: Milliseconds
    not_after_ms: Milliseconds
    grants: tuple[Grant, ...]


class GrantsKey(Struct, frozen=True, forbid_unknown_fields=True):
    """What a grants key signs of the key that follows it."""

    v: Literal[1]
    network: Code
    public: Digest


class GrantsSuccession(Struct, frozen=True, forbid_unknown_fields=True):
    """A grants key, and the signature of the one before it over `GrantsKey`."""

    public: Digest
    g: SignatureText


class SignedGrants(Struct, frozen=True, forbid_unknown_fields=True):
    """Grants as the directory carries them: base64url of their canonical JSON, and a signature.

    `successions` lead from the key that was pinned to the one that signed, oldest first.
    """

    h: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{2,131072}\Z")]
    k: KeyId
    g: SignatureText
    successions: Annotated[tuple[GrantsSuccession, ...], Meta(max_length=16)] = ()


class Edition(Struct, frozen=True, forbid_unknown_fields=True):
    """One version of the directory. Field order is wire order."""

    v: Literal[1]
    network: Code
    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    previous_sha256: Digest | None
    issued_at_ms: Milliseconds
    not_after_ms: Milliseconds
    key_set: KeySet
    gateways: tuple[GatewayEntry, ...]
    witnesses: tuple[KeyEntry, ...]
    law: tuple[LawEntry, ...]
    parties: tuple[Party, ...]
    authorities: tuple[Authority, ...]
    adherences: tuple[Adherence, ...]
    channels: tuple[Channel, ...]
    grants: SignedGrants | None
    signatories: tuple[Signatory, ...] = ()
    blocks: tuple[Block, ...] = ()


class ListedKey(Struct, frozen=True):
    """A key with its owner, ready for a verifier: `public` is raw bytes."""

    entry: KeyEntry
    authority: Authority
    public: bytes


class Directory:
    """An edition that was verified, indexed for look-ups. Immutable; swapped whole."""

    def __init__(self, edition: Edition, sha256: str, raw: bytes, keys: dict[bytes, ListedKey], grants: Grants | None):
        """Index `edition`; `keys` maps the 16 raw bytes of a kid to its key."""
        self.edition = edition
        self.sha256 = sha256
        self.raw = raw
        self.keys = keys
        self.parties = {party.id: party for party in edition.parties}
        self.authorities = {authority.id: authority for authority in edition.authorities}
        self.endpoints: dict[str, tuple[Authority, EndpointEntry]] = {
            endpoint.spki_sha256: (authority, endpoint)
            for authority in edition.authorities
            for endpoint in authority.endpoints
        }
        self.adherences = {(entry.agreement, entry.party): entry for entry in edition.adherences}
        self.law = {entry.agreement: entry.sha256 for entry in edition.law}
        self.gateways = {entry.origin: entry for entry in edition.gateways}
        self.signatories: dict[str, tuple[Signatory, ...]] = {}
        for signatory in edition.signatories:
            self.signatories[signatory.key] = (*self.signatories.get(signatory.key, ()), signatory)
        self.blocks: dict[str, tuple[Block, ...]] = {}
        for block in edition.blocks:
            self.blocks[block.party] = (*self.blocks.get(block.party, ()), block)
        self.grants_document = grants
        self.grants = {(grant.authority, grant.database): grant for grant in (grants.grants if grants else ())}

    def accepts_key(self, listed: ListedKey, at_ms: int) -> bool:
        """Tell whether a fresh signature under this key may be believed at `at_ms`."""
        entry = listed.entry
        if entry.status == "superseded" or listed.authority.revoked:
            return False
        if entry.invalid_from_ms is not None and at_ms >= entry.invalid_from_ms:
            return False
        return entry.not_before_ms <= at_ms < entry.not_after_ms

    def stops_queued(self, key: bytes) -> bool:
        """Tell whether queued messages signed under `key` must not be dispatched any more."""
        listed = self.keys.get(key)
        return listed is None or listed.entry.status == "compromised" or listed.authority.revoked
