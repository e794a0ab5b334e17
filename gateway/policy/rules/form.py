"""Form: what the originator must declare. The gateway cannot see content (rules.md 1.7, 17).

It judges the declaration; the recipient's endpoint checks it against the body after opening.
"""

from collections.abc import Mapping

from gateway.domain.clause import Form, Language, ReviewDate
from gateway.policy.case import Case, Findings, breach, listed
from gateway.policy.dates import day_of, parse_day

Declared = Mapping[str, bool | str]


def form_faults(clause: Form, declared: Declared) -> list[str]:
    """Return one detail for what is missing and one for what must not be declared; nothing if all is well."""
    if not all(_is(declared, key, codes) for key, codes in clause.only_if.items()):
        return []
    missing = [key for key in clause.required if not _is(declared, key, ())]
    missing += [key for key, codes in clause.values.items() if declared.get(key) not in codes]
    if clause.any_of and not any(_is(declared, key, ()) for key in clause.any_of):
        missing.append(f"one of {', '.join(clause.any_of)}")
    present = [key for key in clause.forbidden if _is(declared, key, ())]
    return [listed(keys) for keys in (missing, present) if keys]


def _is(declared: Declared, key: str, codes: tuple[str, ...]) -> bool:
    """Tell whether `key` is declared: as one of these codes, or at all and not as false."""
    said = declared.get(key, False)
    return said in codes if codes else said is not False


def form(clause: Form, case: Case) -> Findings:
    """Elements that must or should be declared; what is missing is listed (C8-16, C1-08, CZ-08, CA-02, C8-09)."""
    for detail in form_faults(clause, case.header.form):
        yield breach(clause, clause.code, detail)


def language(clause: Language, case: Case) -> Findings:
    """The working language, unless another was agreed and the agreement is on record (CZ-22, C1-20)."""
    spoken = case.header.language
    if spoken is None:
        yield breach(clause, "language-unstated", effect=clause.unstated)
    elif spoken not in clause.languages and not (clause.unless and case.declared(clause.unless)):
        yield breach(clause, "language", spoken)


def review_fault(clause: ReviewDate, declared: Declared, at_ms: int) -> str | None:
    """Return what is wrong with the day of review that is declared, or None; what is no day counts as past."""
    said = declared.get(clause.key, False)
    if said is False:
        return f"{clause.key} not declared" if clause.required else None
    try:
        past = not isinstance(said, str) or day_of(at_ms) > parse_day(said)
    except ValueError:
        past = True
    return f"{clause.key} {said}"[:200] if past else None


def review_date(clause: ReviewDate, case: Case) -> Findings:
    """A record past the day by which its provider was to review it is not sent (CA-09)."""
    fault = review_fault(clause, case.header.form, case.at_ms)
    if fault is not None:
        yield breach(clause, "review-overdue", fault)
