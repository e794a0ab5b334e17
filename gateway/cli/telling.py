"""How reports of an endpoint read: to people as lines, to programs as JSON."""

from typing import Any

import click
import msgspec
from msgspec import Struct

from gateway.cli.moments import spelled
from gateway.domain.decision import Reason
from gateway.endpoint.words import InboxLine, ReceiptLine, Timeline
from gateway.policy.reasons import sentence as plain
from gateway.wire.problems import PROBLEMS

STATES = {
    "queued": "queued here, not sent yet",
    "sent": "sent, the gateway has not answered",
    "accepted": "accepted by the gateway, no outcome for every recipient yet",
    "refused": "refused",
    "declined": "declined without a record",
    "delivered": "delivered",
    "failed": "not delivered",
    "partly-failed": "delivered to some",
    "outcome-owed": "the gateway owes an outcome: the message has expired and nothing was heard",
}


def tell_json(report: Struct | tuple[Struct, ...]) -> None:
    """Print a report as one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))


def tell_timeline(timeline: Timeline) -> None:
    """Print what is proved of one message, the newest word on its state first."""
    click.echo(f"{timeline.id}  {timeline.kind}  {STATES[timeline.state]}")
    click.echo(f"  digest   {timeline.sha256}")
    if timeline.ledger is not None:
        click.echo(f"  ledger   {timeline.ledger}, index {timeline.ledger_index}")
    if timeline.expires_at_ms is not None:
        click.echo(f"  expires  {spelled(timeline.expires_at_ms)}")
    for step in timeline.steps:
        by = f" by {step.by}" if step.by else ""
        click.echo(f"  {spelled(step.at_ms)}  {step.event}{by}{f' ({step.detail})' if step.detail else ''}")
    for recipient in timeline.recipients:
        click.echo(f"  {recipient.recipient}: {recipient.outcome or 'nothing heard yet'}")
    if timeline.declined_code is not None:
        click.echo(f"  {timeline.declined_code}: {timeline.declined_detail}")
        if timeline.declined_code in PROBLEMS:
            click.echo(f"  remedy: {PROBLEMS[timeline.declined_code].remedy}")
    tell_reasons(timeline.reasons)


def tell_reasons(reasons: tuple[Reason, ...]) -> None:
    """Print every reason of a refusal: code, rule, article, what it rests on, and in one sentence what it means."""
    for reason in reasons:
        click.echo(f"  refused: {reason.code}  [{reason.rule}]  {reason.article}  ({reason.basis})")
        click.echo(f"    {sentence(reason)}")


def sentence(reason: Reason) -> str:
    """Return what a reason says, for a person."""
    about = f" [{reason.detail}]" if reason.detail else ""
    grounds = {
        "text": "the text of the instrument says so",
        "reading": "this is how the instrument is read here",
        "policy": "this is a decision of the federation, no text",
    }
    return f"{plain(reason.code)}{about} ({grounds[reason.basis]})"


def tell_messages(messages: tuple[InboxLine, ...]) -> None:
    """Print messages for us, one a line."""
    for line in messages:
        mark = "new" if line.handed_over_at_ms is None and line.status == "consigned" else line.status
        if line.handed_over_at_ms is not None:
            mark = "destroyed" if line.destroyed_at_ms is not None else "read"
        click.echo(
            f"{line.id}  {spelled(line.received_at_ms)}  {mark:<10} {line.originator}  {line.kind}  {line.agreement}"
            f"  {line.level}"
        )
    if not messages:
        click.echo("nothing")


def tell_receipts(receipts: tuple[ReceiptLine, ...]) -> None:
    """Print receipts, one a line."""
    for line in receipts:
        word = "accepted" if line.permitted else "refused"
        click.echo(f"{line.id}  {spelled(line.receipted_at_ms)}  {word:<8} {line.ledger} index {line.ledger_index}")
    if not receipts:
        click.echo("nothing")


def tell_pairs(pairs: dict[str, Any]) -> None:
    """Print names and values, one pair a line."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        click.echo(f"{name:<{width}}  {'-' if value is None else value}")
