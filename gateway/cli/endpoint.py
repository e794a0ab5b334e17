"""`accord endpoint`: run it, see how it is, and settle what it found false."""

import asyncio
from pathlib import Path

import click
import msgspec

from gateway.cli.asking import ask, end, takes_config, takes_json
from gateway.cli.failures import INPUT_MISSING, UNAVAILABLE, CommandError
from gateway.cli.files import PUBLIC, write_new
from gateway.cli.moments import spelled
from gateway.cli.telling import tell_json, tell_pairs
from gateway.endpoint.words import AlarmsReport, Done, Health, Nothing, Page, SeenReport, SettleRequest


@click.group()
def endpoint() -> None:
    """Run the endpoint of an authority."""


@endpoint.command()
@takes_config
def run(config: Path) -> None:
    """Stay connected until SIGTERM; other commands use this process.

    Exit codes: 0 stopped in order, 74 the disk failed, 78 configuration.
    """
    from gateway.app.endpoint import run_endpoint

    asyncio.run(run_endpoint(config))


@endpoint.command()
@takes_config
@takes_json
def health(config: Path, as_json: bool) -> None:
    """Show whether the running endpoint is connected, what waits, and what alarm is open."""
    report = ask(config, "health", Nothing(), Health, connect=False)
    if as_json:
        tell_json(report)
    else:
        tell_pairs(
            {
                "authority": f"{report.authority} in {report.network}",
                "connected": report.gateway or "no",
                "edition": report.edition or "none yet",
                "unanswered": report.unanswered,
                "unread": report.unread,
                "acknowledgements owed": report.acknowledgements_owed,
                "outcomes owed to us": report.outcomes_owed,
            }
        )
    end(report, 0 if report.connected else UNAVAILABLE)


@endpoint.command()
@takes_config
@click.option("--all", "everything", is_flag=True, help="Show settled ones, too.")
@takes_json
def alarms(config: Path, everything: bool, as_json: bool) -> None:
    """List what gateways or the directory said and could not prove."""
    report = ask(config, "alarms", Page(limit=1_000, everything=everything), AlarmsReport, connect=False)
    if as_json:
        tell_json(report)
        return
    for line in report.alarms:
        state = "ends trust" if line.latching else "noted"
        if line.settled_at_ms is not None:
            state = f"settled {spelled(line.settled_at_ms)}: {line.settled_because}"
        click.echo(f"{line.number}  {spelled(line.at_ms)}  {line.kind}  {line.gateway or 'directory'}  ({state})")
        click.echo(f"    {line.detail}")
    if not report.alarms:
        click.echo("nothing")


@endpoint.command()
@takes_config
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there [default: print it].")
def seen(config: Path, out: Path | None) -> None:
    """Give the newest signed checkpoint of every gateway that we have seen: for a gateway that was restored."""
    report = ask(config, "seen", Nothing(), SeenReport, connect=False)
    text = msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text, PUBLIC)
    click.echo(f"{out}: {', '.join(f'{head.origin} at {head.size}' for head in report.heads) or 'nothing was seen'}")


@endpoint.command()
@takes_config
@click.argument("number", type=int)
@click.option("--because", required=True, help="What you compared, with whom; kept with the alarm.")
def settle(config: Path, number: int, because: str) -> None:
    """End an alarm after you have looked. A history that did not hold is begun anew: what was lost stays lost."""
    if not ask(config, "settle", SettleRequest(number, because), Done, connect=False).done:
        raise CommandError(f"no alarm {number} is open", "see: accord endpoint alarms", INPUT_MISSING)
    click.echo(f"alarm {number} is settled")
