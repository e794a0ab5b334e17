"""The register of log events, held against every log call of the gateway."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from gateway.endpoint.alarms import AlarmKind
from gateway.telemetry.logs import FIELDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "events.md"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
OF_AN_EXCEPTION = {"error", "error_type", "where"}
# Who passes on names that others chose: which call names the event, with which level and fields it is logged.
NOTICE = {"authority", "host", "error"}
TOLD = {"messages_n"}
FORWARDING = {
    ("gateway/app/endpoint.py", "notice.event"),
    ("gateway/app/central.py", "event"),
}
# Set by the log set-up itself, in the place of a name that is none.
UNNAMED = "event-unnamed"

Said = tuple[str, str, set[str]]


def said_in(path: str, tree: ast.AST) -> Iterator[Said]:
    """Yield event, level and fields of every call in a file that names an event."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called, first = _name(node.func), node.args[0]
        if called == "Notice":
            yield from ((event, "error" if event.startswith("alarm-") else "info", NOTICE) for event in _events(first))
        elif called == "_tell" and path == "gateway/central/node.py":
            yield from ((event, "warning", TOLD) for event in _events(first))
        elif called == "speak" and path == "gateway/telemetry/logs.py":
            yield from ((event, level, _fields(node)) for event in _events(first) for level in ("error", "warning"))
        elif _is_log(node.func) and (path, ast.unparse(first)) not in FORWARDING:
            level = "error" if called == "exception" else called
            fields = _fields(node) | (OF_AN_EXCEPTION if called == "exception" else set())
            yield from ((event, level, fields) for event in _events(first))


def _is_log(function: ast.expr) -> bool:
    """Tell whether a call speaks to a logger: `log.info`, `self._log.error`."""
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LEVELS
        and _name(function.value).lstrip("_") in ("log", "logger")
    )


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _events(first: ast.expr) -> list[str]:
    """Return the names that an argument can be; what cannot be read from the code is no event of ours."""
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return [first.value]
    if isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
        prefix = str(first.values[0].value)
        return [prefix + kind for kind in get_args(AlarmKind)] if prefix == "alarm-" else [f"{prefix}KIND"]
    pytest.fail(f"the event `{ast.unparse(first)}` is composed where nobody can list it")


def _fields(call: ast.Call) -> set[str]:
    fields = {keyword.arg or "" for keyword in call.keywords}
    return (fields - {"exc_info"}) | OF_AN_EXCEPTION if "exc_info" in fields else fields


def spoken() -> dict[str, tuple[set[str], set[str]]]:
    """Return levels and fields of every event that the code can log."""
    found: dict[str, tuple[set[str], set[str]]] = {UNNAMED: ({"any"}, set())}
    for file in sorted((ROOT / "gateway").rglob("*.py")):
        path = str(file.relative_to(ROOT))
        for event, level, fields in said_in(path, ast.parse(file.read_text())):
            levels, known = found.setdefault(event, (set(), set()))
            levels.add(level)
            known |= fields
    return found


def listed() -> dict[str, tuple[set[str], set[str]]]:
    """Return levels and fields of every event that the page lists."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+)\| ([^|]*)\| [^|]+ \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len({row[0] for row in rows})
    return {event: (set(levels.replace(",", " ").split()), set(fields.split())) for event, levels, fields in rows}


def test_page_lists_every_event_with_its_levels_and_fields() -> None:
    """Event names are stable API: what the code can say is what the page says, no more and no less."""
    assert listed() == spoken()


def test_fields_of_every_event_are_on_the_page_of_the_log() -> None:
    """A field that the log drops must not be promised."""
    assert {field for _, fields in listed().values() for field in fields} <= FIELDS


@pytest.mark.parametrize(
    ("code", "event", "level", "fields"),
    [
        ("log.info('a', port=1)", "a", "info", {"port"}),
        ("self._log.error('b', exc_info=True, path='x')", "b", "error", {"path"} | OF_AN_EXCEPTION),
        ("log.exception('c')", "c", "error", OF_AN_EXCEPTION),
        ("keeping.notify(Notice('d', origin))", "d", "info", NOTICE),
        ("self._log.info(f'sent-{kind}', messages_n=1)", "sent-KIND", "info", {"messages_n"}),
    ],
)
def test_call_is_read_as_what_it_logs(code: str, event: str, level: str, fields: set[str]) -> None:
    """The reader of the code sees every way in which a part speaks."""
    assert list(said_in("gateway/x.py", ast.parse(code))) == [(event, level, fields)]


def test_event_that_nobody_can_list_is_found() -> None:
    """A name that is put together at run time would escape the page."""
    with pytest.raises(pytest.fail.Exception, match="composed where nobody can list it"):
        list(said_in("gateway/x.py", ast.parse("log.info(name)")))
