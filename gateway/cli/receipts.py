"""`accord receipts`: what gateways have proved to us, listed, verified again, exported for others."""

from pathlib import Path

import click

from gateway.cli.asking import ask, end, takes_config, takes_config_too, takes_json, takes_wait
from gateway.cli.failures import DATA_INVALID
from gateway.cli.files import PUBLIC, write_new
from gateway.cli.telling import tell_json, tell_receipts
from gateway.endpoint.words import Named, Page, Proof, ReceiptsReport, VerifiedReport


@click.group(invoke_without_command=True)
@click.pass_context
@takes_config
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@takes_wait
@takes_json
def receipts(ctx: click.Context, config: Path, limit: int, wait_s: float, as_json: bool) -> None:
    """List receipts of what we sent, newest first."""
    ctx.obj = config
    if ctx.invoked_subcommand is not None:
        return
    report = ask(config, "receipts", Page(limit=limit, wait_s=wait_s), ReceiptsReport, connect=wait_s > 0)
    if as_json:
        tell_json(report)
    else:
        tell_receipts(report.receipts)
    end(report.health)


@receipts.command()
@takes_config_too
@click.argument("name")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def export(config: Path, name: str, path: Path) -> None:
    """Write a receipt as PATH (a .tlog-proof) and what it is for as PATH.object; anybody can verify the two."""
    proof = ask(config, "receipt", Named(name), Proof, connect=False)
    write_new(path, proof.tlog_proof, PUBLIC)
    other = write_new(path.with_name(path.name + ".object"), proof.object, PUBLIC)
    click.echo(f"{path}: the receipt\n{other}: what was signed; the receipt names its sha-256")


@receipts.command()
@takes_config_too
@takes_json
def verify(config: Path, as_json: bool) -> None:
    """Verify every receipt that we hold once more. Exit code 65: one does not hold."""
    report = ask(config, "verify", Page(limit=10_000), VerifiedReport, connect=False)
    if as_json:
        tell_json(report)
    else:
        click.echo(f"{report.verified} of {report.verified + len(report.failed)} receipts hold")
        for failure in report.failed:
            click.echo(f"  {failure.id}: {failure.why}")
    end(report.health, DATA_INVALID if report.failed else 0)
