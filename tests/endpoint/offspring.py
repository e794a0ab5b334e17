"""A process that bears processes to be killed: imports are paid once, each child is a fork before any thread or loop.

Reads lines: `send CONFIG RECIPIENT` sends until killed, `run CONFIG` is the daemon. Writes `pid N`, then what the
child says (each digest is one that `send` has returned for), and `gone` at its end.
"""

import asyncio
import os
import sys
from pathlib import Path

from gateway.app.clock import wall_ms
from gateway.app.endpoint import make_endpoint, run_endpoint
from gateway.endpoint.office import Office
from gateway.endpoint.words import SendRequest
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.source import load


def say(line: str) -> None:
    """Write a line at once."""
    os.write(1, line.encode() + b"\n")


async def send_for_ever(config: Path, recipient: str) -> None:
    """Send one message after another and say so on standard output."""
    async with make_endpoint(load(config, EndpointSettings).values) as endpoint:
        office = Office(endpoint, None, wall_ms)
        while True:
            report = await office.send(
                SendRequest((recipient,), b"body", "request", "cz-kz", ("detection",), ("motor-vehicles",))
            )
            say(report.timeline.sha256)


def main() -> None:
    """Bear a child for each line, and wait for its end."""
    for line in sys.stdin:
        word, config, *rest = line.split()
        child = os.fork()
        if child == 0:
            work = send_for_ever(Path(config), rest[0]) if word == "send" else run_endpoint(Path(config))
            asyncio.run(work)
            os._exit(0)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main()
