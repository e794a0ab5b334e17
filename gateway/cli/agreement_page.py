"""The printed parts of `docs/agreements.md`: what a file may say, from the structs that read it, and the codes in use.

Between a line `<!-- printed: NAME -->` and the next `<!-- end -->` nothing is written by hand; a test prints anew.
"""

import re
from collections.abc import Callable, Iterator
from typing import get_args

import msgspec
from msgspec import inspect

from gateway.domain import agreement as law
from gateway.domain.agreement import Agreement, AnyClause
from gateway.domain.clause import Clause, Form, Kinds, Purposes, Reserved, RuleSet, SpecialCategories, Subjects
from gateway.domain.errors import ConfigurationError
from gateway.policy.agreements import Law

_PRINTED = re.compile(r"(<!-- printed: ([a-z]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_OWN_CODES = ("check",)


def printed_page(text: str, shipped: Law) -> str:
    """Return the page with its printed parts anew.

    Raises:
        ConfigurationError: the page lacks a printed part, or names one that there is not.
    """
    parts: dict[str, Callable[[], Iterator[str]]] = {
        "head": _head,
        "common": lambda: _table(Clause, _OWN_CODES),
        "clauses": _clauses,
        "codes": lambda: _codes(shipped),
    }
    found = [name for _, name, _, _ in _PRINTED.findall(text)]
    if sorted(found) != sorted(parts):
        raise ConfigurationError(
            f"the page has the printed parts {found}", f"mark these, each once: {', '.join(sorted(parts))}"
        )
    return _PRINTED.sub(lambda part: f"{part[1]}\n{_lines(parts[part[2]]())}\n{part[4]}", text)


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _head() -> Iterator[str]:
    for struct, name in (
        (Agreement, "the file itself"),
        (law.Member, "`[[member]]`"),
        (law.Amendment, "`[[amendment]]`"),
        (law.Counting, "`[counting]`"),
    ):
        yield f"**{name[0].upper()}{name[1:]}.** {_meaning(struct)}"
        yield ""
        yield from _table(struct)
        yield ""


def _clauses() -> Iterator[str]:
    common = {field.name for field in msgspec.structs.fields(Clause)}
    for clause in sorted(get_args(AnyClause), key=lambda each: str(each.__struct_config__.tag)):
        yield f"#### `{clause.__struct_config__.tag}`"
        yield ""
        yield _meaning(clause)
        yield ""
        own = [field for field in msgspec.structs.fields(clause) if field.name not in common]
        yield from (_rows(own) if own else ["No keys of its own."])
        yield ""
    yield f"**`[[clause.sets]]`.** {_meaning(RuleSet)}"
    yield ""
    yield from _table(RuleSet)


def _meaning(struct: type[msgspec.Struct]) -> str:
    return " ".join((struct.__doc__ or "").split())


def _table(struct: type[msgspec.Struct], left_out: tuple[str, ...] = ()) -> Iterator[str]:
    return _rows([field for field in msgspec.structs.fields(struct) if field.name not in left_out])


def _rows(fields: list[msgspec.structs.FieldInfo]) -> Iterator[str]:
    yield "| key | what it takes | if left out |"
    yield "|---|---|---|"
    for field in fields:
        yield f"| `{field.encode_name}` | {_takes(inspect.type_info(field.type))} | {_default(field)} |"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "must be given"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "as below"
    if value is None or value == "" or value == () or value == {}:
        return "none"
    return f"`{_spelled(value)}`"


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_spelled(each) for each in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _takes(info: inspect.Type) -> str:
    """Say in words what a key takes."""
    if isinstance(info, inspect.LiteralType):
        return " or ".join(f"`{_spelled(value)}`" for value in info.values)
    if isinstance(info, inspect.UnionType):
        kinds = [part for part in info.types if not isinstance(part, inspect.NoneType)]
        return "clauses" if len(kinds) > 1 else _takes(kinds[0])
    if isinstance(info, inspect.VarTupleType):
        return f"a list: {_takes(info.item_type)}"
    if isinstance(info, inspect.DictType):
        return f"a table of {_takes(info.key_type)} to {_takes(info.value_type)}"
    if isinstance(info, inspect.IntType):
        return f"a number from {info.ge} to {info.le}" if info.ge is not None else "a number"
    if isinstance(info, inspect.BoolType):
        return "`true` or `false`"
    if isinstance(info, inspect.StructType):
        return f"a table, `{info.cls.__name__}`"
    return _word(info)


def _word(info: inspect.Type) -> str:
    pattern = getattr(info, "pattern", None) or ""
    if pattern.startswith("^[0-9]{4}"):
        return "a day, YYYY-MM-DD"
    if pattern.startswith("^[A-Z]"):
        return "a party"
    return "a code" if pattern.startswith("^[a-z0-9]") else "text"


def _codes(shipped: Law) -> Iterator[str]:
    clauses = [clause for agreement in shipped.agreements.values() for clause in agreement.clauses]
    forms = [clause for clause in clauses if isinstance(clause, Form)]
    keys = {
        key for form in forms for key in (*form.required, *form.any_of, *form.forbidden, *form.values, *form.only_if)
    }
    rows = {
        "kinds": {code for clause in clauses if isinstance(clause, Kinds) for code in clause.allowed},
        "purposes": {code for clause in clauses if isinstance(clause, Purposes) for code in clause.allowed},
        "subjects": {code for clause in clauses if isinstance(clause, Subjects) for code in clause.allowed},
        "special categories": {
            code for clause in clauses if isinstance(clause, SpecialCategories) for code in clause.categories
        },
        "keys of the form": keys,
        "reservations": {f"{clause.party}: {clause.reservation}" for clause in clauses if isinstance(clause, Reserved)},
    }
    yield "| of | in use |"
    yield "|---|---|"
    for name, codes in rows.items():
        yield f"| {name} | {', '.join(f'`{code}`' for code in sorted(codes))} |"
