"""Compile what an instrument demands of one kind of message.

Every clause narrows a profile: purposes and subjects are bits, elements of form are tuples of keys. A clause that has
no compiler leaves the message to the rules. What a profile lets pass no clause of the instrument would refuse or flag.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import clause as law
from gateway.domain.agreement import Agreement
from gateway.domain.clause import Clause
from gateway.domain.label import RANK
from gateway.domain.message import Header
from gateway.policy.ground import Ground, concerns
from gateway.policy.rules.form import form_faults, review_fault
from gateway.policy.rules.terms import capability_missing

# A bit that no profile has: a code that no instrument knows.
UNKNOWN = 1
# What a referral owes depends on the request that it answers, so the rules are asked each time.
REFERRAL = "referral"


class Profile(Struct, frozen=True):
    """What one instrument demands of one kind of message."""

    mask: int = -1
    subject_needed: bool = False
    required: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    languages: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    deadline: bool = False
    hidden_links: tuple[str, ...] = ()
    hidden_recipients_max: int | None = None
    direct: tuple[law.DirectQuery, ...] = ()
    granted: bool = False
    conditional: tuple[law.Form, ...] = ()
    reviews: tuple[law.ReviewDate, ...] = ()
    barred_handling: tuple[str, ...] = ()
    rank_min: int = 0
    urgencies: tuple[str, ...] | None = None
    blocks: bool = False
    channels: tuple[law.ChannelBasis, ...] = ()
    signers: tuple[law.Signers, ...] = ()
    persons: tuple[law.AuthorisedPersons, ...] = ()
    experts_barred: bool = False
    entities: tuple[str, ...] | None = None
    acceptances: tuple[law.Acceptance, ...] = ()
    security: tuple[law.SecurityProfile, ...] = ()
    # Signatures, channels, terms, classes or endpoints are asked for.
    guarded: bool = False


class Bits:
    """One bit for every purpose and every subject of the law."""

    def __init__(self, ground: Ground) -> None:
        """Number the codes of every instrument that is listed."""
        clauses = [clause for agreement in ground.agreements.values() for clause in agreement.clauses]
        purposes = {code for clause in clauses if isinstance(clause, law.Purposes) for code in clause.allowed}
        subjects = ground.law.subjects
        self.purposes = {code: 2 << place for place, code in enumerate(sorted(purposes))}
        self.subjects = {code: 2 << (place + len(purposes)) for place, code in enumerate(sorted(subjects))}
        self.all_purposes = sum(self.purposes.values())
        self.all_subjects = sum(self.subjects.values())

    def purpose_mask(self, codes: tuple[str, ...] | None) -> int:
        """Return the bits of these purposes; of no list, all."""
        return self.all_purposes if codes is None else sum(self.purposes.get(code, 0) for code in set(codes))

    def subject_mask(self, codes: tuple[str, ...] | None) -> int:
        """Return the bits of these subjects; of no list, all."""
        return self.all_subjects if codes is None else sum(self.subjects.get(code, 0) for code in set(codes))


# Each takes a profile and a clause of its type and returns the profile narrowed by it.
Compiler = Callable[[Profile, Any, Bits], Profile]


def _purposes(profile: Profile, clause: law.Purposes, bits: Bits) -> Profile:
    return replace(profile, mask=profile.mask & (bits.purpose_mask(clause.allowed) | bits.all_subjects))


def _subjects(profile: Profile, clause: law.Subjects, bits: Bits) -> Profile:
    allowed = bits.subject_mask(clause.allowed if clause.closed else None)
    needed = profile.subject_needed or clause.closed
    return replace(profile, mask=profile.mask & (allowed | bits.all_purposes), subject_needed=needed)


def _form(profile: Profile, clause: law.Form, bits: Bits) -> Profile:
    if clause.only_if:
        return replace(profile, conditional=(*profile.conditional, clause))
    return replace(
        profile,
        required=profile.required + clause.required,
        any_of=(*profile.any_of, clause.any_of) if clause.any_of else profile.any_of,
        forbidden=profile.forbidden + clause.forbidden,
        values=profile.values + tuple(clause.values.items()),
    )


def _both(known: tuple[str, ...] | None, more: tuple[str, ...]) -> tuple[str, ...]:
    """Return what two clauses of one kind both allow."""
    return more if known is None else tuple(code for code in more if code in known)


def _language(profile: Profile, clause: law.Language, bits: Bits) -> Profile:
    return replace(profile, languages=_both(profile.languages, clause.languages))


def _categories(profile: Profile, clause: law.SpecialCategories, bits: Bits) -> Profile:
    return replace(profile, categories=_both(profile.categories, clause.categories))


def _urgencies(profile: Profile, clause: law.Urgencies, bits: Bits) -> Profile:
    return replace(profile, urgencies=_both(profile.urgencies, clause.allowed))


def _entities(profile: Profile, clause: law.EntityClasses, bits: Bits) -> Profile:
    return replace(profile, entities=_both(profile.entities, clause.allowed))


def _minimum(profile: Profile, clause: law.MinimumLevel, bits: Bits) -> Profile:
    return replace(profile, rank_min=max(profile.rank_min, RANK[clause.level]))


def _hidden(profile: Profile, clause: law.ConfidentialFact, bits: Bits) -> Profile:
    most = [each for each in (profile.hidden_recipients_max, clause.recipients_max) if each is not None]
    return replace(
        profile,
        hidden_links=profile.hidden_links + clause.links,
        hidden_recipients_max=min(most, default=None),
    )


def _handling(profile: Profile, clause: law.Acceptable, bits: Bits) -> Profile:
    return replace(profile, barred_handling=profile.barred_handling + clause.handling)


def _more(name: str) -> Any:
    """Return a compiler that adds its clause to a list of the profile."""
    return lambda profile, clause, bits: replace(profile, **{name: (*getattr(profile, name), clause)})


def _sets(name: str) -> Any:
    """Return a compiler that notes that there is such a clause."""
    return lambda profile, clause, bits: replace(profile, **{name: True})


def _unchanged(profile: Profile, clause: Clause, bits: Bits) -> Profile:
    return profile


COMPILERS: dict[type[Clause], Compiler] = {
    law.Purposes: _purposes,
    law.Subjects: _subjects,
    law.Form: _form,
    law.Language: _language,
    law.SpecialCategories: _categories,
    law.DestructionDeadline: _sets("deadline"),
    law.ConfidentialFact: _hidden,
    law.DirectQuery: _more("direct"),
    law.Granted: _sets("granted"),
    law.ReviewDate: _more("reviews"),
    law.Acceptable: _handling,
    law.MinimumLevel: _minimum,
    law.Urgencies: _urgencies,
    law.NationalLaw: _sets("blocks"),
    law.ChannelBasis: _more("channels"),
    law.Signers: _more("signers"),
    law.AuthorisedPersons: _more("persons"),
    law.EntityClasses: _entities,
    law.Acceptance: _more("acceptances"),
    law.SecurityProfile: _more("security"),
    # Every recipient's clearance is compared anyhow; rule sets are what an acceptance is of.
    **dict.fromkeys((law.Degree, law.RuleSets), _unchanged),
    # The interval of the lane holds these.
    **dict.fromkeys(
        (law.Entry, law.Exit, law.Renewal, law.Suspending, law.Supersession, law.Survival, law.Reserved), _unchanged
    ),
    # These speak of sources, and a message that cites any is left to the rules.
    **dict.fromkeys((law.OtherUse, law.ThirdParty, law.Conditions, law.Confidentiality), _unchanged),
}

# What more than the header's own words decides.
GUARDS: frozenset[type[Clause]] = frozenset(
    {law.Signers, law.AuthorisedPersons, law.ChannelBasis, law.EntityClasses, law.Acceptance, law.SecurityProfile}
)


def compile_profile(agreement: Agreement, kind: str, personal_data: bool, bits: Bits) -> Profile | None:
    """Return what `agreement` demands of such messages, or None if the rules must be asked each time."""
    if kind == REFERRAL or capability_missing(agreement, kind) is not None:
        return None
    profile = Profile()
    spoken: set[type[Clause]] = set()
    for clause in agreement.clauses:
        if not concerns(clause, kind, personal_data):
            continue
        spoken.add(type(clause))
        compiler = COMPILERS.get(type(clause))
        narrowed: Profile | None = profile
        if isinstance(clause, law.Kinds | law.PersonalKinds | law.Experts):
            narrowed = _of_kind(profile, clause, kind, personal_data)
        elif compiler is None:
            narrowed = None
        elif clause.effect != "record":
            narrowed = compiler(profile, clause, bits)
        if narrowed is None:
            return None
        profile = narrowed
    guarded = not GUARDS.isdisjoint(spoken)
    return replace(profile, guarded=guarded) if {law.Kinds, law.Purposes, law.Subjects} <= spoken else None


def _of_kind(
    profile: Profile, clause: law.Kinds | law.PersonalKinds | law.Experts, kind: str, personal_data: bool
) -> Profile | None:
    """Return the profile narrowed by a clause that lists kinds; None if such a message is never plainly permitted."""
    inside = kind in clause.allowed
    if isinstance(clause, law.Kinds):
        return profile if inside else None
    if isinstance(clause, law.Experts):
        return profile if inside else replace(profile, experts_barred=True)
    if personal_data:
        return profile
    return None if inside else replace(profile, categories=())


def declares_enough(header: Header, profile: Profile, at_ms: int) -> bool:
    """Tell whether everything that has to be declared is, so that no clause of form would speak."""
    if profile.subject_needed and not header.subjects:
        return False
    if profile.languages is not None and header.language not in profile.languages:
        return False
    label = header.label
    if RANK[label.level] < profile.rank_min:
        return False
    if label.handling and not set(label.handling).isdisjoint(profile.barred_handling):
        return False
    if profile.urgencies is not None and header.urgency not in profile.urgencies:
        return False
    return _form_complete(header, profile, at_ms) and _personal_data_guarded(header, profile, at_ms)


def _form_complete(header: Header, profile: Profile, at_ms: int) -> bool:
    declared = header.form
    for key in profile.required:
        if declared.get(key, False) is False:
            return False
    for key in profile.forbidden:
        if declared.get(key, False) is not False:
            return False
    for key, codes in profile.values:
        if declared.get(key) not in codes:
            return False
    for clause in profile.conditional:
        if clause.only_if.keys() <= declared.keys() and form_faults(clause, declared):
            return False
    if profile.reviews and any(review_fault(clause, declared, at_ms) for clause in profile.reviews):
        return False
    return not profile.any_of or all(
        any(declared.get(key, False) is not False for key in keys) for keys in profile.any_of
    )


def _personal_data_guarded(header: Header, profile: Profile, at_ms: int) -> bool:
    special = header.label.special_categories
    if special and profile.categories is not None:
        known = set(profile.categories).issuperset(special)
        if not known or header.label.necessity is None:
            return False
    return not profile.deadline or (header.destroy_by_ms is not None and at_ms < header.destroy_by_ms)
