"""`accord inbox`: what has arrived, after every check."""

import sys
from pathlib import Path

import click

from gateway.cli.asking import ask, end, takes_config, takes_config_too, takes_json, takes_via, takes_wait
from gateway.cli.files import PRIVATE, write_new
from gateway.cli.telling import tell_json, tell_messages
from gateway.endpoint.words import Done, InboxReport, Named, OpenedReport, OpenRequest, Page


@click.group(invoke_without_command=True)
@click.pass_context
@takes_config
@click.option("--all", "everything", is_flag=True, help="Show what was read already, too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@takes_via
@takes_wait
@takes_json
def inbox(
    ctx: click.Context, config: Path, everything: bool, limit: int, via: str | None, wait_s: float, as_json: bool
) -> None:
    """List messages for us, newest first; `show` and `export` open one and tell its originator so."""
    ctx.obj = config
    if ctx.invoked_subcommand is not None:
        return
    page = Page(limit=limit, everything=everything, wait_s=wait_s)
    report = ask(config, "inbox", page, InboxReport, connect=wait_s > 0, via=via)
    if as_json:
        tell_json(report)
    else:
        tell_messages(report.messages)
    end(report.health)


@inbox.command()
@takes_config_too
@click.argument("name")
@click.option("--peek", is_flag=True, help="Do not note that it was read.")
@takes_json
def show(config: Path, name: str, peek: bool, as_json: bool) -> None:
    """Show a message, by id or digest."""
    report = _open(config, name, peek)
    if as_json:
        tell_json(report)
        return
    click.echo(report.header)
    if report.unchecked:
        click.echo(f"declared, for you to check in the body: {', '.join(report.unchecked)}", err=True)
    if report.line.media_type.startswith("text/") or report.line.media_type.endswith("json"):
        click.echo(_harmless(report.body.decode("utf-8", "replace")))
    else:
        click.echo(f"({len(report.body)} bytes of {report.line.media_type}: accord inbox export {name} FILE)")


@inbox.command()
@takes_config_too
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--peek", is_flag=True, help="Do not note that it was read.")
def export(config: Path, name: str, path: Path, peek: bool) -> None:
    """Write the body of a message into a new file of mode 0600, or to standard output (-)."""
    report = _open(config, name, peek)
    if str(path) == "-":
        sys.stdout.buffer.write(report.body)
        return
    write_new(path, report.body, PRIVATE)
    click.echo(f"{path}: {len(report.body)} bytes, {report.line.media_type}")


@inbox.command()
@takes_config_too
@click.argument("name")
@click.confirmation_option(prompt="Destroy the body of this message here, and tell its originator?")
@takes_wait
def destroy(config: Path, name: str, wait_s: float) -> None:
    """Destroy the body of a message; its originator gets the signed proof."""
    report = ask(config, "destroy", Named(name, wait_s), Done)
    click.echo("destroyed" if report.done else "its body was not here any more")


def _open(config: Path, name: str, peek: bool) -> OpenedReport:
    return ask(config, "open", OpenRequest(name, handed_over=not peek), OpenedReport, connect=False)


def _harmless(text: str) -> str:
    """Another's text must not steer our terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)
