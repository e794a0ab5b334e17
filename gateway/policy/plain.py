"""The plain message: what an instrument permits without more, read from its own clauses.

Whoever writes a policy test says what matters; the rest is filled in from here, so that nothing but what the test is
about can be the reason of a refusal. What no clause asks for is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from gateway.domain.agreement import Agreement
from gateway.domain.clause import (
    AuthorisedPersons,
    Clause,
    DestructionDeadline,
    Form,
    Grounds,
    Language,
    MinimumLevel,
    PersonalKinds,
    Purposes,
    ReviewDate,
    Signers,
    Subjects,
    Urgencies,
)
from gateway.domain.label import RANK, Level
from gateway.domain.message import Urgency
from gateway.policy.dates import add_days, day_of
from gateway.policy.ground import concerns

DAYS_AHEAD = 30
AnyClause = TypeVar("AnyClause", bound=Clause)


class Plain(Struct, frozen=True):
    """What a message of one kind declares under an instrument if nothing is special about it.

    `purposes` are all that every clause serves, in the order of the file; `subjects` is the first common one.
    """

    purposes: tuple[str, ...]
    subjects: tuple[str, ...]
    level: Level
    personal_data: bool
    urgency: Urgency
    language: str | None
    form: dict[str, bool | str]
    signed_by: tuple[str, ...]
    destroyed: bool


def is_personal(agreement: Agreement, kind: str) -> bool:
    """Tell whether messages of this kind always concern a person (CZ-47)."""
    return any(isinstance(clause, PersonalKinds) and kind in clause.allowed for clause in agreement.clauses)


def plain(
    agreement: Agreement,
    kind: str,
    personal_data: bool,
    units: Iterable[str],
    given: dict[str, bool | str],
    at_ms: int,
) -> Plain:
    """Return the plain message of `kind` under `agreement`.

    Args:
        agreement: the instrument that it cites.
        kind: of the message.
        personal_data: whether it holds personal data.
        units: of originator and recipients; who signs may depend on them.
        given: keys of the form that are stated already; clauses may speak only because of them.
        at_ms: the moment of judging; dates lie ahead of it.
    """
    speaking = [clause for clause in agreement.clauses if concerns(clause, kind, personal_data)]
    levels: list[Level] = ["restricted", *(clause.level for clause in _of(speaking, MinimumLevel))]
    urgencies = [clause.allowed[0] for clause in _of(speaking, Urgencies)]
    languages = [clause.languages[0] for clause in _of(speaking, Language)]
    return Plain(
        purposes=_common([clause.allowed for clause in _of(speaking, Purposes)]),
        subjects=_common([clause.allowed for clause in _of(speaking, Subjects)])[:1],
        level=max(levels, key=RANK.__getitem__),
        personal_data=personal_data,
        urgency=urgencies[0] if urgencies else "routine",
        language=languages[0] if languages else None,
        form=_form(speaking, given, at_ms),
        signed_by=_signed_by(speaking, set(units)),
        destroyed=any(_of(speaking, DestructionDeadline)),
    )


def _of(clauses: Iterable[Clause], kind: type[AnyClause]) -> Iterator[AnyClause]:
    return (clause for clause in clauses if isinstance(clause, kind))


def _common(lists: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the codes that stand in every list; nothing if there is no list."""
    return tuple(code for code in (lists[0] if lists else ()) if all(code in each for each in lists))


def _form(speaking: Sequence[Clause], given: dict[str, bool | str], at_ms: int) -> dict[str, bool | str]:
    form: dict[str, bool | str] = {}
    for clause in _of(speaking, Form):
        if all(_declares(given, key, codes) for key, codes in clause.only_if.items()):
            form |= dict.fromkeys((*clause.required, *clause.any_of[:1]), True)
            form |= {key: codes[0] for key, codes in clause.values.items()}
    for grounds in _of(speaking, Grounds):
        form.setdefault("refusal.ground", grounds.allowed[0])
        form |= {"refusal.reasons": True} if grounds.reasons else {}
    for review in _of(speaking, ReviewDate):
        if review.required:
            form[review.key] = add_days(day_of(at_ms), DAYS_AHEAD).isoformat()
    return {**form, **given}


def _declares(given: dict[str, bool | str], key: str, codes: tuple[str, ...]) -> bool:
    return given.get(key) in codes if codes else given.get(key, False) is not False


def _signed_by(speaking: Sequence[Clause], units: set[str]) -> tuple[str, ...]:
    signatures = ["message"]
    for clause in _of(speaking, Signers):
        if not clause.units or units <= set(clause.units):
            signatures += ["seal"] if clause.seal else []
            signatures.append(clause.offices[0])
    signatures += ["authorised" for clause in _of(speaking, AuthorisedPersons) if clause.mandatory]
    return tuple(dict.fromkeys(signatures))
