"""The authorities at their desks: what the chapters of the story are told with.

Every line is a claim that is checked: who, what, the outcome, and for a refusal the article.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from gateway.demo.federation import ENDPOINTS, Federation
from gateway.demo.narration import Narrator
from gateway.domain.decision import Reason
from gateway.endpoint.local_api import Desk
from gateway.endpoint.words import (
    InboxReport,
    Named,
    OpenedReport,
    OpenRequest,
    Page,
    SendRequest,
    SentReport,
    Timeline,
)
from gateway.policy.reasons import sentence

WAIT_S = 15.0


class Story:
    """The authorities at their desks."""

    def __init__(self, federation: Federation, narrator: Narrator) -> None:
        """Play in `federation` and tell `narrator`."""
        self.federation = federation
        self.narrator = narrator
        self.desks: dict[str, Desk] = {}

    async def sit_down(self, stack: AsyncExitStack) -> None:
        """Wait for every endpoint to be connected and take a seat at its desk."""
        for name in ENDPOINTS:
            self.desks[name] = await stack.enter_async_context(self.federation.desk(name))
            self.narrator.note(f"{name} is connected over mutual TLS 1.3")

    async def send(self, who: str, to: str, text: str, wait_s: float = WAIT_S, **fields: Any) -> Timeline:
        """Send a message and return what is known of it when its receipt is there."""
        request = SendRequest(recipients=(to,), body=text.encode(), media_type="text/plain", wait_s=wait_s, **fields)
        return (await self.desks[who].call("send", request, SentReport)).timeline

    async def outcome(self, who: str, sent: Timeline, wanted: str) -> Timeline:
        """Wait for the end of a message and return its timeline."""
        deadline = time.monotonic() + WAIT_S
        while True:
            timeline = await self.desks[who].call("status", Named(name=sent.sha256), Timeline)
            if timeline.state in {wanted, "failed", "refused", "declined"} or time.monotonic() > deadline:
                return timeline
            await asyncio.sleep(0.05)

    def passes(self, who: str, what: str, timeline: Timeline) -> None:
        """Claim that a message was accepted."""
        accepted = timeline.state in {"accepted", "delivered"}
        text = f"accepted, ledger entry {timeline.ledger_index}" if accepted else _refusal(timeline)
        self.narrator.line(who, what, text, accepted)

    def refused(self, who: str, what: str, timeline: Timeline, rule: str) -> None:
        """Claim that a message was refused by `rule` (among others, perhaps)."""
        as_expected = timeline.state == "refused" and any(reason.rule == rule for reason in timeline.reasons)
        self.narrator.line(who, what, _refusal(timeline, rule), as_expected)

    async def opened(self, who: str, sha256: str) -> OpenedReport:
        """Open a message at its recipient's desk, handed over to a person."""
        return await self.desks[who].call("open", OpenRequest(name=sha256), OpenedReport)

    async def inbox(self, who: str) -> InboxReport:
        """Return everything that ever arrived at a desk."""
        return await self.desks[who].call("inbox", Page(limit=10_000, everything=True), InboxReport)


def _refusal(timeline: Timeline, rule: str | None = None) -> str:
    if timeline.state == "declined":
        return f"not accepted: {timeline.declined_detail}"
    reasons = sorted(timeline.reasons, key=lambda reason: reason.rule != rule)
    return refused_for(reasons) if reasons else f"{timeline.state}, without a reason"


def refused_for(reasons: Sequence[Reason]) -> str:
    """Return how a refusal reads: article, rule, basis and sentence of its first reason, and how many more it has."""
    return f"refused: {_reason(reasons[0])}" + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")


def _reason(reason: Reason) -> str:
    return f"{reason.article} [{reason.rule}, {reason.basis}] {sentence(reason.code)}"
