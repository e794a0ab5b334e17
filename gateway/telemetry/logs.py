"""The log set-up: JSON lines on standard output, one event name a line, a closed set of fields.

A field that is not on this page does not reach the log: in tests it raises, in production it is
dropped and the line says so. There is no field for a message id, a case, a header, a body or a
person; texts of exceptions are not logged, because a library's text may quote what a peer sent
(threat O3). What was decided belongs into the ledger, not here. Source: reference/ecosystem.md 17.5.
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, BinaryIO

import msgspec
import structlog

from gateway.domain.errors import ConfigurationError, GatewayError

FIELDS: frozenset[str] = frozenset(
    "ts level event component node version "
    "authority recipients_n agreement decision reason_code rule_id edition "
    "ledger_index ledger_size messages_n rows_n connections_n "
    "transport peer_addr peer_cert_sha256 tls_version close_reason status "
    "bound size_bytes attempt queue_n duration_ms lag_ms free_bytes retry_after_s "
    "host port path signal exit_code remedy error error_type where logger fields_dropped_n".split()
)
EVENT = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}\Z")
TEXT_CHARACTERS_MAX = 200
FRAMES_MAX = 6

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
EventDict = MutableMapping[str, Any]


class FieldError(GatewayError):
    """A log call used a field or an event name that is not on the page."""


def configure(node: str, version: str, *, strict: bool = False, stream: BinaryIO | None = None) -> None:
    """Send structlog and the standard library's log to `stream` as JSON lines.

    Args:
        node: name of this gateway or endpoint; an office, never a person.
        version: of the software.
        strict: raise `FieldError` instead of dropping; for tests.
        stream: binary, standard output by default.
    """
    out = stream or sys.stdout.buffer
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _named(node, version),
            _without_exception_text,
            _allowed(strict),
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(logging.WARNING)


def get_logger(component: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one part; `component` names it in every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=component)
    return logger


def refuse_debug(environment: Mapping[str, str]) -> None:
    """Refuse to run with switches that make Python or asyncio tell more than this page allows (O8).

    Raises:
        ConfigurationError: a debug switch is set in the environment.
    """
    for name in ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONINSPECT", "PYTHONMALLOCSTATS"):
        if environment.get(name):
            raise ConfigurationError(f"{name} is set: debug output may hold personal data", f"unset {name}")


def _encode(event: EventDict, **_: object) -> bytes:
    return msgspec.json.encode(event)


def _named(node: str, version: str) -> structlog.typing.Processor:
    def name(_: object, __: str, event: EventDict) -> EventDict:
        event["node"] = node
        event["version"] = version
        return event

    return name


def _without_exception_text(_: object, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and the lines of code it passed: never its text."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error_type"] = type(error).__name__
        event["where"] = _where(error)
        if isinstance(error, GatewayError):
            # Our own errors promise one line without personal data (domain.errors).
            event["error"] = str(error)
    return event


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))


def _allowed(strict: bool) -> structlog.typing.Processor:
    def check(_: object, __: str, event: EventDict) -> Mapping[str, Any]:
        named = EVENT.match(str(event.get("event", ""))) is not None
        good = {key: _plain(value) for key, value in event.items() if key in FIELDS and _is_plain(value)}
        if strict and (not named or len(good) < len(event)):
            raise FieldError(f"log fields {sorted(set(event) - set(good))} or the event name are not on the page")
        if not named:
            good["event"] = "event-unnamed"
        if len(good) < len(event):
            good["fields_dropped_n"] = len(event) - len(good)
        return good

    return check


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _plain(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "".join(character if " " <= character <= "~" else "?" for character in value[:TEXT_CHARACTERS_MAX])


class _Bridge(logging.Handler):
    """Lets libraries speak, without their words: who, how grave, where."""

    def emit(self, record: logging.LogRecord) -> None:
        where = f"{record.filename}:{record.lineno}"
        error_type = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        logger = get_logger("library")
        speak = logger.error if record.levelno >= logging.ERROR else logger.warning
        speak("library-message", logger=record.name, where=where, error_type=error_type)
