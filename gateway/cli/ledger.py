"""`accord ledger`: what the ledger says, proved and verified by whoever holds a copy and the public key."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.cli.failures import INPUT_OUTPUT, CommandError, told
from gateway.cli.files import PUBLIC, write_new
from gateway.cli.moments import spelled
from gateway.domain.errors import LedgerError, TrustError
from gateway.store.verdict import VerificationError

if TYPE_CHECKING:
    from gateway.domain.receipt import Checkpoint
    from gateway.settings.gateway import GatewaySettings
    from gateway.store.register import Line
    from gateway.store.verdict import Report

FILE = click.Path(dir_okay=False, path_type=Path)
# A folder that nobody may read is unreadable (74) and no misuse of the command (2): `_reading` tells.
FOLDER = click.Path(file_okay=False, readable=False, path_type=Path)
UNREADABLE = (
    "this says nothing of tampering: leave what is there as it is, and see docs/operations.md,"
    ' "A ledger that does not verify"'
)
# What stands in the way of reading a copy, and what to do about it.
REMEDIES = {
    errno.ENOENT: "copy the whole data folder (ledger.db, ledger.db-wal, spool), and verify that",
    errno.EACCES: "run it as the user whose folder it is, or on a copy that you may read",
    errno.EPERM: "run it as the user whose folder it is, or on a copy that you may read",
    errno.ENOSPC: "name a folder on a disk with as much room again: --scratch",
    errno.EDQUOT: "name a folder on a disk with as much room again: --scratch",
}
DEFAULT_CONFIG = Path("/etc/accord/gateway/gateway.toml")


class Shared(msgspec.Struct, frozen=True):
    """A store in PostgreSQL, and the password for it."""

    access: Any  # A `PostgresSettings`; its module is imported only where it is needed.
    password: str | None


class Whose(msgspec.Struct, frozen=True):
    """Whose ledger is meant, and where it lies, in `shared` or in `path`; never taken from there itself."""

    path: Path
    network: str
    origin: str
    public: bytes
    shared: Shared | None = None


def whose(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a ledger, and the ledger as its first argument."""

    @click.option("--config", type=FILE, default=DEFAULT_CONFIG, show_default=True, help="The gateway's settings.")
    @click.option("--data-dir", type=FOLDER, help="A copy of the data folder [default: the one of the settings].")
    @click.option("--directory", "edition", type=FILE, help="In place of settings: an edition that lists the gateway.")
    @click.option("--origin", help="With --directory: which gateway, where it lists several.")
    @wraps(command)
    def wrapped(config: Path, data_dir: Path | None, edition: Path | None, origin: str | None, **rest: Any) -> None:
        if edition is None:
            named = _by_config(config, data_dir)
        else:
            shared = _shared(_settings(config)) if data_dir is None and config.exists() else None
            named = _by_edition(edition, data_dir, origin, shared)
        command(named, **rest)

    return wrapped


@click.group()
def ledger() -> None:
    """Show, prove and verify the ledger, on a copy too.

    Exit codes: 0 verified, 65 changed or not proved, 74 unreadable, 75 the database is away.
    """


@ledger.command()
@whose
def checkpoint(named: Whose) -> None:
    """Print the newest signed checkpoint, for witnesses and for comparing by phone."""
    with _reading():
        head = _newest(named)
    click.echo(head.note.decode(), nl=False)


@ledger.command()
@click.argument("index", type=click.IntRange(min=0))
@click.option("--newest", is_flag=True, help="Prove it under the newest checkpoint, not as it was handed out.")
@click.option("--out", type=FILE, help="Write the receipt there [default: print it].")
@whose
def prove(named: Whose, index: int, newest: bool, out: Path | None) -> None:
    """Give the receipt of the entry INDEX: anybody can verify it with the gateway's public key alone."""
    with _reading():
        receipt = _proved(named, index, newest)
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

    Exit codes: 65 something was changed (the entry is named), 74 it cannot be read, 75 the database is away.
    """
    with _reading():
        report = _verified(named, scratch)
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
    if named.shared is not None:
        from gateway.store.postgres.reconciling import reconcile_shared

        access, password = named.shared.access, named.shared.password
        seen: Checkpoint = reconcile_shared(access, password, origin=named.origin, public=named.public, seen=notes)
    else:
        seen = reconcile_ledger(named.path, origin=named.origin, public=named.public, seen=notes)
    click.echo(f"{named.origin}: contains checkpoint {seen.size}, which peers hold; the gateway may start")


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--confidential", is_flag=True, help="Messages whose very existence is confidential, too (C8-26).")
@whose
def register(named: Whose, as_json: bool, confidential: bool) -> None:
    """Export the register of provision, receipt and destruction (CZ-31), one act a line."""
    for line in _acts(named, confidential):
        if as_json:
            click.echo(msgspec.json.encode(line).decode())
            continue
        reason = f"  {line.holder}: {line.reason}" if line.reason else ""
        purposes = ",".join(line.purposes)
        click.echo(
            f"{spelled(line.at_ms)}  {line.act:<11}  {line.originator} > {line.recipient}  {line.agreement}"
            f"  {line.kind}  {purposes}  {line.header_sha256}{reason}"
        )


@contextmanager
def _reading() -> Iterator[None]:
    """Tell apart what cannot be read (74) from what was changed, and say what to do about it."""
    try:
        yield
    except LedgerError as error:
        raise CommandError(str(error), UNREADABLE, INPUT_OUTPUT) from error
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, UNREADABLE)
        raise CommandError(f"the ledger cannot be read ({told(error)})", remedy, INPUT_OUTPUT) from error


def _newest(named: Whose) -> "Checkpoint":
    if named.shared is not None:
        from gateway.store.postgres.offline import newest_checkpoint as newest_shared

        return newest_shared(named.shared.access, named.shared.password, origin=named.origin, public=named.public)
    from gateway.store.offline import newest_checkpoint

    return newest_checkpoint(named.path, origin=named.origin, public=named.public)


def _proved(named: Whose, index: int, newest: bool) -> bytes:
    """Return the receipt of an entry, once it holds: nobody is handed a proof that proves nothing."""
    from gateway.crypto.receipt import verify_receipt

    if named.shared is not None:
        from gateway.store.postgres.offline import prove as prove_shared

        access, password = named.shared.access, named.shared.password
        receipt = prove_shared(access, password, index, origin=named.origin, public=named.public, newest=newest)
    else:
        from gateway.store.offline import prove as prove_entry

        receipt = prove_entry(named.path, index, origin=named.origin, public=named.public, newest=newest)
    try:
        verify_receipt(receipt, object_sha256=None, gateways={named.origin: named.public}, network=named.network)
    except TrustError as error:
        raise VerificationError(f"leaf {index}: {error}") from error
    return receipt


def _verified(named: Whose, scratch: Path | None) -> "Report":
    network, origin, public = named.network, named.origin, named.public
    if named.shared is not None:
        from gateway.store.postgres.verify import verify_shared

        access, password = named.shared.access, named.shared.password
        return verify_shared(access, password, network=network, origin=origin, public=public, scratch=scratch)
    from gateway.store.verify import verify_ledger

    return verify_ledger(named.path, network=network, origin=origin, public=public, scratch=scratch)


def _acts(named: Whose, confidential: bool) -> "Iterator[Line]":
    with _reading():
        if named.shared is not None:
            from gateway.store.postgres.offline import export_register

            yield from export_register(named.shared.access, named.shared.password, confidential)
        else:
            from gateway.store.register import export

            yield from export(named.path, confidential)


def _by_config(config: Path, data_dir: Path | None) -> Whose:
    from gateway.app.fitness import read_checkpoint_key

    settings = _settings(config)
    path = data_dir or Path(settings.gateway.data_folder)
    public = read_checkpoint_key(settings).public
    shared = _shared(settings) if data_dir is None else None
    return Whose(path, settings.gateway.network, settings.gateway.origin, public, shared)


def _settings(config: Path) -> "GatewaySettings":
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    return load(config, GatewaySettings, os.environ).values


def _shared(settings: "GatewaySettings") -> Shared | None:
    from gateway.app.storing import read_password, require_client

    if settings.store.engine == "sqlite":
        return None
    require_client()
    return Shared(settings.store.postgres, read_password(settings))


def _by_edition(edition: Path, data_dir: Path | None, origin: str | None, shared: Shared | None) -> Whose:
    from gateway.app.directory import self_consistent
    from gateway.crypto.digests import decode_base64url

    if data_dir is None and shared is None:
        raise click.UsageError("--directory needs --data-dir, or --config of a gateway on PostgreSQL")
    directory = self_consistent(edition, None)
    names = list(directory.gateways)
    chosen = origin or (names[0] if len(names) == 1 else None)
    if chosen not in directory.gateways:
        raise click.UsageError(f"give --origin, one of: {', '.join(names)}")
    public = decode_base64url(directory.gateways[chosen].checkpoint_public)
    return Whose(data_dir or Path(), directory.edition.network, chosen, public, shared)
