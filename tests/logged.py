"""The log of a test: what the parts under test said, as an operator would read it."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog

from gateway.telemetry.logs import configure

Lines = Callable[[str], list[dict[str, Any]]]


@contextmanager
def logged() -> Iterator[Lines]:
    """Yield a function that returns the lines of one event so far; a field off the page raises meanwhile."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure("test", "0.0.0", strict=True, stream=stream)

    def lines(event: str) -> list[dict[str, Any]]:
        said = [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
        return [line for line in said if line["event"] == event]

    try:
        yield lines
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
