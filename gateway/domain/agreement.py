"""An agreement as data: one instrument, its clauses, and who may be bound by it.

A clause is a fact about a text: rule id, article, what it rests on, what follows from a breach, and the
numbers or lists that the article gives. `check` names the one function that reads it (`gateway.policy.rules`).

Which message a clause concerns: `kinds` (empty: every kind), `except_kinds`, `when`. Clauses about other
people's information (`third-party`, `other-use`, `conditions`, `confidentiality`) look at the kind and label
of the cited source, under the instrument the source came under: rules follow the information (rules.md 1.7, 12).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gateway.domain.decision import Basis
from gateway.domain.names import Code, Day, PartyId, Text

# What follows when a clause is not met: no passage; passage, marked; passage, noted in the explanation only.
Effect = Literal["refuse", "flag", "record"]
When = Literal["always", "personal-data", "no-personal-data"]
# Whose information it is, and who is a third party to it: the State or organisation, or the single authority.
Holder = Literal["party", "authority"]


class Clause(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="check"):
    """What every clause says of itself. `words` keeps the original text beside the rule, `note` our reading."""

    rule: Text
    article: Text
    basis: Basis
    effect: Effect = "refuse"
    kinds: tuple[Code, ...] = ()
    except_kinds: tuple[Code, ...] = ()
    when: When = "always"
    words: str = ""
    note: str = ""


class Entry(Clause, frozen=True, tag="entry"):
    """When the instrument binds a party.

    `first-of-second-month` after the last notification; `days-after-third` notification or one's own;
    `deposit-of-third` or one's own deposit; `stated`: notifications are needed, the date is the operator's word.
    `accession` of a State that did not sign: by the same count, or on the day stated.
    """

    count: Literal["first-of-second-month", "days-after-third", "deposit-of-third", "stated"]
    days: Annotated[int, Meta(ge=0, le=366)] = 0
    accession: Literal["same", "stated"] = "same"


class Exit(Clause, frozen=True, tag="exit"):
    """When it stops binding: months after receipt of the notice, or on a chosen date at least so far ahead.

    `agreed`: a date in the notice counts instead, because the parties agreed so in writing.
    """

    months: Annotated[int, Meta(ge=1, le=120)]
    count: Literal["after-receipt", "before-chosen"]
    agreed: bool = False


class Suspending(Clause, frozen=True, tag="suspension"):
    """Suspension, and its revocation, work when `days` have lapsed from delivery of the notice."""

    days: Annotated[int, Meta(ge=0, le=366)]


class Supersession(Clause, frozen=True, tag="supersession"):
    """Which instruments end: between any two that both are bound by this one (`pairwise`), or altogether."""

    replaces: Annotated[tuple[Code, ...], Meta(min_length=1)]
    scope: Literal["pairwise", "wholly"]


class Survival(Clause, frozen=True, tag="survival"):
    """Kinds that still pass after exit, suspension or supersession: those that protect what was exchanged."""

    protective: Annotated[tuple[Code, ...], Meta(min_length=1)]


class Reserved(Clause, frozen=True, tag="reservation"):
    """What a party that made this reservation takes no part in."""

    party: PartyId
    reservation: Code


class Kinds(Clause, frozen=True, tag="kinds"):
    """The kinds of message that the instrument foresees."""

    allowed: Annotated[tuple[Code, ...], Meta(min_length=1)]


class Excluded(Clause, frozen=True, tag="excluded"):
    """Kinds that the instrument expressly leaves out; `code` is the reason to give."""

    code: Code


class Purposes(Clause, frozen=True, tag="purposes"):
    """The purposes that information under this instrument may serve."""

    allowed: Annotated[tuple[Code, ...], Meta(min_length=1)]


class Subjects(Clause, frozen=True, tag="subjects"):
    """The offences concerned. An open list names examples; a closed one demands at least one of its own."""

    allowed: Annotated[tuple[Code, ...], Meta(min_length=1)]
    closed: bool


class Form(Clause, frozen=True, tag="form"):
    """What the originator must declare in `header.form`.

    `required`: each present and not false. `any_of`: one of them. `forbidden`: none true.
    `values`: the key is present and has one of these codes. `code` is the reason to give.
    """

    code: Code
    required: tuple[Code, ...] = ()
    any_of: tuple[Code, ...] = ()
    forbidden: tuple[Code, ...] = ()
    values: dict[Code, tuple[Code, ...]] = {}


class OtherUse(Clause, frozen=True, tag="other-use"):
    """Use of a source beyond the purposes it was given for, or under another instrument."""

    keyed_to: Holder
    consent: Literal["written", "any-form", "none"]
    attestations: tuple[Code, ...] = ()
    other_agreements: bool = True


class ThirdParty(Clause, frozen=True, tag="third-party"):
    """Passing a source on: whose consent it takes, and whether passing it on at home is passing it on.

    `as-labelled`: the text is silent, so the provider's own label decides. `inside_party`: whether any authority of
    the holder's own party may have it, or only the one a request is referred to.
    """

    keyed_to: Holder
    consent: Literal["required", "as-labelled"]
    inside_party: Literal["free", "referral"]


class Conditions(Clause, frozen=True, tag="conditions"):
    """The provider's conditions travel with its information."""


class Confidentiality(Clause, frozen=True, tag="confidentiality"):
    """What is built on a source is marked no lower than the source."""


class ConfidentialFact(Clause, frozen=True, tag="confidential-fact"):
    """Where even the existence of a message is confidential: links that may not carry it."""

    links: Annotated[tuple[Code, ...], Meta(min_length=1)]


class DirectQuery(Clause, frozen=True, tag="direct-query"):
    """Direct access to a central database: for these parties (empty: every party), under a grant, for themselves."""

    parties: tuple[PartyId, ...] = ()
    delegable: bool = False


class Granted(Clause, frozen=True, tag="grant"):
    """Direct access reaches as far as the central node granted it, database by database."""


class DestructionDeadline(Clause, frozen=True, tag="destruction-deadline"):
    """The provider sets a date by which the information is destroyed."""


class SpecialCategories(Clause, frozen=True, tag="special-categories"):
    """Categories of personal data that may be provided only when necessary."""

    categories: Annotated[tuple[Code, ...], Meta(min_length=1)]


class Language(Clause, frozen=True, tag="language"):
    """The working language; `unless` is the form key by which a derogation is put on record."""

    languages: Annotated[tuple[Code, ...], Meta(min_length=1)]
    unless: Code | None = None
    unstated: Effect = "flag"


AnyClause = (
    Entry
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


class Agreement(Struct, frozen=True, forbid_unknown_fields=True, rename={"clauses": "clause", "members": "member"}):
    """One instrument. `short` is how its articles are cited; `between` names the parties of a closed one.

    Who is bound by a treaty, and since when, the directory says (`Adherence`); who is bound by an instrument
    that an operator defined, the file itself says (`members`). `hub`: every pair includes this party.
    `within_party`: it also governs traffic between two authorities of one party.
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
    notes: tuple[str, ...] = field(default=())
