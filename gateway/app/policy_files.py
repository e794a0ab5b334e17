"""Read policy tests: files in, cases out; whatever is wrong names the file, the case, the key and the remedy."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from gateway.domain.errors import ConfigurationError
from gateway.settings.policy_tests import CaseSource, Federation, MessageSource, PolicyTests
from gateway.settings.source import read_bytes, refuse_unknown

FEDERATION = "federation.toml"
Read = TypeVar("Read", bound=Struct)
# A day is judged at noon, away from every edge of it.
NOON = time(12, tzinfo=UTC)
_SEE = "docs/policy-tests.md explains every key"


def case_files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files of tests that are meant: each file, each `.toml` of a folder; never a `federation.toml`.

    A shell that spells out `policy-tests/*.toml` names the federation too, which holds no cases.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.glob("*.toml")) if file.name != FEDERATION)
        elif path.is_file():
            yield from () if path.name == FEDERATION else (path,)
        else:
            raise FileNotFoundError(2, "no such file", str(path))


def read_tests(path: Path) -> PolicyTests:
    """Return the cases in a file.

    Raises:
        ConfigurationError: it is no TOML, or a key or value is wrong.
    """
    table = _parse(path)
    if "case" not in table:
        raise ConfigurationError(f"{path}: no `[[case]]`", "write at least one case; " + _SEE)
    cases = table["case"]
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise ConfigurationError(f"{path}: `case` is no list of tables", "write `[[case]]`, with two brackets")
    common = table.get("message", {})
    if not isinstance(common, dict):
        raise ConfigurationError(f"{path}: `message` is no table", "write `[message]`, or take it out")
    refuse_unknown(f"{path}: [message]", common, MessageSource)
    whole = [_with_common(case, table.get("at"), common) for case in cases]
    read = tuple(_case(path, number, case) for number, case in enumerate(whole, 1))
    titles = [case.title for case in read]
    double = next((title for title in titles if titles.count(title) > 1), None)
    if double is not None:
        raise ConfigurationError(f"{path}: two cases are called `{double}`", "give each its own title")
    # The cases were read one by one, so that a mistake names its case; here they are known to be right.
    rest = _converted(str(path), {**table, "case": whole[:1]}, PolicyTests)
    return msgspec.structs.replace(rest, cases=read)


def read_federation(path: Path) -> Federation:
    """Return the federation in a file.

    Raises:
        ConfigurationError: it is missing, no TOML, or a key or value is wrong.
    """
    return _converted(str(path), _parse(path), Federation)


def _with_common(case: dict[str, Any], at: Any, common: dict[str, Any]) -> dict[str, Any]:
    """Return a case with what the file says for every case; what the case says itself counts."""
    own = case.get("message", {})
    merged = {**common, **own} if isinstance(own, dict) else own
    return {**({} if at is None else {"at": at}), **case, "message": merged}


def _case(path: Path, number: int, table: dict[str, Any]) -> CaseSource:
    title = table.get("title")
    place = f"{path}: case {number}" + (f" `{title}`" if isinstance(title, str) else "")
    return _converted(place, table, CaseSource)


def _parse(path: Path) -> dict[str, Any]:
    raw = read_bytes(path, "file")
    try:
        table: dict[str, Any] = _timed(tomllib.loads(raw.decode()))
        return table
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"`{path}` is no TOML: {str(error).lower()}", "mend that line") from None


def _timed(value: Any) -> Any:
    """Turn `at = 2026-06-15` into a moment; a time without a zone is UTC (ADR 0004)."""
    if isinstance(value, list):
        return [_timed(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _moment(entry) if key == "at" else _timed(entry) for key, entry in value.items()}


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, NOON) if isinstance(value, date) else value


def _converted(place: str, table: dict[str, Any], type_: type[Read]) -> Read:
    refuse_unknown(place, table, type_)
    try:
        return msgspec.convert(table, type_)
    except msgspec.ValidationError as error:
        text, _, key = str(error).partition(" - at `$")
        key = key.rstrip("`").lstrip(".")
        missing = text.removeprefix("Object missing required field ")
        if missing != text:
            key = f"{key}.{missing.strip('`')}".lstrip(".")
            raise ConfigurationError(f"{place}: key `{key}` is missing", f"add it; {_SEE}") from None
        raise ConfigurationError(f"{place}: key `{key}`: {text[0].lower()}{text[1:]}", _SEE) from None
