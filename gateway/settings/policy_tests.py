"""The files of policy tests: what a lawyer writes, and the federation it happens in (docs/policy-tests.md)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.domain.agreement import Capability, Counting
from gateway.domain.directory import Channel, LinkKind, Office
from gateway.domain.label import Level, ThirdParty
from gateway.domain.message import Urgency
from gateway.domain.names import AuthorityId, Code, PartyId, Text
from gateway.settings.directory import AdherenceSource, AuthoritySource, GrantSource, PartySource

Title = Annotated[str, Meta(min_length=1, max_length=300)]
# A word of the file's own for a message, a consent, an endpoint, a person: it never leaves the file.
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
Recipients = Annotated[tuple[AuthorityId, ...], Meta(min_length=1, max_length=64)]


class NamedEndpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A connection of an authority, by a name of the file's own instead of a certificate."""

    name: Name
    authority: AuthorityId
    link: LinkKind = "endpoint"
    clearance: Level = "top-secret"
    security_profile: Code | None = None
    attested_on: date | None = None


class NamedSignatory(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may sign for an authority, by a name of the file's own instead of a key."""

    name: Name
    authority: AuthorityId
    office: Office
    agreement: Code | None = None
    towards: tuple[AuthorityId, ...] = ()


class BlockSource(Struct, frozen=True, forbid_unknown_fields=True):
    """What a State's own law or another of its treaties keeps back; a list that is left out limits nothing."""

    party: PartyId
    law: Text
    directions: Annotated[tuple[Literal["send", "receive"], ...], Meta(min_length=1)] = ("receive", "send")
    kinds: tuple[Code, ...] = ()
    subjects: tuple[Code, ...] = ()
    purposes: tuple[Code, ...] = ()
    categories: tuple[Code, ...] = ()
    parties: tuple[PartyId, ...] = ()


class RevokedAuthority(Struct, frozen=True, forbid_unknown_fields=True):
    """An authority that is believed no more."""

    authority: AuthorityId


class Federation(Struct, frozen=True, forbid_unknown_fields=True):
    """Who there is and what binds them, in the tables of `directory.toml`."""

    parties: tuple[PartySource, ...] = ()
    authorities: tuple[AuthoritySource, ...] = ()
    adherences: tuple[AdherenceSource, ...] = ()
    channels: tuple[Channel, ...] = ()
    endpoints: tuple[NamedEndpoint, ...] = ()
    signatories: tuple[NamedSignatory, ...] = ()
    blocks: tuple[BlockSource, ...] = ()
    grants: tuple[GrantSource, ...] = ()
    revocations: tuple[RevokedAuthority, ...] = ()


class Changes(Federation, frozen=True, forbid_unknown_fields=True):
    """What is different in one case. An entry takes the place of the one with the same key, whole.

    `without`: entries that are not there, as `table/key`. `expires_on`: the first day on which the edition counts no
    more; `grants_expire_on`: the same for the central node's grants.
    """

    without: tuple[str, ...] = ()
    expires_on: date | None = None
    grants_expire_on: date | None = None


class AmendmentSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A change of an instrument that its file states already, and the day from which it counts."""

    id: Code
    rule: Text
    article: Text
    agreed_on: date
    in_force_on: date
    record: Text = "protocol"


class LawChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is different in one instrument; what is left out is as its file says."""

    agreement: Code
    counting: Counting | None = None
    capabilities: tuple[Capability, ...] | None = None
    amendments: tuple[AmendmentSource, ...] = ()
    not_extended_after: date | None = None


class Labelled(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The marking of a message; what is left out is what nothing objects to."""

    level: Level | None = None
    handling: tuple[Code, ...] = ()
    third_party: ThirdParty = "permitted"
    personal_data: bool | None = None
    special_categories: tuple[Code, ...] = ()
    necessity: Code | None = None
    confidential_fact: bool = False


class MessageSource(Labelled, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """The message that is judged. `False` leaves a field out that would be filled in."""

    from_: AuthorityId
    to: Recipients
    agreement: Code
    kind: Code
    purposes: tuple[Code, ...] | None = None
    subjects: tuple[Code, ...] | None = None
    urgency: Urgency | None = None
    destroy_by: date | bool | None = None
    in_reply_to: Name | None = None
    sources: tuple[Name, ...] = ()
    consents: tuple[Name, ...] = ()
    conditions: tuple[Code, ...] | None = None
    database: Code | None = None
    language: Code | bool | None = None
    form: dict[Code, bool | Code] = {}
    signed_by: tuple[Name, ...] | None = None


class KnownSource(Labelled, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """A message that passed before, `on` a day, and that the case may cite by its `name`."""

    name: Name
    from_: AuthorityId
    to: Recipients
    agreement: Code
    kind: Code = "reply"
    purposes: tuple[Code, ...] | None = None
    subjects: tuple[Code, ...] | None = None
    conditions: tuple[Code, ...] = ()
    in_reply_to: Name | None = None
    sources: tuple[Name, ...] = ()
    accepted: tuple[AuthorityId, ...] = ()
    withdrawn: bool = False
    on: date | None = None


class ConsentSource(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A consent on record: of whom, for whom, of what. Left out: all sources of the message, to all its recipients."""

    name: Name
    provider: AuthorityId
    grantee: AuthorityId
    agreement: Code | None = None
    sources: tuple[Name, ...] | None = None
    recipients: tuple[AuthorityId, ...] | None = None
    purposes: tuple[Code, ...] = ()
    conditions: tuple[Code, ...] = ()
    not_before: date | None = None
    not_after: date | None = None
    recorded_on: date | None = None
    revoked_on: date | None = None
    uses_max: Annotated[int, Meta(ge=1)] | None = None
    uses: Annotated[int, Meta(ge=0)] = 0


class LinkSource(Struct, frozen=True, forbid_unknown_fields=True):
    """The connection that the message comes over: a listed `endpoint`, or one of this kind and clearance."""

    endpoint: Name | None = None
    kind: LinkKind | None = None
    clearance: Level | None = None
    authority: AuthorityId | None = None


class CaseSource(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"sources": "source", "consents": "consent"}
):
    """One case: a day, a message, and what must come of it.

    `records` are rule ids that must be noted in the explanation; `about` says which rules a case shows, beside those
    it expects.
    """

    title: Title
    at: datetime
    expect: Literal["permit"] | Annotated[tuple[str, ...], Meta(min_length=1)]
    flags: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    message: MessageSource
    directory: Changes = Changes()
    law: tuple[LawChange, ...] = ()
    sources: tuple[KnownSource, ...] = ()
    consents: Annotated[tuple[ConsentSource, ...], Meta(max_length=32)] = ()
    link: LinkSource | None = None


class PolicyTests(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"cases": "case"}):
    """A whole file. `at` and `message` are what every case says that does not say otherwise.

    `federation` names the file of the federation, from this file's folder.
    """

    cases: Annotated[tuple[CaseSource, ...], Meta(min_length=1)]
    title: Title = "Policy tests"
    federation: str = "federation.toml"
    at: datetime | None = None
    message: dict[str, Any] = {}
