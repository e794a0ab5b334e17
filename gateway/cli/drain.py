"""`accord drain`: move every connection of a running gateway to the others, before it is stopped."""

import os
from pathlib import Path

import click


@click.command()
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/accord/gateway/gateway.toml"),
    show_default=True,
    help="The gateway's settings.",
)
@click.option("--within", "within_s", type=click.FloatRange(0, 3_600), default=30.0, show_default=True, help="Seconds.")
def drain(config: Path, within_s: float) -> None:
    """Let nobody in any more, answer what was taken, send endpoints on to their next gateway.

    The gateway stays, not ready, until it is stopped; a new start takes connections again. Stopping it drains too.

    Exit codes: 0 nobody is connected, 69 it does not answer, 75 somebody still is, 78 no gateway runs here.
    """
    from gateway.app.draining import drain as drain_gateway
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    settings = load(config, GatewaySettings, os.environ).values
    for progress in drain_gateway(settings, within_s):
        click.echo(f"{progress.after_s:5.1f}s  {progress.connections} connections left")
    click.echo(f"{settings.gateway.origin}: drained; stop it, or start it anew to take connections again")
