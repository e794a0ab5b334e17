"""`directory.toml`: what those who keep the directory write.

Keys, endpoints and revocations are flat tables that name their authority, so that tools only ever
append to the file and never rewrite what a person wrote.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.directory import Block, Channel, EntityClass, LinkKind, Office, PartyClass, Unit
from gateway.domain.label import Level
from gateway.domain.names import AuthorityId, Code, Digest, KeyId, Origin, PartyId, Role, Text

PublicText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43,1700}\Z")]


class Federation(Struct, frozen=True, forbid_unknown_fields=True):
    """The network's name, and for how many days an edition is good."""

    network: Code
    valid_days: Annotated[int, Meta(ge=1, le=366)] = 30


class KeySetSource(Struct, frozen=True, forbid_unknown_fields=True):
    """The public directory keys (base64url), and how many of them must sign."""

    threshold: Annotated[int, Meta(ge=1, le=16)]
    keys: Annotated[tuple[PublicText, ...], Meta(min_length=1, max_length=16)]


class LawSource(Struct, frozen=True, forbid_unknown_fields=True):
    """The folder of agreements whose digests the edition lists."""

    agreements_folder: str


class GatewaySource(Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway: its ledger's origin, its checkpoint key, the digest of its TLS key."""

    origin: Origin
    checkpoint_public: Digest
    spki_sha256: Digest


class FocalPointSource(Struct, frozen=True, forbid_unknown_fields=True):
    """An office, never a person (CA-16)."""

    office: Text
    expires_on: date | None = None


class PartySource(Struct, frozen=True, forbid_unknown_fields=True):
    """A State or an organisation."""

    id: PartyId
    kind: PartyClass
    title: Text
    focal_point: FocalPointSource | None = None


class MandateSource(Struct, frozen=True, forbid_unknown_fields=True):
    """What an authority may deal with; what is left out is left to the agreements."""

    purposes: tuple[Code, ...] | None = None
    subjects: tuple[Code, ...] | None = None
    kinds: tuple[Code, ...] | None = None


class AuthoritySource(Struct, frozen=True, forbid_unknown_fields=True):
    """A competent body of a party."""

    id: AuthorityId
    party: PartyId
    title: Text
    clearance: Level
    unit: Unit = "core"
    entity: EntityClass = "unclassified"
    mandate: MandateSource = MandateSource()
    suite_min: Literal[1, 2] = 2
    languages: tuple[Code, ...] = ()


class KeySource(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key of an authority, as `accord directory add` writes it."""

    authority: AuthorityId
    kid: KeyId
    role: Role
    public: PublicText
    not_before: datetime
    not_after: datetime


class EndpointSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A client certificate of an authority, by the digest of its public key."""

    authority: AuthorityId
    spki_sha256: Digest
    link: LinkKind = "endpoint"
    clearance: Level | None = None
    security_profile: Code | None = None
    attested_on: date | None = None


class RevocationSource(Struct, frozen=True, forbid_unknown_fields=True):
    """What is believed no more: one key, one certificate, or a whole authority.

    `superseded` says of a key that it was replaced in good order; `invalid_from` counts for keys.
    """

    key: KeyId | None = None
    certificate: Digest | None = None
    authority: AuthorityId | None = None
    status: Literal["compromised", "superseded"] = "compromised"
    invalid_from: datetime | None = None


class SuspensionSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A suspension as it was notified; no kinds and no subjects: in full."""

    delivered_on: date
    revocation_delivered_on: date | None = None
    kinds: tuple[Code, ...] = ()
    subjects: tuple[Code, ...] = ()


class ExitSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A notice of termination or withdrawal."""

    received_on: date
    chosen_on: date | None = None


class ConsentedSource(Struct, frozen=True, forbid_unknown_fields=True):
    """One party's consent to another's accession, as the depositary received it (C1-24)."""

    party: PartyId
    received_on: date


class AdherenceSource(Struct, frozen=True, forbid_unknown_fields=True):
    """The status of one party under one agreement; a date that is not known is left out."""

    agreement: Code
    party: PartyId
    signed_on: date | None = None
    notified_on: date | None = None
    in_force_on: date | None = None
    suspensions: tuple[SuspensionSource, ...] = ()
    exit: ExitSource | None = None
    reservations: tuple[Code, ...] = ()
    accepted: tuple[Code, ...] = ()
    pending: bool = False
    consented: tuple[ConsentedSource, ...] = ()


class SignatorySource(Struct, frozen=True, forbid_unknown_fields=True):
    """As what a key of role `signatory` signs for its authority; its table stands once for each office."""

    authority: AuthorityId
    key: KeyId
    office: Office
    agreement: Code | None = None
    towards: tuple[AuthorityId, ...] = ()


class GrantsSource(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the grants lie that the central node signed (`accord directory grants`)."""

    signed_file: str


class DirectorySource(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    federation: Federation
    key_set: KeySetSource
    law: LawSource
    gateways: tuple[GatewaySource, ...] = ()
    parties: tuple[PartySource, ...] = ()
    authorities: tuple[AuthoritySource, ...] = ()
    adherences: tuple[AdherenceSource, ...] = ()
    channels: tuple[Channel, ...] = ()
    grants: GrantsSource | None = None
    keys: tuple[KeySource, ...] = ()
    endpoints: tuple[EndpointSource, ...] = ()
    revocations: tuple[RevocationSource, ...] = ()
    signatories: tuple[SignatorySource, ...] = ()
    blocks: tuple[Block, ...] = ()


class GrantSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A right of one authority on one central database."""

    authority: AuthorityId
    database: Code
    level: Level
    purposes: Annotated[tuple[Code, ...], Meta(min_length=1)]
    expires_on: date


class GrantsFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`grants.toml`, which only the central node keeps: every grant in force (CA-12)."""

    network: Code
    issuer: AuthorityId
    number: Annotated[int, Meta(ge=1)]
    valid_days: Annotated[int, Meta(ge=1, le=366)] = 90
    grants: tuple[GrantSource, ...] = ()
