"""Form and personal data: what the originator must declare. The gateway cannot see content (rules.md 1.7, 17).

It judges the declaration; the recipient's endpoint checks it against the body after opening.
"""

from gateway.domain.clause import DestructionDeadline, Form, Language, SpecialCategories
from gateway.policy.case import Case, Findings, breach, listed


def form(clause: Form, case: Case) -> Findings:
    """Elements that must or should be declared; what is missing is listed (C8-16, C1-08, CZ-08, CA-01, CA-02)."""
    missing = [key for key in clause.required if not case.declared(key)]
    missing += [key for key, codes in clause.values.items() if case.header.form.get(key) not in codes]
    if clause.any_of and not any(case.declared(key) for key in clause.any_of):
        missing.append(f"one of {', '.join(clause.any_of)}")
    if missing:
        yield breach(clause, clause.code, listed(missing))
    present = [key for key in clause.forbidden if case.declared(key)]
    if present:
        yield breach(clause, clause.code, listed(present))


def destruction_deadline(clause: DestructionDeadline, case: Case) -> Findings:
    """The provider sets a date of destruction that lies ahead (CZ-28)."""
    deadline = case.header.destroy_by_ms
    if deadline is None:
        yield breach(clause, "destruction-deadline-missing")
    elif deadline <= case.at_ms:
        yield breach(clause, "destruction-deadline-past")


def special_categories(clause: SpecialCategories, case: Case) -> Findings:
    """Special categories only when necessary, and the necessity is stated (CZ-24)."""
    label = case.header.label
    unknown = set(label.special_categories).difference(clause.categories)
    if unknown:
        yield breach(clause, "special-category-unknown", listed(unknown))
    if label.special_categories and label.necessity is None:
        yield breach(clause, "necessity-missing", listed(label.special_categories))


def language(clause: Language, case: Case) -> Findings:
    """The working language, unless another was agreed and the agreement is on record (CZ-22, C1-20)."""
    spoken = case.header.language
    if spoken is None:
        yield breach(clause, "language-unstated", effect=clause.unstated)
    elif spoken not in clause.languages and not (clause.unless and case.declared(clause.unless)):
        yield breach(clause, "language", spoken)
