"""`accord gateway run`: the gateway process."""

from pathlib import Path

import click


@click.group()
def gateway() -> None:
    """Run the gateway."""


@gateway.command()
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/accord/gateway/gateway.toml"),
    show_default=True,
    help="The gateway's settings.",
)
def run(config: Path) -> None:
    """Run until SIGTERM; SIGHUP reads edition, law and certificates again.

    Exit codes: 0 stopped in order, 65 the edition deserves no trust, 74 the ledger failed, 78 configuration.
    """
    from gateway.app.gateway import GatewayProcess
    from gateway.app.loop import run as run_loop

    run_loop(GatewayProcess(config).run())
