"""`accord query`: search a database of the central node."""

import json
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from gateway.cli.asking import (
    ask,
    code_of,
    describes_message,
    end,
    request_of,
    takes_config,
    takes_json,
    takes_wait,
    warn,
)
from gateway.cli.failures import TRY_AGAIN
from gateway.cli.send import read_body
from gateway.cli.telling import tell_json, tell_timeline
from gateway.endpoint.words import QueryReport, QueryRequest


@click.command()
@takes_config
@describes_message
@click.option("--database", default="travel-documents", show_default=True, help="The database to search.")
@click.option("--number", help="The number of a document.")
@click.option("--type", "type_", help="The type of the document, such as passport; narrows the search.")
@click.option("--issuing-state", help="The State that issued it; narrows the search.")
@click.option(
    "--file", "path", type=click.Path(path_type=Path, exists=True, allow_dash=True), help="A body of your own."
)
@takes_wait
@takes_json
def query(
    config: Path,
    number: str | None,
    type_: str | None,
    issuing_state: str | None,
    path: Path | None,
    wait_s: float,
    as_json: bool,
    **fields: Any,
) -> None:
    """Search and wait for the answer. Without --to the central node of the settings is asked.

    Exit codes: 0 answered, 75 not answered yet, 77 refused: every reason is printed with its article.
    """
    body = _body(number, type_, issuing_state) if number is not None else read_body(None, path)
    fields.update(media_type="application/json")
    request = QueryRequest(replace(request_of(body, "query", fields)), wait_s=wait_s)
    report = ask(config, "query", request, QueryReport)
    if as_json:
        tell_json(report)
    elif report.answer is None:
        tell_timeline(report.sent.timeline)
    else:
        click.echo(_spelled(report.answer.body))
    if report.answer is not None:
        warn(report.sent.health)
        return
    end(report.sent.health, code_of(report.sent) or TRY_AGAIN)


def _body(number: str, type_: str | None, issuing_state: str | None) -> bytes:
    """The words of the central node: what is not asked for is null."""
    return json.dumps({"number": number, "type": type_, "issuing_state": issuing_state}).encode()


def _spelled(body: bytes) -> str:
    """An answer is padded to one size; the padding is not for reading."""
    try:
        answer = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return f"({len(body)} bytes that are no JSON)"
    answer.pop("padding", None)
    return json.dumps(answer, indent=2)
