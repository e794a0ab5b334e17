"""`endpoint.toml`: what an operator writes is taken as it is, or refused with the key and the remedy."""

from pathlib import Path

import pytest

from gateway.app.endpoint import make_endpoint, read_identity
from gateway.domain.errors import ConfigurationError
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.source import load
from tests.endpoint.world import CZ, KZ, World, write_config


@pytest.fixture
def config(still: World, tmp_path: Path) -> Path:
    """The settings of CZ's endpoint."""
    still.gateway.port = 8443
    return write_config(still, CZ, tmp_path / "home")


def read(config: Path) -> EndpointSettings:
    """Return the settings in a file."""
    return load(config, EndpointSettings).values


def test_settings_are_read_and_paths_count_from_their_file(config: Path, still: World) -> None:
    """Relative paths are relative to the settings; every key ends up with its role."""
    settings = read(config)
    identity = read_identity(settings)

    assert settings.data_folder == str(config.parent / "data")
    assert settings.central == KZ
    assert settings.gateways[0].url == "https://localhost:8443"
    assert identity.ring == still.identity(CZ).ring
    assert identity.trusted == still.federation.key_set
    assert make_endpoint(settings).authority == CZ


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('network = "', 'netwrok = "', "did you mean `network`"),
        ('url = "https://', 'url = "http://', "gateways"),
        ("reconnect_s_min = 0.05", "reconnect_s_min = 0", "limits.reconnect_s_min"),
        ('role = "message"', 'role = "messages"', "keys"),
        ("[trust]", "[[trust]]", "trust"),
    ],
)
def test_wrong_setting_is_refused_by_name(config: Path, old: str, new: str, told: str) -> None:
    """A misspelt key or a value out of its bounds never runs with a default in its place."""
    config.write_text(config.read_text().replace(old, new))

    with pytest.raises(ConfigurationError, match=told):
        read(config)


def test_missing_role_is_told(config: Path) -> None:
    """Without a wrap key nobody could send us anything: that is no endpoint."""
    config.write_text(config.read_text().replace('role = "wrap"', 'role = "seal"').replace("wrap.pem", "seal.pem"))

    with pytest.raises(ConfigurationError, match="no key of role `wrap`"):
        read_identity(read(config))


def test_key_of_another_kind_is_told(config: Path) -> None:
    """A wrap key cannot sign, and a signing key cannot unwrap."""
    config.write_text(config.read_text().replace('key_file = "keys/message.pem"', 'key_file = "keys/wrap.pem"'))

    with pytest.raises(ConfigurationError, match="role `message`"):
        read_identity(read(config))
