"""Send an owner's list to the central node, message by message, and collect what became of every line.

What was chosen is on disk before it is sent: a note beside the file keeps the ids of its messages. Started
again, the feed sends the same ids; the endpoint does not seal them anew, the node does not carry them out anew.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.central.bodies import MEDIA_TYPE, ChangeOutcome, read_reply
from gateway.central.feed_file import Line, body
from gateway.central.outgoing import MakeId
from gateway.central.requests import RECORD
from gateway.domain.decision import Reason
from gateway.domain.errors import ConfigurationError
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
from gateway.store.data_directory import write_private_file

LOOK_S = 0.2
INBOX_ROWS = 10_000
# Messages whose state is asked for in one look; a refusal is rare, and then usually all are refused.
ASKED_AT_ONCE = 16


class Plan(Struct, frozen=True):
    """Under which ids the messages of a file travel; `file_sha256` tells whether it is the same file still."""

    file_sha256: str
    begun_at_ms: int
    ids: tuple[str, ...]


class Sent(Struct, frozen=True):
    """One message of a feed: its digest, and the lines it carries."""

    sha256: str
    lines: tuple[Line, ...]


class LineOutcome(Struct, frozen=True):
    """What became of one line of the file."""

    line: int
    outcome: ChangeOutcome


class Collected(Struct, frozen=True):
    """What is known of a feed: outcomes by line, why messages did not pass, how many lines have no answer yet."""

    outcomes: tuple[LineOutcome, ...]
    refusals: tuple[tuple[Reason | str, int], ...]
    unanswered: int


def plan(note: Path, content: bytes, messages: int, lifetime_ms: int, at_ms: int, make_id: MakeId) -> Plan:
    """Return the ids for a file, from its note if it was begun before, else new ones, written down first.

    Ids grow by a millisecond each, so that of two lines about one document the later one counts. A note whose
    messages have expired since is replaced: the node answers `unchanged` to what it has.

    Raises:
        ConfigurationError: the note is of another file, or of this one before it was changed.
    """
    digest = hashlib.sha256(content).hexdigest()
    found = _read_note(note)
    if found is not None and (found.file_sha256 != digest or len(found.ids) != messages):
        raise ConfigurationError(
            f"`{note}` belongs to another version of the list",
            "delete it to send the list anew; lines that are on record already are answered `unchanged`",
        )
    if found is not None and found.begun_at_ms + lifetime_ms > at_ms:
        return found
    begun_at_ms = at_ms - messages
    made = Plan(digest, begun_at_ms, tuple(make_id(begun_at_ms + number) for number in range(messages)))
    write_private_file(note, msgspec.json.encode(made))
    return made


def _read_note(note: Path) -> Plan | None:
    try:
        return msgspec.json.decode(note.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        raise ConfigurationError(f"`{note}` is no note of a feed", "delete it to send the list anew") from None


async def send_feed(
    desk: Desk,
    template: SendRequest,
    messages: Sequence[list[Line]],
    ids: Sequence[str],
    advanced: Callable[[int], None],
) -> list[Sent]:
    """Send every message under its id; `advanced` hears how many lines are in the outbox.

    Raises:
        GatewayError: as `Office.send`; started again, the feed goes on.
    """
    sent: list[Sent] = []
    for lines, name in zip(messages, ids, strict=True):
        # Only the first one waits for an answer: after it the directory is here.
        wait_s = 0 if sent else template.wait_s
        request = replace(template, kind=RECORD, media_type=MEDIA_TYPE, body=body(lines), id=name, wait_s=wait_s)
        report = await desk.call("send", request, SentReport)
        sent.append(Sent(report.timeline.sha256, tuple(lines)))
        advanced(len(lines))
    return sent


async def collect(desk: Desk, sent: Sequence[Sent], timeout_s: float, arrived: Callable[[int], None]) -> Collected:
    """Wait for the replies to a feed, at most `timeout_s`; `arrived` hears of how many lines one told."""
    waiting = {each.sha256: each for each in sent}
    outcomes: list[LineOutcome] = []
    refusals: list[tuple[Reason | str, int]] = []
    loop = asyncio.get_running_loop()
    end_s = loop.time() + timeout_s
    while True:
        inbox = await desk.call("inbox", Page(limit=INBOX_ROWS, everything=True), InboxReport)
        for line in inbox.messages:
            feed = waiting.pop(line.in_reply_to or "", None)
            if feed is not None:
                outcomes += _outcomes(feed, await desk.call("open", OpenRequest(line.sha256), OpenedReport), refusals)
                arrived(len(feed.lines))
        for feed in list(waiting.values())[:ASKED_AT_ONCE]:
            reasons = await _refused(desk, feed)
            refusals += [(reason, len(feed.lines)) for reason in reasons]
            if reasons:
                del waiting[feed.sha256]
        if not waiting or loop.time() > end_s:
            break
        await asyncio.sleep(LOOK_S)
    outcomes.sort(key=lambda each: each.line)
    return Collected(tuple(outcomes), tuple(refusals), sum(len(feed.lines) for feed in waiting.values()))


async def _refused(desk: Desk, feed: Sent) -> Sequence[Reason | str]:
    timeline = await desk.call("status", Named(feed.sha256), Timeline)
    if timeline.declined_code is not None:
        return (timeline.declined_code,)
    return timeline.reasons


def _outcomes(feed: Sent, opened: OpenedReport, refusals: list[tuple[Reason | str, int]]) -> list[LineOutcome]:
    reply = read_reply(opened.body)
    if reply.refusal is not None:
        refusals.append((reply.refusal, len(feed.lines)))
    return [LineOutcome(feed.lines[outcome.change].line, outcome) for outcome in reply.outcomes]
