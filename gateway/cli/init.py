"""`accord init`: the files of a gateway to fill in, or with `--demo` a whole federation that runs at once."""

from pathlib import Path

import click

import gateway
from gateway.cli.failures import INPUT_MISSING, CommandError

# In an installation the law lies inside the package, in a checkout beside it.
_PACKAGE = Path(gateway.__file__).resolve().parent
_PLACES = (_PACKAGE / "agreements", _PACKAGE.parent / "config" / "agreements")
AGREEMENTS = next((place for place in _PLACES if place.is_dir()), _PLACES[-1])


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="A complete federation on loopback: five authorities and a central node.")
@click.option("--network", default="my-federation", show_default=True, help="The name of the federation.")
@click.option("--host", default="gateway.example.org", show_default=True, help="What authorities connect to.")
@click.option("--authority", help="Make the endpoint of this authority, with its keys and its key request.")
@click.option("--agreements", type=click.Path(path_type=Path), default=AGREEMENTS, help="The folder of agreements.")
def init(folder: Path, demo: bool, network: str, host: str, authority: str | None, agreements: Path) -> None:
    """Make the files of a gateway and its directory in FOLDER, which must be new or empty.

    With --authority the files of an endpoint; with --demo a whole federation.
    """
    from gateway.cli.deployment_files import write_deployment, write_endpoint

    if authority is not None:
        for line in write_endpoint(folder, authority, network, host):
            click.echo(line)
        return
    if not agreements.is_dir():
        raise CommandError(f"there is no folder of agreements at `{agreements}`", "give --agreements", INPUT_MISSING)
    if demo:
        _demo(folder, agreements)
        return
    for line in write_deployment(folder, agreements, network, host):
        click.echo(line)


def _demo(folder: Path, agreements: Path) -> None:
    from gateway.app.clock import wall_ms
    from gateway.cli.demo_files import DemoFiles

    files = DemoFiles(folder, agreements, wall_ms())
    files.write()
    click.echo(f"{folder}: a federation of {len(list((folder / 'endpoints').iterdir()))} authorities on loopback")
    click.echo(f"  gateway    accord gateway run --config {folder}/gateway/gateway.toml")
    click.echo(f"  directory  accord directory show {folder}/gateway/directory/edition.accord")
    click.echo(f"  check      accord check --config {folder}/gateway/gateway.toml")
    click.echo(f"  endpoint   accord endpoint run --config {folder}/endpoints/cz-police/endpoint.toml")
