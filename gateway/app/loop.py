"""The event loop that a process runs on: uvloop where it is installed (`accord[uvloop]`), asyncio's own elsewhere.

TLS, sockets and timers are then compiled code (ADR 0007).
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

Result = TypeVar("Result")


def run(main: Coroutine[object, object, Result]) -> Result:
    """Run `main` until it ends and return what it returns; what it raises is raised."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)
