"""What covers each rule of the register: the clause that states it, the function that judges it, the tests of it.

Nothing here is believed that can be looked up: a rule is in force if a clause of the loaded agreements or a rule of our
own names it; whatever else the register says names its code, and the code is looked for.
"""

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

from msgspec import Struct

from gateway.domain.clause import Clause
from gateway.domain.decision import Basis
from gateway.policy.agreements import Law
from gateway.policy.rules import agreement as rules_of_agreement
from gateway.policy.rules.registry import HOUSE, OWN, SOURCED, WITNESS
from gateway.policy.trial import Outcome
from gateway.settings.rules_register import RegisteredRule, RulesRegister, Status

RULE_ID = re.compile(r"\b(?:(?:CA|CZ|C8|C1|LI)-\d\d|1\.7-\d{1,2})(?!\d)")
# What rests on a text may also be read or decided; what is our policy may never be called the treaty's word.
_STRENGTH = {basis: position for position, basis in enumerate(get_args(Basis))}


class Test(Struct, frozen=True):
    """A policy test that shows a rule; `passes` tells whether it is one that keeps the rule."""

    file: str
    title: str
    passes: bool


class Row(Struct, frozen=True):
    """One rule, what became of it, and where to look. `faults` are the ways in which this cannot be believed."""

    id: str
    instrument: str
    article: str
    kind: str
    basis: str
    concerns: str
    text: str
    status: Status
    enforced: bool
    clauses: tuple[str, ...]
    functions: tuple[str, ...]
    tests: tuple[Test, ...]
    reason: str
    faults: tuple[str, ...]

    @property
    def is_gap(self) -> bool:
        """Tell whether this is a rule to enforce on admission or routing that is not in force."""
        return self.enforced and self.status != "in force"


def coverage(register: RulesRegister, law: Law, outcomes: dict[str, tuple[Outcome, ...]]) -> tuple[Row, ...]:
    """Return a row for every rule of the register.

    Args:
        register: every rule there is.
        law: the agreements as they are loaded.
        outcomes: of every policy test, by the file it stands in.
    """
    named = named_by_functions()
    return tuple(_row(rule, law, named.get(rule.id, ()), _tests(rule.id, outcomes)) for rule in register.rules)


def unknown_ids(register: RulesRegister, law: Law, outcomes: dict[str, tuple[Outcome, ...]]) -> tuple[str, ...]:
    """Return what clauses, functions and policy tests cite and no register knows, each with a place."""
    cited = {clause.rule: f"agreement `{each.id}`" for each in law.agreements.values() for clause in each.clauses}
    cited |= {rule: f"the docstring of `{places[0]}`" for rule, places in named_by_functions().items()}
    cited |= {rule: name for name, cases in outcomes.items() for case in cases for rule in case.shows}
    known = {rule.id for rule in register.rules}
    return tuple(
        f"{place} cites `{rule}`, which is in no register"
        for rule, place in sorted(cited.items())
        if rule not in known and not rule.startswith("ACC-")
    )


def named_by_functions() -> dict[str, tuple[str, ...]]:
    """Return the functions of our own rules by the rules that their docstrings name.

    Of the others the clause tells: a function that names a rule is no proof while no clause calls for it.
    """
    named: dict[str, tuple[str, ...]] = {}
    for function in HOUSE:
        for rule in dict.fromkeys(RULE_ID.findall(function.__doc__ or "")):
            named[rule] = (*named.get(rule, ()), place_of(function))
    return named


def place_of(function: Callable[..., Any]) -> str:
    """Return where a function stands, as `file:name`."""
    return f"{function.__module__.replace('.', '/')}.py:{function.__qualname__}"


def function_of(clause: type[Clause]) -> Callable[..., Any] | None:
    """Return the function that judges clauses of a type; of data that other rules read, the rule that reads it."""
    if clause in WITNESS:
        return rules_of_agreement.govern
    return OWN.get(clause) or SOURCED.get(clause)


def exists(place: str) -> bool:
    """Tell whether `file:name` is there; of a file outside the package nothing can be told in an installation."""
    file, _, name = place.partition(":")
    if not file.startswith("gateway/"):
        return True
    try:
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    except ModuleNotFoundError:
        return False
    return not name or hasattr(module, name)


def _row(rule: RegisteredRule, law: Law, named: tuple[str, ...], tests: tuple[Test, ...]) -> Row:
    stated = [
        (each.id, clause) for each in law.agreements.values() for clause in each.clauses if clause.rule == rule.id
    ]
    functions = [place_of(found) for _, clause in stated if (found := function_of(type(clause))) is not None]
    derived = _derived([clause for _, clause in stated], named)
    status = derived or rule.status or "open"
    row = Row(
        id=rule.id,
        instrument=rule.instrument,
        article=rule.article,
        kind=rule.kind,
        basis=rule.basis,
        concerns=rule.concerns,
        text=rule.text,
        status=status,
        enforced=rule.is_enforced,
        clauses=tuple(dict.fromkeys(f"config/agreements/{name}.toml" for name, _ in stated)),
        functions=tuple(dict.fromkeys((*functions, *([] if stated else named), *([] if derived else rule.by)))),
        tests=tests,
        reason=rule.reason or ("no clause and no code" if status == "open" else ""),
        faults=(),
    )
    faults = (*_faults_of_code(rule, [clause for _, clause in stated], derived), *_faults_of_tests(row, rule))
    return Row(**{**{name: getattr(row, name) for name in row.__struct_fields__}, "faults": faults})


def _derived(clauses: list[Any], named: tuple[str, ...]) -> Status | None:
    if clauses and all(clause.effect == "record" for clause in clauses):
        return "recorded"
    return "in force" if clauses or named else None


def _faults_of_code(rule: RegisteredRule, clauses: list[Any], derived: Status | None) -> Iterator[str]:
    if derived is not None and rule.status is not None:
        yield f"the register states `{rule.status}` where clauses and functions tell: take `status` and `by` out"
    for clause in clauses:
        if function_of(type(clause)) is None:
            yield f"a clause of check `{clause.__struct_config__.tag}` states it and no function judges it"
        if _STRENGTH[clause.basis] < _STRENGTH[rule.basis]:
            yield f"a clause calls `{clause.basis}` what rests on `{rule.basis}` only"
    yield from (f"`{place}` is not there" for place in rule.by if not exists(place))


def _faults_of_tests(row: Row, rule: RegisteredRule) -> Iterator[str]:
    """A rule in force that judges messages is shown kept and broken; what stands elsewhere names its tests."""
    if row.status == "recorded" and row.clauses and not row.tests:
        yield "no policy test shows it"
    if row.status != "in force" or rule.tests:
        return
    if not any(test.passes for test in row.tests):
        yield "no policy test shows a message that keeps it"
    if all(test.passes for test in row.tests):
        yield "no policy test shows a message that breaks it"


def _tests(rule: str, outcomes: dict[str, tuple[Outcome, ...]]) -> tuple[Test, ...]:
    return tuple(
        Test(file, case.title, case.permitted and not any(flag.rule == rule for flag in case.flags))
        for file, cases in outcomes.items()
        for case in cases
        if rule in case.shows and case.passed
    )
