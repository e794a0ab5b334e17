"""The event loop that a process runs on: uvloop where it is installed (`accord[uvloop]`), asyncio's own elsewhere.

TLS, sockets and timers are then compiled code, which saves a tenth of what a message costs (ADR 0007).
"""

import asyncio
from collections.abc import Coroutine


def run(main: Coroutine[object, object, None]) -> None:
    """Run `main` until it ends; what it raises is raised."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
