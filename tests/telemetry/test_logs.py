"""The log: JSON lines of a closed set of fields, and never what a peer sent."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from gateway.domain.errors import ConfigurationError, FormatError
from gateway.telemetry import logs
from gateway.telemetry.logs import FieldError, configure, get_logger, refuse_debug


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    """Where the log goes in this test; afterwards everything is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.BytesIO()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]


def test_line_is_json_with_time_level_event_and_place(stream: io.BytesIO) -> None:
    """One event a line; UTC; the component, node and version that spoke."""
    configure("gateway-1", "0.1.0", strict=True, stream=stream)

    get_logger("links").info("listening", port=8443)

    (line,) = _lines(stream)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "event": "listening",
        "component": "links",
        "node": "gateway-1",
        "version": "0.1.0",
        "port": 8443,
    }


@pytest.mark.parametrize(
    "fields",
    [{"message_id": "x"}, {"case": "x"}, {"person": "x"}, {"raw": b"x"}, {"status": {"name": "x"}}, {"status": ["x"]}],
)
def test_threat_O3_field_that_is_not_on_the_page_raises_in_tests_and_is_dropped_in_production(
    stream: io.BytesIO, fields: dict[str, Any]
) -> None:
    """Neither a foreign name nor a value that could carry structure reaches the log; the line says it lost one."""
    configure("gateway-1", "0.1.0", strict=True, stream=stream)
    with pytest.raises(FieldError):
        get_logger("links").info("listening", **fields)
    assert stream.getvalue() == b""

    configure("gateway-1", "0.1.0", stream=stream)
    get_logger("links").info("listening", **fields)

    (line,) = _lines(stream)
    assert line["fields_dropped_n"] == 1
    assert "x" not in line.values()


@pytest.mark.parametrize("event", ["Jan Novák was searched", "", "x" * 65, "two words"])
def test_threat_O3_event_that_is_no_name_is_not_logged(stream: io.BytesIO, event: str) -> None:
    """An event is a stable name of ours, never a sentence that somebody composed."""
    configure("gateway-1", "0.1.0", stream=stream)

    get_logger("links").info(event)

    (line,) = _lines(stream)
    assert line["event"] == "event-unnamed"
    configure("gateway-1", "0.1.0", strict=True, stream=stream)
    with pytest.raises(FieldError):
        get_logger("links").info(event)


def test_threat_O3_text_of_a_foreign_exception_is_not_logged(stream: io.BytesIO) -> None:
    """A library's text may quote what a peer sent: the log has the type and the lines of code."""
    configure("gateway-1", "0.1.0", strict=True, stream=stream)

    try:
        raise ValueError("CANARY")
    except ValueError:
        get_logger("links").error("request-fault", exc_info=True)

    (line,) = _lines(stream)
    assert line["error_type"] == "ValueError"
    assert line["where"].startswith("test_logs.py:")
    assert "CANARY" not in stream.getvalue().decode()


def test_text_of_our_own_error_is_logged(stream: io.BytesIO) -> None:
    """Our errors promise one line without personal data; an operator needs it."""
    configure("gateway-1", "0.1.0", strict=True, stream=stream)

    get_logger("links").warning("edition-refused", exc_info=FormatError("json is not canonical"))

    assert _lines(stream)[0]["error"] == "json is not canonical"


def test_threat_O3_libraries_speak_without_their_words(stream: io.BytesIO) -> None:
    """What aiohttp or asyncio logs becomes who, how grave and where; the text stays out."""
    configure("gateway-1", "0.1.0", strict=True, stream=stream)

    logging.getLogger("aiohttp.server").error("Error handling request %s", "CANARY")
    logging.getLogger("asyncio").info("not even this")

    (line,) = _lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("library-message", "aiohttp.server", "error")
    assert b"CANARY" not in stream.getvalue()


def test_text_cannot_forge_a_line(stream: io.BytesIO) -> None:
    """Control characters are replaced and long texts cut: one event stays one line."""
    configure("gateway-1", "0.1.0", strict=True, stream=stream)

    get_logger("links").info("listening", host='a\n{"event":"forged"}\x1b[2J' + "b" * 500)

    (line,) = _lines(stream)
    assert line["host"].startswith('a?{"event":"forged"}?[2J')
    assert len(line["host"]) == logs.TEXT_CHARACTERS_MAX


@pytest.mark.parametrize("name", ["PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONINSPECT"])
def test_threat_O8_debug_switch_is_refused(name: str) -> None:
    """Debug output tells more than the log may: the process does not start with it, and says which switch."""
    refuse_debug({})
    with pytest.raises(ConfigurationError, match=f"unset {name}"):
        refuse_debug({name: "1"})


def test_page_has_no_field_for_a_message_or_a_person() -> None:
    """The closed set itself stays free of what it is there to keep out."""
    assert not {"message_id", "case", "name", "payload", "header", "body", "person", "subject", "key"} & logs.FIELDS
