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
from gateway.domain.message import Header
from gateway.policy.ground import Ground, concerns

# A bit that no profile has: a code that no instrument knows.
UNKNOWN = 1


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
    direct: tuple[law.DirectQuery, ...] = ()
    granted: bool = False


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
    return replace(
        profile,
        required=profile.required + clause.required,
        any_of=(*profile.any_of, clause.any_of) if clause.any_of else profile.any_of,
        forbidden=profile.forbidden + clause.forbidden,
        values=profile.values + tuple(clause.values.items()),
    )


def _language(profile: Profile, clause: law.Language, bits: Bits) -> Profile:
    spoken = clause.languages
    if profile.languages is not None:
        spoken = tuple(code for code in spoken if code in profile.languages)
    return replace(profile, languages=spoken)


def _categories(profile: Profile, clause: law.SpecialCategories, bits: Bits) -> Profile:
    known = clause.categories
    if profile.categories is not None:
        known = tuple(code for code in known if code in profile.categories)
    return replace(profile, categories=known)


def _unchanged(profile: Profile, clause: Clause, bits: Bits) -> Profile:
    return profile


COMPILERS: dict[type[Clause], Compiler] = {
    law.Purposes: _purposes,
    law.Subjects: _subjects,
    law.Form: _form,
    law.Language: _language,
    law.SpecialCategories: _categories,
    law.DestructionDeadline: lambda profile, clause, bits: replace(profile, deadline=True),
    law.ConfidentialFact: lambda profile, clause, bits: replace(
        profile, hidden_links=profile.hidden_links + clause.links
    ),
    law.DirectQuery: lambda profile, clause, bits: replace(profile, direct=(*profile.direct, clause)),
    law.Granted: lambda profile, clause, bits: replace(profile, granted=True),
    # The interval of the lane holds these.
    **dict.fromkeys(
        (law.Entry, law.Exit, law.Renewal, law.Suspending, law.Supersession, law.Survival, law.Reserved), _unchanged
    ),
    # These speak of sources, and a message that cites any is left to the rules.
    **dict.fromkeys((law.OtherUse, law.ThirdParty, law.Conditions, law.Confidentiality), _unchanged),
}


def compile_profile(agreement: Agreement, kind: str, personal_data: bool, bits: Bits) -> Profile | None:
    """Return what `agreement` demands of such messages, or None if the rules must be asked each time."""
    profile = Profile()
    spoken: set[type[Clause]] = set()
    for clause in agreement.clauses:
        if not concerns(clause, kind, personal_data):
            continue
        spoken.add(type(clause))
        if isinstance(clause, law.Kinds):
            if kind not in clause.allowed:
                return None
            continue
        compiler = COMPILERS.get(type(clause))
        if compiler is None:
            return None
        if clause.effect != "record":
            profile = compiler(profile, clause, bits)
    return profile if {law.Kinds, law.Purposes, law.Subjects} <= spoken else None


def declares_enough(header: Header, profile: Profile, at_ms: int) -> bool:
    """Tell whether everything that has to be declared is, so that no clause of form would speak."""
    if profile.subject_needed and not header.subjects:
        return False
    if profile.languages is not None and header.language not in profile.languages:
        return False
    return _form_complete(header, profile) and _personal_data_guarded(header, profile, at_ms)


def _form_complete(header: Header, profile: Profile) -> bool:
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
    return all(any(declared.get(key, False) is not False for key in keys) for keys in profile.any_of)


def _personal_data_guarded(header: Header, profile: Profile, at_ms: int) -> bool:
    special = header.label.special_categories
    if special and profile.categories is not None:
        known = set(profile.categories).issuperset(special)
        if not known or header.label.necessity is None:
            return False
    return not profile.deadline or (header.destroy_by_ms is not None and at_ms < header.destroy_by_ms)
