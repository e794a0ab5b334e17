"""The chapter in which the gateway is killed under load, and what is left of it."""

import asyncio
import time

from gateway.demo.story import Story
from gateway.endpoint.words import Named, Timeline

MESSAGES = 120
KILL_AFTER = 30
DELIVERED_WITHIN_S = 40.0


async def crash(story: Story) -> None:
    """Kill the gateway with SIGKILL while messages are under way; nothing is lost, nothing comes twice."""
    narrator = story.narrator
    narrator.chapter("In the middle of it: the gateway is killed")
    known = {line.sha256 for line in (await story.inbox("kz-mvd")).messages}
    sent: list[Timeline] = []
    pid = story.federation.gateway.pid
    for number in range(MESSAGES):
        if number == KILL_AFTER:
            story.federation.gateway.kill()
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
    narrator.line("gateway", "is killed with SIGKILL under load", f"pid {pid} is gone", True)
    story.federation.start_gateway()
    narrator.line("gateway", "is started again", "recovered, ready", story.federation.gateway_ready())
    delivered = await _delivered(story, sent)
    arrived = [line.sha256 for line in (await story.inbox("kz-mvd")).messages if line.sha256 not in known]
    wanted = {timeline.sha256 for timeline in sent}
    narrator.line(
        "cz-police > kz-mvd",
        f"{MESSAGES} messages across the crash",
        f"{delivered} acknowledged, {len(wanted - set(arrived))} lost, {len(arrived) - len(set(arrived))} twice",
        delivered == MESSAGES and set(arrived) == wanted and len(arrived) == MESSAGES,
    )


async def _delivered(story: Story, sent: list[Timeline]) -> int:
    desk = story.desks["cz-police"]
    open_ = {timeline.sha256 for timeline in sent}
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    while open_ and time.monotonic() < deadline:
        for sha256 in list(open_):
            if (await desk.call("status", Named(name=sha256), Timeline)).state == "delivered":
                open_.discard(sha256)
        await asyncio.sleep(0.2)
    return len(sent) - len(open_)
