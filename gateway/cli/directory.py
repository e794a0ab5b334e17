"""`accord directory`: from `directory.toml` to a signed edition, step by step, each step checkable by others."""

from pathlib import Path

import click
import msgspec

from gateway.app.clock import wall_ms
from gateway.app.directory import Desk, verify_file
from gateway.app.editions import file_name, read_edition, read_unverified
from gateway.cli.directory_changes import add, grants, install, read_directory_keys, revoke, rotate, settle
from gateway.cli.edition_text import changes, summary
from gateway.cli.failures import DATA_INVALID, CommandError
from gateway.cli.files import PUBLIC, make_folder, write, write_new
from gateway.cli.moments import Moment, spelled
from gateway.crypto.trust import add_signatures, sign_edition

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def directory() -> None:
    """Build, sign, verify and compare editions of the directory."""


for _command in (add, grants, install, revoke, rotate):
    directory.add_command(_command)


@directory.command()
@click.option("--source", type=FILE, default=Path("directory.toml"), show_default=True, help="The directory's source.")
@click.option("--key", "keys", type=FILE, multiple=True, help="A private directory key (PEM); may be repeated.")
def build(source: Path, keys: tuple[Path, ...]) -> None:
    """Make the next edition of SOURCE and sign it with the keys at hand.

    Where more keepers must sign, they run `accord directory sign` on the file.
    """
    desk = Desk(source)
    at_ms = wall_ms()
    edition = desk.compile(at_ms)
    if desk.key_set_changed(edition):
        raise CommandError(
            "the key set of the source is not the one of the newest edition",
            "change it with `accord directory rotate`, which asks the old and the new keys",
            DATA_INVALID,
        )
    raw = sign_edition(edition, read_directory_keys(keys))
    settle(write_new(make_folder(desk.editions) / file_name(edition.number), raw, PUBLIC), desk)


@directory.command()
@click.argument("path", type=FILE)
@click.option("--key", "keys", type=FILE, multiple=True, required=True, help="A private directory key (PEM).")
@click.option("--source", type=FILE, default=None, help="Where directory.toml lies, if not above the editions.")
def sign(path: Path, keys: tuple[Path, ...], source: Path | None) -> None:
    """Add signatures to the edition in PATH; read it first with `show` and `diff`."""
    raw = add_signatures(read_edition(path), read_directory_keys(keys))
    settle(write(path, raw, PUBLIC), Desk(source or path.resolve().parent.parent / "directory.toml"))


@directory.command()
@click.argument("path", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="The whole edition as JSON.")
def show(path: Path, as_json: bool) -> None:
    """Show what the edition in PATH says; nothing is verified."""
    found = read_unverified(read_edition(path))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found.edition), indent=2).decode())
        return
    for line in summary(found):
        click.echo(line)


@directory.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
def diff(old: Path, new: Path) -> None:
    """Show what NEW says differently from OLD, one change a line; exit 0 without changes, 1 with."""
    before, after = (read_unverified(read_edition(path)).edition for path in (old, new))
    found = list(changes(before, after))
    for line in found:
        click.echo(line)
    raise SystemExit(1 if found else 0)


@directory.command()
@click.argument("path", type=FILE)
@click.option("--key-set", type=FILE, help="The pinned key set [default: key-set.json of the desk].")
@click.option("--previous", type=FILE, help="The edition in use: an older or forked one is refused.")
@click.option("--grants-key", help="The central node's public grants key (base64url).")
@click.option("--network", help="The network it must be of [default: the one the edition names].")
@click.option("--at", "at_ms", type=Moment(), help="Judge at this time [default: now].")
def verify(
    path: Path,
    key_set: Path | None,
    previous: Path | None,
    grants_key: str | None,
    network: str | None,
    at_ms: int | None,
) -> None:
    """Verify the edition in PATH as a gateway would; exit 65 if it deserves no trust."""
    if key_set is None and previous is None:
        key_set = path.resolve().parent.parent / "key-set.json"
    found = verify_file(
        path,
        key_set=key_set,
        previous=previous,
        grants_key=grants_key,
        network=network or read_unverified(read_edition(path)).edition.network,
        at_ms=wall_ms() if at_ms is None else at_ms,
    )
    click.echo(
        f"edition {found.edition.number} of {found.edition.network}: verified, good until "
        f"{spelled(found.edition.not_after_ms)}, digest {found.sha256}"
    )
