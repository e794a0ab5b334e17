"""The central node as operators run it: real processes, the real gateway and its law, the command line."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.app.central import read_lookup_key
from gateway.cli.main import accord
from gateway.domain.errors import ConfigurationError

START_S = 20.0
CARICC = "--agreement caricc-2012 --purpose suppression --form affected.kz --form attest.neutrality --form ordinary-law"
LIST = """number,type,status,issuing_state,conditions
CZ 100-001,passport,STOLEN,,no-arrest
CZ100002,passport,LOST,CZ,
CZ100003,passport,LOST,KZ,
"""


def call(*words: str | Path) -> Result:
    """Run one command in this process."""
    return CliRunner().invoke(accord, [str(word) for word in words], catch_exceptions=False)


@contextmanager
def running(log: Path, sign: str, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of its own until the block ends; it has begun once its log shows `sign`."""
    with log.open("wb") as out:
        command = [str(Path(sys.executable).with_name("accord")), *map(str, words)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        end_s = time.monotonic() + START_S
        while sign not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end_s, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(10)


class Deployment:
    """The files of `accord init --demo`, and what is asked of it."""

    def __init__(self, root: Path) -> None:
        """Make them."""
        self.root = root
        assert call("init", "--demo", root).exit_code == 0

    def central(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run the central node."""
        return running(self.root / "central.log", '"connected"', "central", "run", "--config", self.config)

    @property
    def config(self) -> Path:
        """The central node's settings."""
        return self.root / "central" / "central.toml"

    def endpoint(self, name: str) -> Path:
        """The settings of an authority's endpoint."""
        return self.root / "endpoints" / name / "endpoint.toml"

    def query(self, number: str, *more: str) -> Result:
        """Let CARICC search."""
        words = [*CARICC.split(), "--subject", "narcotic-drugs", "--number", number, *more]
        return call("query", "--config", self.endpoint("caricc"), *words)

    def feed(self, path: Path, *more: str) -> Result:
        """Let the Czech police send a list."""
        words = ["--agreement", "interpol-membership", "--purpose", "border-control", *more]
        return call("central", "feed", path, "--config", self.endpoint("cz-police"), *words)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A federation whose gateway runs."""
    made = Deployment(tmp_path_factory.mktemp("federation") / "demo")
    gateway = made.root / "gateway" / "gateway.toml"
    with running(made.root / "gateway.log", '"listening"', "gateway", "run", "--config", gateway):
        yield made


def test_central_node_serves_through_the_gateway_and_survives_sigkill(deployment: Deployment) -> None:
    """Feed, hit, miss and notices pass the real law; what came while the node was dead is answered after, once."""
    listed, more = deployment.root / "list.csv", deployment.root / "more.csv"
    listed.write_text(LIST)
    more.write_text("number,type,status\nCZ700001,visa,REVOKED\n")
    with deployment.central() as process:
        fed = deployment.feed(listed)
        hit = json.loads(deployment.query("cz100001").stdout)
        miss = json.loads(deployment.query("CZ999999").stdout)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    late = deployment.query("CZ100002", "--wait", "0.2")
    begun = deployment.feed(more, "--wait", "0.5")
    noted = more.with_name("more.csv.feed").exists()
    with deployment.central():
        resumed, again = deployment.feed(more), deployment.feed(more)
        counted = call("central", "records", "--config", deployment.config, "--json")
    told = call("inbox", "--config", deployment.endpoint("cz-police"), "--json", "--wait", "1")
    caught_up = call("inbox", "--config", deployment.endpoint("caricc"), "--json", "--wait", "1", "--all")

    assert fed.exit_code == 65, fed.output
    assert "stored: 2" in fed.output
    assert "line 4: refused, not-the-issuing-state" in fed.output
    assert (hit["outcome"], hit["hits"][0]["owner"], hit["hits"][0]["status"]) == ("hit", "cz-police", "STOLEN")
    assert "no-arrest" in hit["hits"][0]["conditions"]
    assert (miss["outcome"], miss["hits"]) == ("no-hit", [])
    assert (late.exit_code, begun.exit_code, noted) == (75, 75, True)
    assert "stored: 1" in resumed.output
    assert "unchanged: 1" in again.output
    assert not more.with_name("more.csv.feed").exists()
    assert [tally["records"] for tally in json.loads(counted.stdout)] == [1, 1, 1]
    assert [line["kind"] for line in json.loads(told.stdout)["messages"]].count("notice") == 2
    assert [line["kind"] for line in json.loads(caught_up.stdout)["messages"]].count("answer") == 3


def test_feed_outside_the_law_is_refused_with_its_reason(deployment: Deployment) -> None:
    """The gateway judges an owner's list like any message."""
    listed = deployment.root / "outside.csv"
    listed.write_text("number,type,status\nCZ700001,visa,REVOKED\n")
    words = ["--agreement", "cz-kz", "--purpose", "border-control", "--wait", "10"]
    refused = call("central", "feed", listed, "--config", deployment.endpoint("cz-police"), *words)

    assert refused.exit_code == 77
    assert "pair-not-covered" in refused.output


def test_lookup_key_is_made_once_and_never_again(tmp_path: Path) -> None:
    """A node without records gets a key; one with records does not start with another."""
    path, records = tmp_path / "keys" / "lookup.key", tmp_path / "data"
    made = read_lookup_key(path, records).check_value()

    assert path.stat().st_mode & 0o777 == 0o600
    assert read_lookup_key(path, records).check_value() == made
    records.mkdir()
    (records / "records.sqlite").touch()
    path.unlink()
    with pytest.raises(ConfigurationError, match=r"lookup key `.*` does not exist"):
        read_lookup_key(path, records)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_lookup_key_of_another_size_stops_the_start(tmp_path: Path, size: int) -> None:
    """A truncated file is no key."""
    path = tmp_path / "lookup.key"
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))

    with pytest.raises(ConfigurationError):
        read_lookup_key(path, tmp_path)
