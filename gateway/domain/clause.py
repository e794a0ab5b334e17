"""The clauses that an agreement is made of.

A clause is a fact about a text: rule id, article, what it rests on, what follows from a breach, and the
numbers or lists that the article gives. `check` names the one function that reads it (`gateway.policy.rules`).

Which message a clause concerns: `kinds` (empty: every kind), `except_kinds`, `when`. Clauses about other
people's information (`third-party`, `other-use`, `conditions`, `confidentiality`) look at the kind and label
of the cited source, under the instrument the source came under: rules follow the information (rules.md 1.7, 12).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.decision import Basis
from gateway.domain.directory import EntityClass, Office, Unit
from gateway.domain.label import Level
from gateway.domain.message import Urgency
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
    `accession` of a State that did not sign: by the same count, on the day stated, or `unanimous`, on receipt of the
    last consent of everybody bound by then (C1-24; `Adherence.consented`). `accession_rule` and `accession_article` are
    cited for a State that accedes and is not bound yet, where the text has words of its own for it (C8-34, C1-24).
    """

    count: Literal["first-of-second-month", "days-after-third", "deposit-of-third", "stated"]
    days: Annotated[int, Meta(ge=0, le=366)] = 0
    accession: Literal["same", "stated", "unanimous"] = "same"
    accession_rule: Text | None = None
    accession_article: Text | None = None


class Renewal(Clause, frozen=True, tag="renewal"):
    """For how many years it is concluded and extended each time, unless agreed otherwise (C1-22).

    `not_extended_after`: the parties agreed that the period which ends on this day is the last one.
    """

    years: Annotated[int, Meta(ge=1, le=99)]
    not_extended_after: Day | None = None


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
    `only_if`: the clause speaks only of a message whose form has one of these codes under each of these keys (no codes:
    whatever is declared under it).
    """

    code: Code
    required: tuple[Code, ...] = ()
    any_of: tuple[Code, ...] = ()
    forbidden: tuple[Code, ...] = ()
    values: dict[Code, tuple[Code, ...]] = {}
    only_if: dict[Code, tuple[Code, ...]] = {}


class Grounds(Clause, frozen=True, tag="refusal-grounds"):
    """On which grounds a request may be refused, as `form["refusal.ground"]` declares them (codes).

    `party`: these grounds stand open to the authorities of one party alone, beside those that the instrument's other
    clauses give to everybody; the clause says nothing of anybody else (C1-26).
    `reasons`: the refusal must also declare `refusal.reasons`, that the body gives them (C1-16).
    """

    allowed: Annotated[tuple[Code, ...], Meta(min_length=1)]
    party: PartyId | None = None
    reasons: bool = False


class Signers(Clause, frozen=True, tag="signers"):
    """Who must sign beside the message key, and whether the authority's seal must be there (C8-17, C8-18, C1-09).

    `units`: the clause speaks only if originator and every recipient are units of these kinds; empty: of any kind.
    `offices`: one key of role `signatory` that the directory lists under one of these offices must have signed.
    `seal`: a key of role `seal` must have signed. Judged at admission, on `header.signers` and their keys' roles.
    """

    offices: Annotated[tuple[Office, ...], Meta(min_length=1)]
    seal: bool
    units: tuple[Unit, ...] = ()


class AuthorisedPersons(Clause, frozen=True, tag="authorised-persons"):
    """Persons authorised to carry out interaction: signatories of office `authorised`, towards each recipient.

    `mandatory`: without a listed person's signature nothing passes (C1-10); else only where the originator has a list
    towards a recipient: an entry of that office that names this instrument (C8-07). Judged at admission.
    """

    mandatory: bool


class Experts(Clause, frozen=True, tag="experts"):
    """What a message may be that an accredited expert signed: kinds that only advise (CZ-06). Judged at admission."""

    allowed: Annotated[tuple[Code, ...], Meta(min_length=1)]


class ChannelBasis(Clause, frozen=True, tag="channel-basis"):
    """Electronic channels need a basis on record: between two authorities or their parties (C8-15, C1-29).

    `urgent_exempt`: kinds that go without one if `urgency` is not routine.
    """

    urgent_exempt: tuple[Code, ...] = ()


class Acceptable(Clause, frozen=True, tag="acceptable"):
    """Contents that may not go electronically: what `label.handling` says of them (CZ-13)."""

    handling: Annotated[tuple[Code, ...], Meta(min_length=1)]


class MinimumLevel(Clause, frozen=True, tag="minimum-level"):
    """The lowest marking that such messages may bear (CZ-05)."""

    level: Level


class Degree(Clause, frozen=True, tag="degree"):
    """Every recipient is cleared for the degree of confidentiality that the provider asked for (C1-17)."""


class Urgencies(Clause, frozen=True, tag="urgency"):
    """How urgent such messages are to be marked (C8-11)."""

    allowed: Annotated[tuple[Urgency, ...], Meta(min_length=1)]


class ReviewDate(Clause, frozen=True, tag="review-date"):
    """Information is not sent past the day by which its provider was to review it: `form[key]`, YYYY-MM-DD (CA-09).

    `required`: the day must be declared; else only a declared day is judged. The day itself still passes, UTC.
    What is declared and is no day counts as past. Judged at admission and again at dispatch.
    """

    key: Code
    required: bool = False


class ReferralNotice(Clause, frozen=True, tag="referral-notice"):
    """A referral answers the request that is referred, and its initiator is among the recipients (C8-21, C1-12).

    Asked of the instrument that a referral cites, and of the one that the request came under. Judged at admission.
    """


class RuleSet(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """One version of rules that an instrument refers to: in effect from a day, until before another (CA-25).

    `successor` names what replaced it: that is not in effect while this one is. A day that no source tells is left
    out: no day, no end.
    """

    id: Code
    title: Text
    from_: Day | None = None
    until: Day | None = None
    successor: Code | None = None
    source: str = ""


class RuleSets(Clause, frozen=True, tag="rule-sets"):
    """The rule sets that what the instrument grants is subject to; those of the day are put on record (CA-25)."""

    sets: Annotated[tuple[RuleSet, ...], Meta(min_length=1)]


class Acceptance(Clause, frozen=True, tag="acceptance"):
    """Terms and rule sets that `party` must have accepted: `Adherence.accepted` of it names each (CA-13, CA-27).

    `terms`: always. `rule_sets`: those of the instrument's `rule-sets` clauses that are in effect on the day, UTC.
    """

    party: PartyId
    terms: tuple[Code, ...] = ()
    rule_sets: bool = False


class EntityClasses(Clause, frozen=True, tag="entity-class"):
    """Of which class the originator must be, as the directory lists it (CA-28); `private` is refused in any case."""

    allowed: Annotated[tuple[EntityClass, ...], Meta(min_length=1)]


class SecurityProfile(Clause, frozen=True, tag="security-profile"):
    """The connection's endpoint is attested to a security profile, no longer ago than `months` (CA-29).

    For endpoints of these parties (empty: of every party). Judged where a connection is judged.
    """

    profile: Code
    months: Annotated[int, Meta(ge=1, le=120)]
    parties: tuple[PartyId, ...] = ()


class PersonalKinds(Clause, frozen=True, tag="personal-kinds"):
    """Kinds that always concern a person, so that the label must say `personal_data` (CZ-47).

    Special categories are personal data whatever the kind.
    """

    allowed: Annotated[tuple[Code, ...], Meta(min_length=1)]


class NationalLaw(Clause, frozen=True, tag="national-law"):
    """What the law of the originator's or a recipient's State forbids: the directory's block lists (CZ-46)."""


class OtherUse(Clause, frozen=True, tag="other-use"):
    """Use of a source beyond the purposes it was given for, or under another instrument.

    `free`: purposes that the article leaves open whatever it was given for (CZ-23: combating crime and the like).
    """

    keyed_to: Holder
    consent: Literal["written", "any-form", "none"]
    free: tuple[Code, ...] = ()
    attestations: tuple[Code, ...] = ()
    other_agreements: bool = True


class ThirdParty(Clause, frozen=True, tag="third-party"):
    """Passing a source on: whose consent it takes, and whether passing it on at home is passing it on.

    `as-labelled`: the text is silent, so the provider's own label decides. `inside_party`: whether any authority of
    the holder's own party may have it, only the one a request is referred to, or nobody else. Where the State consents
    no party of a closed instrument (`between`) is a third party to what was given under it.
    """

    keyed_to: Holder
    consent: Literal["required", "as-labelled"]
    inside_party: Literal["free", "referral", "nobody"]


class Conditions(Clause, frozen=True, tag="conditions"):
    """The provider's conditions travel with its information.

    They bind once `stipulated`, or once `accepted`: then a dropped condition refuses only if the originator has
    accepted it (an `acceptance` of its party answers the source, `SourceFact.accepted`), and is flagged if not.
    """

    bind: Literal["stipulated", "accepted"] = "stipulated"


class Confidentiality(Clause, frozen=True, tag="confidentiality"):
    """What is built on a source is marked no lower than the source, in level and in `confidential_fact`."""


class ConfidentialFact(Clause, frozen=True, tag="confidential-fact"):
    """Where even the existence of a message is confidential: links that may not carry it, and to how many it goes.

    What answers such a message of somebody else's is marked so too, whatever it cites (judged at admission).
    """

    links: tuple[Code, ...] = ()
    recipients_max: Annotated[int, Meta(ge=1, le=256)] | None = None


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
