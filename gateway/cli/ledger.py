"""`accord ledger`: what the ledger says, proved and verified by whoever holds a copy and the public key."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.cli.files import PUBLIC, write_new
from gateway.cli.moments import spelled

if TYPE_CHECKING:
    from gateway.domain.receipt import Checkpoint

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
DEFAULT_CONFIG = Path("/etc/accord/gateway/gateway.toml")


class Whose(msgspec.Struct, frozen=True):
    """Whose ledger is meant, and where it lies; never taken from the data directory itself."""

    path: Path
    network: str
    origin: str
    public: bytes


def whose(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a ledger, and the ledger as its first argument."""

    @click.option("--config", type=FILE, default=DEFAULT_CONFIG, show_default=True, help="The gateway's settings.")
    @click.option("--data-dir", type=FOLDER, help="A copy of the data folder [default: the one of the settings].")
    @click.option("--directory", "edition", type=FILE, help="In place of settings: an edition that lists the gateway.")
    @click.option("--origin", help="With --directory: which gateway, where it lists several.")
    @wraps(command)
    def wrapped(config: Path, data_dir: Path | None, edition: Path | None, origin: str | None, **rest: Any) -> None:
        named = _by_config(config, data_dir) if edition is None else _by_edition(edition, data_dir, origin)
        command(named, **rest)

    return wrapped


@click.group()
def ledger() -> None:
    """Show, prove and verify the ledger, on a copy too.

    Exit codes: 0 verified, 65 changed or not proved, 74 unreadable.
    """


@ledger.command()
@whose
def checkpoint(named: Whose) -> None:
    """Print the newest signed checkpoint, for witnesses and for comparing by phone."""
    from gateway.store.offline import newest_checkpoint

    click.echo(newest_checkpoint(named.path, origin=named.origin, public=named.public).note.decode(), nl=False)


@ledger.command()
@click.argument("index", type=click.IntRange(min=0))
@click.option("--newest", is_flag=True, help="Prove it under the newest checkpoint, not as it was handed out.")
@click.option("--out", type=FILE, help="Write the receipt there [default: print it].")
@whose
def prove(named: Whose, index: int, newest: bool, out: Path | None) -> None:
    """Give the receipt of the entry INDEX: anybody can verify it with the gateway's public key alone."""
    from gateway.store.offline import prove as prove_entry

    receipt = prove_entry(named.path, index, origin=named.origin, public=named.public, newest=newest)
    if out is None:
        click.echo(receipt, nl=False)
    else:
        write_new(out, receipt, PUBLIC)
        click.echo(f"{out}: receipt of entry {index} of {named.origin}")


@ledger.command()
@click.option("--scratch", type=FOLDER, help="Where the copy is made; it needs as much room again.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
@whose
def verify(named: Whose, scratch: Path | None, as_json: bool) -> None:
    """Verify every entry, checkpoint, proof and body that is still owed, on a copy; a gateway may be running.

    Exit codes: 65 something was changed (the entry is named), 74 it cannot be read.
    """
    from gateway.store.verify import verify_ledger

    report = verify_ledger(named.path, network=named.network, origin=named.origin, public=named.public, scratch=scratch)
    if as_json:
        head = {"size": report.checkpoint.size, "note": report.checkpoint.note.decode()}
        told = {"origin": named.origin, "entries": report.entries, "checkpoints": report.checkpoints}
        click.echo(msgspec.json.encode({**told, "owed": report.owed, "checkpoint": head}).decode())
        return
    click.echo(f"{named.origin}: {report.entries} entries under {report.checkpoints} checkpoints, verified")
    click.echo(f"{report.owed} deliveries are still owed, their bodies are whole")


@ledger.command()
@click.option(
    "--seen", "files", type=FILE, multiple=True, help="What an endpoint saw (`accord endpoint seen`); repeat."
)
@whose
def reconcile(named: Whose, files: tuple[Path, ...]) -> None:
    """Let a frozen or restored ledger be continued, once it contains every checkpoint that peers hold.

    A restored ledger needs the word of its endpoints: ask all that were ever connected, each by `accord endpoint seen`.
    """
    from gateway.app.seen import of_origin
    from gateway.store.offline import reconcile as reconcile_ledger

    notes = [note for file in files for note in of_origin(file, named.origin)]
    seen: Checkpoint = reconcile_ledger(named.path, origin=named.origin, public=named.public, seen=notes)
    click.echo(f"{named.origin}: contains checkpoint {seen.size}, which peers hold; the gateway may start")


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--confidential", is_flag=True, help="Messages whose very existence is confidential, too (C8-26).")
@whose
def register(named: Whose, as_json: bool, confidential: bool) -> None:
    """Export the register of provision, receipt and destruction (CZ-31), one act a line."""
    from gateway.store.register import export

    for line in export(named.path, confidential):
        if as_json:
            click.echo(msgspec.json.encode(line).decode())
            continue
        reason = f"  {line.holder}: {line.reason}" if line.reason else ""
        purposes = ",".join(line.purposes)
        click.echo(
            f"{spelled(line.at_ms)}  {line.act:<11}  {line.originator} > {line.recipient}  {line.agreement}"
            f"  {line.kind}  {purposes}  {line.header_sha256}{reason}"
        )


def _by_config(config: Path, data_dir: Path | None) -> Whose:
    from gateway.app.fitness import read_checkpoint_key
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    settings = load(config, GatewaySettings, os.environ).values
    path = data_dir or Path(settings.gateway.data_folder)
    return Whose(path, settings.gateway.network, settings.gateway.origin, read_checkpoint_key(settings).public)


def _by_edition(edition: Path, data_dir: Path | None, origin: str | None) -> Whose:
    from gateway.app.directory import self_consistent
    from gateway.crypto.digests import decode_base64url

    if data_dir is None:
        raise click.UsageError("--directory needs --data-dir")
    directory = self_consistent(edition, None)
    names = list(directory.gateways)
    chosen = origin or (names[0] if len(names) == 1 else None)
    if chosen not in directory.gateways:
        raise click.UsageError(f"give --origin, one of: {', '.join(names)}")
    public = decode_base64url(directory.gateways[chosen].checkpoint_public)
    return Whose(data_dir, directory.edition.network, chosen, public)
