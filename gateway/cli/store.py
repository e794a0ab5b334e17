"""`accord store`: move a deployment from one engine to another."""

import os
from pathlib import Path

import click

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def store() -> None:
    """Move a gateway's store from the embedded engine to PostgreSQL."""


@store.command()
@click.option(
    "--from", "data_dir", type=FOLDER, required=True, help="The data folder of the gateway, which has stopped."
)
@click.option("--to", "config", type=FILE, required=True, help='Its settings, with `engine = "postgres"` in `[store]`.')
def migrate(data_dir: Path, config: Path) -> None:
    """Move ledger, spool and duties into an empty PostgreSQL store; every receipt stays what it is.

    All or nothing: it stops at the first disagreement and may be run again after whatever interrupted it. Afterwards
    the embedded engine does not open the folder any more; keep it to be read.

    Exit codes: 0 moved and verified, 65 something was changed, 74 unreadable, 75 the server is away, 78 configuration.
    """
    from gateway.app.fitness import read_checkpoint_key
    from gateway.app.storing import read_password, require_client
    from gateway.domain.errors import ConfigurationError
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    settings = load(config, GatewaySettings, os.environ).values
    if settings.store.engine != "postgres":
        raise ConfigurationError(f"`{config}` does not name PostgreSQL", 'set `engine = "postgres"` in `[store]`')
    require_client()
    from gateway.store.postgres.moving import move

    identity = settings.gateway
    moved = move(
        data_dir,
        settings.store.postgres,
        read_password(settings),
        network=identity.network,
        origin=identity.origin,
        public=read_checkpoint_key(settings).public,
    )
    done = "was moved already" if moved.already else "moved"
    click.echo(f"{identity.origin}: {done} from {data_dir} to schema `{settings.store.postgres.schema}`")
    for table, count in moved.rows.items():
        click.echo(f"  {table:<12} {count:>12}")
    report = moved.report
    click.echo(
        f"verified: {report.entries} entries under {report.checkpoints} checkpoints;"
        f" {report.owed} deliveries are still owed, their bodies are whole"
    )
    click.echo("the folder is kept to be read; the embedded engine does not open it any more")
