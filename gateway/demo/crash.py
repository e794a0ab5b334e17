"""The chapter in which the gateway is killed under load, and what is left of it."""

import asyncio
import random
import time

from gateway.demo.effects import Booked, Effects, booked, counted, effects
from gateway.demo.federation import Federation
from gateway.demo.story import Story
from gateway.endpoint.words import Named, Timeline

CLERKS = 8
MESSAGES = 120
# The kill falls as soon as the gateway has made so many of them durable and so many are not acknowledged yet.
KILL_AFTER = 20
OWED_MIN = 10
# It takes a moment to fall: so many at least must then be in flight, by what the originator knows.
IN_FLIGHT_MIN = 5
LOOK_EVERY_S = 0.005
PAUSE_S_MAX = 0.02
KILLED_WITHIN_S = 20.0
DELIVERED_WITHIN_S = 40.0


async def crash(story: Story) -> None:
    """Kill the gateway with SIGKILL while messages are under way; nothing is lost, nothing takes effect twice."""
    narrator, federation = story.narrator, story.federation
    narrator.chapter("In the middle of it: the gateway is killed")
    known = {line.sha256 for line in (await story.inbox("kz-mvd")).messages}
    pid = federation.gateway.pid
    sent: list[Timeline] = []
    killing = asyncio.create_task(_kill(federation, await effects(federation), sent))
    await asyncio.gather(*(_send(story, sent, clerk) for clerk in range(CLERKS)))
    under_way = await killing
    left = booked(federation)
    owed, unheard = await _in_flight(story, under_way, left)
    narrator.line(
        "gateway",
        "is killed with SIGKILL under load",
        f"pid {pid} is gone, {owed} deliveries and {unheard} receipts were under way",
        owed + unheard >= IN_FLIGHT_MIN,
    )
    federation.start_gateway()
    narrator.line("gateway", "is started again", "recovered, ready", federation.gateway_ready())
    delivered = await _delivered(story, sent)
    arrived = [line.sha256 for line in (await story.inbox("kz-mvd")).messages if line.sha256 not in known]
    wanted = {timeline.sha256 for timeline in sent}
    twice = len(set(arrived) - wanted) + await _doubled(story, left)
    narrator.line(
        "cz-police > kz-mvd",
        f"{MESSAGES} messages across the crash",
        f"{delivered} acknowledged, {len(wanted - set(arrived))} lost, {twice} twice in the ledger",
        delivered == MESSAGES and wanted <= set(arrived) and twice == 0,
    )


async def _send(story: Story, sent: list[Timeline], clerk: int) -> None:
    """Send the share of one clerk, message after message, whatever becomes of the gateway."""
    for number in range(clerk, MESSAGES, CLERKS):
        sent.append(
            await story.send(
                "cz-police",
                "kz-mvd",
                f"Vehicle {number} of a list.",
                wait_s=0,
                agreement="cz-kz",
                kind="request",
                purposes=("detection",),
                subjects=("motor-vehicles",),
            )
        )


async def _kill(federation: Federation, before: Effects, sent: list[Timeline]) -> list[Timeline]:
    """Kill the gateway in the middle of its work; return what had been sent by then."""
    await asyncio.to_thread(_kill_at_work, federation, before)
    return list(sent)


def _kill_at_work(federation: Federation, before: Effects) -> None:
    deadline = time.monotonic() + KILLED_WITHIN_S
    while time.monotonic() < deadline:
        now = counted(federation)
        committed = now.committed - before.committed
        if committed >= KILL_AFTER and committed - (now.acknowledged - before.acknowledged) >= OWED_MIN:
            break
        time.sleep(LOOK_EVERY_S)
    # Right after an answer the gateway has a pause; the kill is to fall anywhere.
    time.sleep(random.uniform(0, PAUSE_S_MAX))
    federation.gateway.kill()


async def _doubled(story: Story, left: Booked) -> int:
    """Return how many second effects there were: messages admitted again, deliveries ended again.

    `left` is what the ledger held when the gateway was dead. What was received since then must be as much as the
    gateway has counted since its start.
    """
    now = await effects(story.federation)
    held = booked(story.federation)
    admitted = held.provisions.total() - len(held.provisions)
    return admitted + abs(now.acknowledged - (held.receipts.total() - left.receipts.total()))


async def _in_flight(story: Story, sent: list[Timeline], left: Booked) -> tuple[int, int]:
    """Return how many messages were receipted and not delivered, and how many recorded whose receipt was not heard."""
    desk = story.desks["cz-police"]
    states = {one.sha256: (await desk.call("status", Named(name=one.sha256), Timeline)).state for one in sent}
    unheard = [sha256 for sha256, state in states.items() if state in {"queued", "sent"} and sha256 in left.provisions]
    return list(states.values()).count("accepted"), len(unheard)


async def _delivered(story: Story, sent: list[Timeline]) -> int:
    open_ = {timeline.sha256 for timeline in sent}
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    while open_ and time.monotonic() < deadline:
        for sha256 in list(open_):
            if (await story.desks["cz-police"].call("status", Named(name=sha256), Timeline)).state == "delivered":
                open_.discard(sha256)
        await asyncio.sleep(0.2)
    return len(sent) - len(open_)
