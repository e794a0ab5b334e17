"""`accord check`: would this start or connect, and why not; every failure with file, key and remedy."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from gateway.cli.failures import CONFIGURATION, DATA_INVALID, REFUSED, UNAVAILABLE

if TYPE_CHECKING:
    from gateway.app.checking import Found

EXIT_CODES = {
    "ok": 0,
    "warning": 0,
    "configuration": CONFIGURATION,
    "untrusted": DATA_INVALID,
    "refused": REFUSED,
    "unavailable": UNAVAILABLE,
}
_COLOURS = {"ok": "green", "warning": "yellow"}


@click.command()
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/accord/gateway/gateway.toml"),
    show_default=True,
    help="gateway.toml, endpoint.toml or central.toml.",
)
@click.option("--connect", "url", help="Ask the gateway at this address (https://host:port) what it makes of us.")
@click.option("--broker", metavar="URL", help="Ask an MQTT broker (mqtts://host:port) what it grants and breaks.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
def check(config: Path, url: str | None, broker: str | None, as_json: bool) -> None:
    """Look at every precondition of a start, or of a connection; nothing is changed.

    With --broker it connects there with the certificate of these settings, so nothing else may be using it.

    Exit codes: 0 it would, 65 trust, 69 something is not available, 77 the gateway refuses us, 78 configuration.
    """
    from gateway.app.checking import worst

    found = []
    for entry in _findings(config, url, broker):
        found.append(entry)
        if not as_json:
            _say(entry)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    raise SystemExit(EXIT_CODES[worst(found)])


def _findings(config: Path, url: str | None, broker: str | None) -> Iterator["Found"]:
    from gateway.app.checking import check_central, check_endpoint, check_gateway
    from gateway.app.clock import wall_ms
    from gateway.app.probing import probe
    from gateway.settings.central import CentralSettings
    from gateway.settings.endpoint import EndpointSettings
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    keys = _first_keys(config)
    if broker is not None:
        yield from _broker(config, broker, "authority" in keys)
    elif url is not None:
        yield from probe(load(config, EndpointSettings, os.environ).values, url, wall_ms())
    elif "endpoint_file" in keys:
        central = load(config, CentralSettings, os.environ).values
        yield from check_central(central, load(Path(central.endpoint_file), EndpointSettings, {}).values, wall_ms())
    elif "authority" in keys:
        yield from check_endpoint(load(config, EndpointSettings, os.environ).values, wall_ms())
    else:
        yield from check_gateway(load(config, GatewaySettings, os.environ).values, wall_ms())


def _broker(config: Path, url: str, endpoint: bool) -> Iterator["Found"]:
    import asyncio

    from gateway.app.broker import endpoint_side, gateway_side
    from gateway.app.broker_probing import probe_broker
    from gateway.settings.endpoint import EndpointSettings
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    if endpoint:
        side = endpoint_side(load(config, EndpointSettings, os.environ).values, url)
    else:
        side = gateway_side(load(config, GatewaySettings, os.environ).values, url)
    yield from asyncio.run(probe_broker(side))


def _first_keys(config: Path) -> frozenset[str]:
    """Tell whose file it is by its first keys; what is no TOML is explained by whoever loads it."""
    try:
        return frozenset(tomllib.loads(config.read_text()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return frozenset()


def _say(entry: "Found") -> None:
    word = entry.outcome if entry.outcome in _COLOURS else "FAILED"
    plain = "NO_COLOR" in os.environ
    styled = word.ljust(8) if plain else click.style(word.ljust(8), fg=_COLOURS.get(entry.outcome, "red"))
    click.echo(f"{styled} {entry.check:<16} {entry.detail}")
    if entry.remedy and entry.outcome != "ok":
        click.echo(f"{'':8} {'':16} remedy: {entry.remedy}")
