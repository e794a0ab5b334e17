"""`accord check --broker`: what a broker grants and breaks, in a table, with an exit code that says who must act."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.app.broker_probing import Side, probe_broker
from gateway.app.checking import Found
from gateway.cli.failures import CONFIGURATION, UNAVAILABLE
from tests.endpoint.world import CZ, World, write_config
from tests.federation import ORIGIN
from tests.links.broker import GATEWAY, Broker
from tests.links.mqtt_house import MqttHouse, name_at_broker

ME = "a" * 32


def outcomes(found: list[Found]) -> dict[str, str]:
    """Return check and outcome of everything that is not ok."""
    return {entry.check: entry.outcome for entry in found if entry.outcome != "ok"}


def check(config: Path, url: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    words = [sys.executable, "-m", "gateway", "check", "--config", str(config), "--broker", url, *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[tuple[Path, Broker]]:
    """The settings of an endpoint whose gateway is behind a broker, which does not run yet."""
    broker = Broker(tmp_path)
    path = write_config(World(tmp_path), CZ)
    files = broker.identity(name_at_broker(CZ))
    with path.open("a") as file:
        file.write(f'[[gateways]]\nurl = "{broker.url}"\norigin = "{ORIGIN}"\nspki_sha256 = "{broker.spki_sha256}"\n')
        file.write(f'[broker]\ncertificate_file = "{files.certificate}"\nkey_file = "{files.key}"\n')
        file.write(f'authority_file = "{files.authority}"\n')
    yield path, broker
    broker.kill()


async def test_shipped_configuration_passes_with_a_gateway_behind_it(tmp_path: Path) -> None:
    """All that the link rests on is tried against Mosquitto as `deploy/` has it; Debian's overrun is a warning."""
    made = MqttHouse(tmp_path)
    name = name_at_broker(made.senders[0].name)
    with made.running() as gateway:
        found = await probe_broker(Side(made.broker.address(name), name, ORIGIN))
        assert gateway.metric("accord_messages_received_total") <= 0

    assert set(outcomes(found)) <= {"receive maximum"}
    assert [entry.check for entry in found][:6] == [
        "broker",
        "certificate",
        "grants",
        "retain",
        "session",
        "own topics",
    ]
    assert outcomes(found).get("receive maximum", "warning") == "warning"


async def test_gateway_probes_its_own_side(tmp_path: Path) -> None:
    """Shared subscriptions, what it may write, and what it may not."""
    broker = Broker(tmp_path)
    broker.start()
    try:
        found = await probe_broker(Side(broker.address(GATEWAY), None, ORIGIN))
    finally:
        broker.kill()

    assert outcomes(found) == {}


async def test_every_hole_of_an_open_broker_is_named(tmp_path: Path) -> None:
    """Strangers, writing, reading, client ids, retained messages, packets: each in a line with its remedy."""
    changes = {
        "require_certificate": "false",
        "allow_anonymous": "true",
        "use_identity_as_username": "false",
        "use_username_as_clientid": "false",
        "acl_file": "",
        "retain_available": "true",
        "max_packet_size": "65536",
        "sys_interval": "1",
    }
    broker = Broker(tmp_path, changes=changes)
    broker.start()
    try:
        found = await probe_broker(Side(broker.address(ME), ME, ORIGIN))
    finally:
        broker.kill()

    wrong = outcomes(found)
    for name in ("certificate", "grants", "writing", "reading", "client id"):
        assert wrong[name] == "configuration", name
    assert wrong["retain"] == wrong["own topics"] == wrong["redelivery"] == "warning"
    assert all(entry.remedy for entry in found if entry.outcome != "ok")


async def test_certificate_of_another_name_is_told_which_name_it_must_bear(tmp_path: Path) -> None:
    """The commonest mistake of an operator: a certificate whose name is not the topic id."""
    broker = Broker(tmp_path)
    broker.start()
    try:
        found = await probe_broker(Side(broker.address("cz-police"), ME, ORIGIN))
    finally:
        broker.kill()

    (own,) = [entry for entry in found if entry.check == "own topics"]
    assert own.outcome == "configuration"
    assert ME in own.remedy


def test_exit_code_says_unreachable_or_misconfigured(config: tuple[Path, Broker]) -> None:
    """69: start it. 78: mend it. 0 with a table, or with JSON for machines."""
    path, broker = config
    away = check(path, broker.url)
    assert away.returncode == UNAVAILABLE
    assert "cannot be reached" in away.stdout
    elsewhere = check(path, "mqtts://localhost:1")
    assert elsewhere.returncode == CONFIGURATION
    assert "is no broker of [[gateways]]" in elsewhere.stderr
    broker.start()
    good = check(path, broker.url, "--json")
    assert good.returncode == 0, good.stdout + good.stderr
    found = msgspec.json.decode(good.stdout, type=list[Found])
    assert {entry.check: entry.outcome for entry in found}["own topics"] == "warning"
    pinned = path.read_text().replace(broker.spki_sha256, "A" * 43)
    path.write_text(pinned)
    wrong = check(path, broker.url)
    assert wrong.returncode == CONFIGURATION
    assert "another key" in wrong.stdout
