"""The instructions are true: commands and files exist, and the settings beside the units fit the programs."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import msgspec
import pytest

from gateway.cli.main import accord
from gateway.settings.central import CentralSettings
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.deploy.test_units import DEPLOY, UNITS, settings

README = (DEPLOY / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
ACCORD = Path(sys.executable).with_name("accord")


def commands() -> list[str]:
    """Return every call of `accord` in the instructions, in blocks and in running text."""
    in_text = re.findall(r"`(accord [a-z][^`]*)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    in_blocks = [line.removeprefix("/opt/accord/bin/") for line in LINES if line.startswith("/opt/accord/bin/accord")]
    return in_text + in_blocks


@pytest.mark.parametrize("line", commands())
def test_command_of_the_instructions_exists(line: str) -> None:
    """Every command and option that an operator is told to type is there."""
    command: click.Command = accord
    context = click.Context(command)
    words = iter(shlex.split(line)[1:])
    for word in words:
        if word.startswith("--"):
            options = {option: parameter for parameter in command.params for option in parameter.opts}
            assert word in options, (line, word)
            if not getattr(options[word], "is_flag", False):
                next(words)
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            assert found is not None, (line, word)
            command = found


def test_files_of_the_instructions_exist() -> None:
    """Nothing is installed from where nothing lies."""
    named = set(re.findall(r"(?:deploy|config)/[A-Za-z0-9@._/-]*[A-Za-z0-9]", README))

    assert len(named) > 6
    assert [name for name in named if not (DEPLOY.parent / name).exists()] == []


@pytest.mark.parametrize("line", LINES)
def test_line_of_the_instructions_is_shell(line: str) -> None:
    """A line that is copied is understood."""
    done = subprocess.run(["sh", "-n", "-c", line], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a federation, as operators have them."""
    root = tmp_path_factory.mktemp("instructions") / "demo"
    subprocess.run([ACCORD, "init", "--demo", root], check=True, capture_output=True)
    return root


@pytest.mark.parametrize(
    ("folder", "name", "overlay", "unit", "type_"),
    [
        ("gateway", "gateway.toml", "gateway.toml", "accord-gateway.service", GatewaySettings),
        ("endpoints/cz-police", "endpoint.toml", "endpoint.toml", "accord-endpoint@.service", EndpointSettings),
        ("endpoints/interpol-gs", "endpoint.toml", "central-endpoint.toml", "accord-central.service", EndpointSettings),
        ("central", "central.toml", "central.toml", "accord-central.service", CentralSettings),
    ],
)
def test_settings_beside_a_unit_name_what_the_unit_gives(
    demo: Path, tmp_path: Path, folder: str, name: str, overlay: str, unit: str, type_: type[msgspec.Struct]
) -> None:
    """With `conf.d` in place every key is a credential of the unit, and data lie in its state directory."""
    shutil.copytree(demo / folder, tmp_path / "etc")
    (tmp_path / "etc" / "conf.d").mkdir()
    shutil.copy(DEPLOY / "conf.d" / overlay, tmp_path / "etc" / "conf.d" / "systemd.toml")
    credentials = _credentials(unit, tmp_path, demo / "endpoints" / "cz-police" / "keys")
    loaded = load(tmp_path / "etc" / name, type_, {"CREDENTIALS_DIRECTORY": str(credentials)}).values

    files = re.findall(r'"(?:lookup_)?key_file":"([^"]+)"', msgspec.json.encode(loaded).decode())
    assert files
    assert {str(Path(file).parent) for file in files} == {str(credentials)}
    assert all(Path(file).exists() for file in files)
    state = dict(settings(DEPLOY / unit))["StateDirectory"].replace("%i", "AUTHORITY")
    assert f'"data_folder":"/var/lib/{state}' in msgspec.json.encode(loaded).decode()


def _credentials(unit: str, folder: Path, keys: Path) -> Path:
    """Do what LoadCredential= does: a file becomes one credential, a folder one for each file."""
    made = folder / "credentials"
    made.mkdir()
    for key, value in settings(DEPLOY / unit):
        if key == "LoadCredential" and value.startswith("keys:"):
            for file in keys.iterdir():
                (made / f"keys_{file.name}").touch()
        elif key == "LoadCredential":
            (made / value.partition(":")[0]).touch()
    return made


def test_every_unit_has_a_table_row() -> None:
    """An operator finds each service, its command and its place in the table."""
    for unit in UNITS:
        said = dict(settings(unit))
        run = " ".join(said["ExecStart"].split()[:3]).removeprefix("/opt/accord/bin/")
        assert f"`{unit.name.replace('@', '@AUTHORITY')}` | `{run}` | `/var/lib/" in README


def test_overlays_are_small() -> None:
    """They change places and nothing else: what decides stays in one file."""
    for overlay in (DEPLOY / "conf.d").glob("*.toml"):
        keys = set(re.findall(r"^([a-z_]+) =", overlay.read_text(), re.MULTILINE))
        assert tomllib.loads(overlay.read_text())
        assert keys <= {"data_folder", "key_file", "lookup_key_file", "role"}
