"""`accord central`: run the central node, count its records, and send an owner's list to it."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.central.database import Tally
from gateway.central.feeding import Collected
from gateway.cli.asking import describes_message, request_of, takes_config, takes_json, takes_wait
from gateway.cli.failures import DATA_INVALID, REFUSED, TRY_AGAIN
from gateway.cli.moments import spelled
from gateway.cli.telling import tell_json, tell_reasons
from gateway.domain.decision import Reason
from gateway.endpoint.words import SendRequest

CENTRAL_TOML = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/accord/central/central.toml"),
    show_default=True,
    help="The central node's settings.",
)
# Lines with an outcome other than stored that are printed one by one.
LINES_SHOWN = 50


@click.group()
def central() -> None:
    """Run the central node and keep its records."""


@central.command()
@CENTRAL_TOML
def run(config: Path) -> None:
    """Answer until SIGTERM; `accord inbox` with its endpoint's settings shows what is for people.

    Exit codes: 0 stopped in order, 74 disk or database failed, 78 configuration.
    """
    from gateway.app.central import CentralProcess

    asyncio.run(CentralProcess(config).run())


@central.command()
@CENTRAL_TOML
@takes_json
def records(config: Path, as_json: bool) -> None:
    """Count what is on record, by owner and status. Numbers of documents are not stored, so none can be shown."""
    from gateway.app.clock import wall_ms
    from gateway.central.database import tallies
    from gateway.settings.central import CentralSettings
    from gateway.settings.source import load

    found = tallies(Path(load(config, CentralSettings, os.environ).values.data_folder), wall_ms())
    if as_json:
        tell_json(tuple(found))
        return
    _tell_tallies(found)


@central.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@takes_config
@describes_message
@takes_wait
def feed(path: Path, config: Path, wait_s: float, **fields: Any) -> None:
    """Send FILE, an owner's list of documents, to the central node: CSV with a heading, or JSON lines.

    Columns: number, type, status (LOST, STOLEN, STOLEN_BLANK, REVOKED); then, as needed, issuing_state, review_by
    (a day), conditions and withheld_from (separated by spaces), action (put, withdraw). Cut off, run it again:
    it goes on where it was, and nothing is carried out twice.

    Exit codes: 0 every line is as wished, 65 the file or a line is not, 75 not all answered yet, 77 refused.
    """
    from gateway.central.feed_file import count, in_messages, read_feed

    content = path.read_bytes()
    lines = read_feed(content.decode("utf-8-sig", "replace"))
    request = request_of(b"", "record", fields)
    click.echo("  ".join(f"{action}: {number}" for action, number in count(lines).items()))
    collected = asyncio.run(_feed(config, request, path, content, in_messages(lines), wait_s))
    raise SystemExit(_tell_collected(collected))


async def _feed(
    config: Path, request: SendRequest, path: Path, content: bytes, messages: list[Any], wait_s: float
) -> Collected:
    from msgspec.structs import replace

    from gateway.app.clock import wall_ms
    from gateway.app.endpoint import open_desk
    from gateway.central.feeding import collect, plan, send_feed
    from gateway.crypto.sealing import message_id
    from gateway.settings.endpoint import EndpointSettings
    from gateway.settings.source import load

    to = request.recipients or ((load(config, EndpointSettings, os.environ).values.central or ""),)
    note = path.with_name(f"{path.name}.feed")
    ids = plan(note, content, len(messages), request.lifetime_s * 1_000, wall_ms(), message_id).ids
    lines = sum(map(len, messages))
    async with open_desk(config, connect=True) as desk:
        request = replace(request, recipients=to, wait_s=wait_s)
        with click.progressbar(length=lines, label="in the outbox") as bar:
            sent = await send_feed(desk, request, messages, ids, _advance(bar))
        with click.progressbar(length=lines, label="answered     ") as bar:
            collected = await collect(desk, sent, wait_s, _advance(bar))
    if not collected.unanswered:
        note.unlink()
    return collected


def _advance(bar: Any) -> Callable[[int], None]:
    def advance(lines: int) -> None:
        bar.update(lines)

    return advance


def _tell_tallies(found: list[Tally]) -> None:
    for tally in found:
        overdue = f"  {tally.review_overdue} not shown, review overdue" if tally.review_overdue else ""
        changed = spelled(tally.changed_at_ms)
        click.echo(f"{tally.owner:<24} {tally.status:<13} {tally.records:>12}  last change {changed}{overdue}")
    if not found:
        click.echo("nothing is on record")


def _tell_collected(collected: Collected) -> int:
    results = Counter(each.outcome.result for each in collected.outcomes)
    for result, number in sorted(results.items()):
        click.echo(f"{result}: {number}")
    refused = [each for each in collected.outcomes if each.outcome.refusal is not None]
    for each in refused[:LINES_SHOWN]:
        click.echo(f"  line {each.line}: refused, {each.outcome.refusal}")
    if len(refused) > LINES_SHOWN:
        click.echo(f"  and {len(refused) - LINES_SHOWN} more")
    for why, lines in collected.refusals:
        click.echo(f"{lines} lines were not carried out:")
        tell_reasons((why,)) if isinstance(why, Reason) else click.echo(f"  {why}")
    if collected.unanswered:
        click.echo(f"{collected.unanswered} lines have no answer yet; run the same command again")
        return TRY_AGAIN
    if collected.refusals:
        return REFUSED
    return DATA_INVALID if refused else 0
