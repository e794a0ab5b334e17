"""`accord send`: seal a message, make it durable, wait for its receipt."""

import mimetypes
import sys
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from gateway.cli.asking import (
    ask,
    code_of,
    describes_message,
    end,
    request_of,
    takes_config,
    takes_json,
    takes_via,
    takes_wait,
)
from gateway.cli.telling import tell_json, tell_timeline
from gateway.domain.message import BODY_BYTES_MAX
from gateway.endpoint.words import SentReport


@click.command()
@takes_config
@describes_message
@click.option("--kind", default="request", show_default=True, help="What it is: request, reply, spontaneous, ...")
@click.option("--database", help="The database that it is about.")
@click.option("--media-type", help="The type of the body; by default guessed.")
@click.option("--schema", help="The code of the body's schema.")
@click.option("--text", help="The body, given here.")
@click.option(
    "--file", "path", type=click.Path(path_type=Path, exists=True, allow_dash=True), help="The body; - reads it."
)
@click.option("--queue-only", is_flag=True, help="Return once it is durable.")
@takes_via
@takes_wait
@takes_json
def send(
    config: Path,
    kind: str,
    media_type: str | None,
    text: str | None,
    path: Path | None,
    queue_only: bool,
    via: str | None,
    wait_s: float,
    as_json: bool,
    **fields: Any,
) -> None:
    """Send a message. Once this says a digest, the message reaches its gateway, whatever process dies.

    Exit codes: 0 accepted (or queued), 65 what the gateway says does not hold, 69 no gateway reachable,
    75 durable and not answered yet, 77 refused: every reason is printed with its article.
    """
    if not fields["recipients"]:
        raise click.UsageError("give at least one --to")
    body = read_body(text, path)
    fields["media_type"] = media_type or guess_media_type(text, path)
    request = replace(request_of(body, kind, fields), wait_s=0 if queue_only else wait_s)
    report = ask(config, "send", request, SentReport, connect=not queue_only, via=via)
    finish(report, queue_only, as_json)


def finish(report: SentReport, queue_only: bool, as_json: bool) -> None:
    """Print how something stands that was sent, and end with the exit code of that."""
    if as_json:
        tell_json(report)
    else:
        tell_timeline(report.timeline)
    end(report.health, 0 if queue_only else code_of(report))


def read_body(text: str | None, path: Path | None) -> bytes:
    """Return the body from the one place that was given.

    Raises:
        click.UsageError: none or two were given, or it is too large for one message.
    """
    if (text is None) == (path is None):
        raise click.UsageError("give the body once: --text or --file (- reads standard input)")
    if text is not None:
        return text.encode()
    if str(path) == "-":
        body = sys.stdin.buffer.read(BODY_BYTES_MAX + 1)
    else:
        assert path is not None
        body = path.read_bytes()
    if len(body) > BODY_BYTES_MAX:
        raise click.UsageError(f"the body is larger than {BODY_BYTES_MAX} bytes")
    return body


def guess_media_type(text: str | None, path: Path | None) -> str:
    """Return what the body probably is."""
    if text is not None:
        return "text/plain"
    return mimetypes.guess_type(str(path))[0] or "application/octet-stream"
