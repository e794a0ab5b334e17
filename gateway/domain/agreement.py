"""An agreement as data: one instrument, its clauses (`gateway.domain.clause`), and who may be bound by it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gateway.domain.clause import (
    Acceptable,
    Acceptance,
    AuthorisedPersons,
    ChannelBasis,
    Conditions,
    ConfidentialFact,
    Confidentiality,
    Degree,
    DestructionDeadline,
    DirectQuery,
    EntityClasses,
    Entry,
    Excluded,
    Exit,
    Experts,
    Form,
    Granted,
    Grounds,
    Kinds,
    Language,
    MinimumLevel,
    NationalLaw,
    OtherUse,
    PersonalKinds,
    Purposes,
    ReferralNotice,
    Renewal,
    Reserved,
    ReviewDate,
    RuleSets,
    SecurityProfile,
    Signers,
    SpecialCategories,
    Subjects,
    Supersession,
    Survival,
    Suspending,
    ThirdParty,
    Urgencies,
)
from gateway.domain.names import Code, Day, PartyId, Text

# What an instrument may provide for; having an agreement is not having database access (LI-02).
Capability = Literal[
    "information-exchange", "joint-projects", "database-access", "representation", "technical-assistance"
]

AnyClause = (
    Entry
    | Renewal
    | Grounds
    | Signers
    | AuthorisedPersons
    | Experts
    | ChannelBasis
    | Acceptable
    | MinimumLevel
    | Degree
    | Urgencies
    | ReviewDate
    | ReferralNotice
    | RuleSets
    | Acceptance
    | EntityClasses
    | SecurityProfile
    | PersonalKinds
    | NationalLaw
    | Exit
    | Suspending
    | Supersession
    | Survival
    | Reserved
    | Kinds
    | Excluded
    | Purposes
    | Subjects
    | Form
    | OtherUse
    | ThirdParty
    | Conditions
    | Confidentiality
    | ConfidentialFact
    | DirectQuery
    | Granted
    | DestructionDeadline
    | SpecialCategories
    | Language
)


class Member(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A party of an instrument that an operator defined, with the first and, if any, the last day it is bound."""

    party: PartyId
    from_: Day
    until: Day | None = None


class Amendment(Struct, frozen=True, forbid_unknown_fields=True):
    """A change that both sides agreed to in writing, and that this file already states (CA-20, C8-33).

    Until it is in force the file binds nobody: the file without it is the law until then. `rule` and `article` are
    those that let it be amended, `record` where the written agreement lies.
    """

    id: Code
    rule: Text
    article: Text
    agreed_on: Day
    in_force_on: Day
    record: Text


class Counting(Struct, frozen=True, forbid_unknown_fields=True):
    """How days are counted where the text is silent (ADR 0004). The day of the event never counts.

    `utc_offset_minutes`: where the day begins. `lapse`: what works on lapse of a period works on the day after its
    last day, or on the last day itself. `working_days`: Saturdays and Sundays do not count in periods of days.
    """

    utc_offset_minutes: Annotated[int, Meta(ge=-720, le=840)] = 0
    lapse: Literal["next-day", "last-day"] = "next-day"
    working_days: bool = False


class Agreement(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"clauses": "clause", "members": "member", "amendments": "amendment"},
):
    """One instrument. `short` is how its articles are cited; `between` names the parties of a closed one.

    Who is bound by a treaty, and since when, the directory says (`Adherence`); who is bound by an instrument
    that an operator defined, the file itself says (`members`). `hub`: every pair includes this party.
    `within_party`: it also governs traffic between two authorities of one party. `authentic`: the languages of its
    authentic texts; `implements`: the instrument that this one was concluded to implement, which it can only narrow
    (CA-18). `articles`: how many the text has; a treaty states it, so that no clause cites one that is not there.
    """

    v: Literal[1]
    id: Code
    title: Annotated[str, Meta(min_length=1, max_length=400)]
    short: Text
    origin: Literal["treaty", "operator"]
    source: str
    clauses: Annotated[tuple[AnyClause, ...], Meta(min_length=1)]
    between: tuple[PartyId, ...] = ()
    members: tuple[Member, ...] = ()
    hub: PartyId | None = None
    within_party: bool = False
    capabilities: tuple[Capability, ...] = ("information-exchange",)
    counting: Counting = Counting()
    amendments: tuple[Amendment, ...] = ()
    authentic: tuple[Code, ...] = ()
    implements: Code | None = None
    articles: Annotated[int, Meta(ge=1, le=999)] | None = None
    notes: tuple[str, ...] = field(default=())
