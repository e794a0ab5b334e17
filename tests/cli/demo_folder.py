"""A federation as `accord init --demo` makes it: made once a run, copied for each test; and how to call `accord`."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from click.testing import CliRunner, Result

from gateway.cli.demo_files import free_ports
from gateway.cli.main import accord
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load


def call(*words: object, typed: str = "", environment: Mapping[str, str] = MappingProxyType({})) -> Result:
    """Run `accord` with these words; files are real, only the process is spared."""
    return CliRunner().invoke(accord, [str(word) for word in words], input=typed, env=environment)


def said(result: Result) -> str:
    """Return all that the operator saw; a traceback fails the test."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the federation that tests copy."""
    folder = tmp_path_factory.mktemp("federation") / "demo"
    result = call("init", "--demo", folder)
    assert result.exit_code == 0, said(result)
    return folder


def copied(made: Path, to: Path) -> Path:
    """Copy a federation and give the copy free ports of its own: two of them may run at once."""
    folder = shutil.copytree(made, to)
    settings = load(folder / "gateway" / "gateway.toml", GatewaySettings).values
    fresh = dict(zip((settings.listen.port, settings.inspection.port), free_ports(2), strict=True))
    for path in (folder / "gateway" / "gateway.toml", *folder.glob("endpoints/*/endpoint.toml")):
        text = path.read_text()
        for before, after in fresh.items():
            text = text.replace(f"port = {before}\n", f"port = {after}\n").replace(f':{before}"', f':{after}"')
        path.write_text(text)
    return folder


@pytest.fixture
def federation(made_once: Path, tmp_path: Path) -> Path:
    """Return a federation of one's own to break."""
    return copied(made_once, tmp_path / "demo")


class Desk:
    """The folder in which the directory of a federation is kept, and the commands one runs there."""

    def __init__(self, federation: Path) -> None:
        """Work in `federation`."""
        self.federation = federation
        self.folder = federation / "directory"
        self.source = self.folder / "directory.toml"
        self.config = federation / "gateway" / "gateway.toml"

    def edition(self, number: int) -> Path:
        """Return the file of an edition."""
        return self.folder / "editions" / f"{number:06}.accord"

    def key(self, number: int) -> Path:
        """Return the file of a directory key."""
        return self.folder / "keys" / f"directory-{number}.pem"

    def build(self, *keys: int) -> Result:
        """Build the next edition, signed with keys 1 and 2 unless others are given."""
        signers = [word for number in keys or (1, 2) for word in ("--key", self.key(number))]
        return call("directory", "build", "--source", self.source, *signers)

    def append(self, text: str) -> None:
        """Write more into directory.toml."""
        with self.source.open("a") as file:
            file.write(text)


@pytest.fixture
def desk(federation: Path) -> Desk:
    """Return the desk of a federation of one's own."""
    return Desk(federation)
