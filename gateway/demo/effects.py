"""What took effect in the gateway, counted where a second effect would show.

An inbox cannot show one: it keeps one row a digest. The register is read from the ledger, so a message that was
admitted twice is in it twice; and the gateway counts every delivery that an acknowledgement ends, however often.
"""

import asyncio
from collections import Counter
from typing import NamedTuple

import msgspec

from gateway.demo.federation import Federation
from gateway.store.register import Line

# Nothing has happened for so long: nothing more is under way. An endpoint acknowledges after 0.05 s.
QUIET_S = 0.5


class Effects(NamedTuple):
    """What a running gateway has counted since its start."""

    committed: int
    delivered: int
    acknowledged: int


class Booked(NamedTuple):
    """What the ledger holds, by digest of the message: how often it was provided, and how often received."""

    provisions: Counter[str]
    receipts: Counter[str]


async def effects(federation: Federation) -> Effects:
    """Return what the gateway has counted, once it counts nothing more."""
    before, now = None, counted(federation)
    while before != now:
        await asyncio.sleep(QUIET_S)
        before, now = now, counted(federation)
    return now


def booked(federation: Federation) -> Booked:
    """Return what the ledger holds; the gateway may be dead."""
    said = federation.accord("ledger", "register", "--json", "--config", str(federation.gateway_file)).stdout
    lines = [msgspec.json.decode(line, type=Line) for line in said.splitlines()]
    return Booked(
        Counter(line.header_sha256 for line in lines if line.act == "provision"),
        Counter(line.header_sha256 for line in lines if line.act == "receipt"),
    )


def counted(federation: Federation) -> Effects:
    """Return what the gateway has counted by now."""
    samples = federation.metrics()
    return Effects(
        samples["accord_messages_committed_total"],
        samples['accord_messages_delivered_total{transport="websocket"}'],
        samples["accord_messages_acknowledged_total"],
    )
