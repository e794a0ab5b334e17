"""`accord backup`: copy a gateway's ledger while it runs, prove the copy, put it back where nothing is."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.app.backing_up import Verified

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
TARGET = click.argument("folder", type=FOLDER)
CONFIG = click.option(
    "--config",
    type=FILE,
    default=Path("/etc/accord/gateway/gateway.toml"),
    show_default=True,
    help="The gateway's settings.",
)
SCRATCH = click.option("--scratch", type=FOLDER, help="Where the copy to verify is made; it needs as much room again.")


@click.group()
def backup() -> None:
    """Copy a gateway's ledger while it runs, prove the copy, put it back.

    Exit codes: 0 done, 65 something in it was changed, 74 it is cut short or unreadable, 78 configuration.
    """


@backup.command()
@TARGET
@CONFIG
@click.option("--with-keys", is_flag=True, help="Copy the private keys too; guard the backup like them.")
def create(folder: Path, config: Path, with_keys: bool) -> None:
    """Copy ledger, bodies that are owed, and accepted editions into the new FOLDER. The gateway may run.

    Private keys are not in it unless --with-keys is given. Note the digest that is printed: it tells this backup from
    every other.
    """
    from gateway.app.backing_up import create as create_backup
    from gateway.app.clock import wall_ms
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    settings = load(config, GatewaySettings, os.environ).values
    manifest, sha256 = create_backup(settings, folder, wall_ms(), with_keys=with_keys)
    size_bytes = sum(file.size_bytes for file in manifest.files)
    for head in manifest.heads:
        click.echo(f"{folder}: {head.origin}, {head.size} entries")
    click.echo(f"{len(manifest.files)} files, {size_bytes} bytes, manifest {sha256}")
    click.echo("private keys are in it: guard it like them" if with_keys else "no private key is in it")


@backup.command()
@TARGET
@CONFIG
@click.option("--directory", "edition", type=FILE, help="In place of settings: an edition that lists the gateways.")
@click.option("--expect", "expected", help="The digest of the manifest that `create` printed.")
@SCRATCH
def verify(folder: Path, config: Path, edition: Path | None, expected: str | None, scratch: Path | None) -> None:
    """Hash every file of the backup in FOLDER again, and verify its ledgers, without the gateway that it is of.

    Exit codes: 65 something was changed, 74 it is cut short or cannot be read.
    """
    from gateway.app.backing_up import verify as verify_backup
    from gateway.app.backing_up import whose_by_edition, whose_by_settings
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    whose = (
        whose_by_settings(load(config, GatewaySettings, os.environ).values)
        if edition is None
        else whose_by_edition(edition)
    )
    _tell(verify_backup(folder, whose, scratch, expected))


@backup.command()
@TARGET
@CONFIG
@SCRATCH
def restore(folder: Path, config: Path, scratch: Path | None) -> None:
    """Verify the backup in FOLDER and put it where the settings say, if nothing is there yet.

    What was restored signs nothing until `accord ledger reconcile` has held it against what endpoints have seen.
    """
    from gateway.app.backing_up import restore as restore_backup
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    settings = load(config, GatewaySettings, os.environ).values
    verified = restore_backup(folder, settings, scratch)
    _tell(verified)
    click.echo("restored; it signs nothing yet: have every endpoint run `accord endpoint seen`, then run")
    click.echo(f"  accord ledger reconcile --config {config} --seen FILE ...")
    if verified.manifest.keys:
        click.echo(f"the private keys stay in {folder}: put them where the settings name them")


def _tell(verified: "Verified") -> None:
    for head, report in zip(verified.manifest.heads, verified.reports, strict=True):
        click.echo(f"{head.origin}: {report.entries} entries under {report.checkpoints} checkpoints, verified")
    owed = sum(report.owed for report in verified.reports)
    click.echo(f"{owed} deliveries are still owed, their bodies are whole; manifest {verified.sha256}")
