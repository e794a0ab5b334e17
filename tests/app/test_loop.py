"""The event loop of a process: the one that is installed for it."""

import asyncio
from importlib.util import find_spec

import pytest

from gateway.app.loop import run


def test_process_runs_on_uvloop_where_it_is_installed() -> None:
    """With the extra, TLS and sockets are compiled code; without it, asyncio's own loop serves as well."""
    found: list[str] = []

    async def main() -> None:
        found.append(type(asyncio.get_running_loop()).__module__.partition(".")[0])

    run(main())

    assert found == ["asyncio" if find_spec("uvloop") is None else "uvloop"]


def test_what_the_process_raises_is_raised() -> None:
    """Exit codes come from exceptions: none may stay in the loop."""

    async def main() -> None:
        raise LookupError("told")

    with pytest.raises(LookupError, match="told"):
        run(main())
