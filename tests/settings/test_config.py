"""The files in config/ are the ones that `accord init` would write, and they load."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway.domain.errors import ConfigurationError
from gateway.settings.directory import DirectorySource
from gateway.settings.directory_template import directory_toml
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from gateway.settings.templates import endpoint_toml, gateway_toml

CONFIG = Path(__file__).resolve().parent.parent.parent / "config"
# A digest and a key that nobody holds: whoever forgets to replace them is refused.
NOBODY = "A" * 43


def example_gateway() -> str:
    """Return what config/gateway.toml must be."""
    return gateway_toml(
        config="/etc/accord/gateway/gateway.toml",
        network="my-federation",
        origin="gateway.example.org",
        data_folder="/var/lib/accord-gateway",
        host="0.0.0.0",  # noqa: S104 - nobody listens: a text is compared.
        port=8443,
        inspection_port=9464,
        tls="tls",
        checkpoint_key="keys/checkpoint.pem",
        directory="directory",
        agreements="agreements",
        grants_key=None,
    )


def example_directory() -> str:
    """Return what config/directory.toml must be."""
    return directory_toml(
        network="my-federation",
        origin="gateway.example.org",
        checkpoint_public=NOBODY,
        spki_sha256=NOBODY,
        at_ms=1_767_225_600_000,
        keys=(NOBODY, "B" * 42 + "A"),
        agreements="agreements",
    )


EXAMPLES = {"gateway.toml": example_gateway, "directory.toml": example_directory}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_what_init_writes(name: str) -> None:
    """An operator who reads config/ reads exactly what `accord init` makes, newest bounds included."""
    assert (CONFIG / name).read_text() == EXAMPLES[name](), "run: python -m tests.settings.test_config"


def test_gateway_example_loads_with_every_default() -> None:
    """The annotated example is complete, and the numbers it shows are the defaults."""
    path = CONFIG / "gateway.toml"
    shown = load(path, GatewaySettings).values
    bounds = "[limits]" + path.read_text().partition("[limits]")[2]
    bare = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", bounds))

    assert shown.limits == msgspec.convert(bare["limits"], type(shown.limits))
    assert shown.switch == msgspec.convert(bare["switch"], type(shown.switch))
    assert shown.store == msgspec.convert(bare["store"], type(shown.store))


def test_directory_example_loads() -> None:
    """The annotated directory source is complete and well-formed."""
    source = load(CONFIG / "directory.toml", DirectorySource).values

    assert [entry.id for entry in source.authorities] == ["cz-police", "kz-mvd"]


def test_endpoint_template_loads(tmp_path: Path) -> None:
    """What `init` writes for an endpoint is what the endpoint reads."""
    gateway = f'url = "https://127.0.0.1:1"\norigin = "gateway.example.org"\nspki_sha256 = "{NOBODY}"'
    text = endpoint_toml(
        authority="cz-police",
        network="my-federation",
        gateway=gateway,
        roles=("message", "acknowledgement", "wrap"),
        central="interpol-gs",
    )
    path = tmp_path / "endpoint.toml"
    path.write_text(text)
    found = load(path, EndpointSettings).values

    assert (found.authority, found.central) == ("cz-police", "interpol-gs")
    assert found.keys[0].key_file == str(tmp_path / "keys" / "message.pem")


def test_example_without_its_secrets_does_not_start(tmp_path: Path) -> None:
    """A key that is missing in the file is named, with the file and what to do."""
    text = "".join(line + "\n" for line in example_gateway().splitlines() if not line.startswith("origin"))
    path = tmp_path / "gateway.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"key `gateway\.origin` is missing") as caught:
        load(path, GatewaySettings)

    assert str(path) in caught.value.what


if __name__ == "__main__":
    for name, text in EXAMPLES.items():
        (CONFIG / name).write_text(text())
