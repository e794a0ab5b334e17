"""`accord send --via mqtts://…`: the command line goes through a broker, and says plainly when it cannot."""

import subprocess
import sys
from pathlib import Path

from gateway.cli.failures import CONFIGURATION, TRY_AGAIN, UNAVAILABLE
from tests.links.mqtt_house import MqttHouse


def accord(config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run one command of an endpoint."""
    group, *rest = words
    command = [sys.executable, "-m", "gateway", group, *rest, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def send(config: Path, to: str, via: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Send a message by one way only."""
    words = ("--to", to, "--agreement", "cz-kz", "--purpose", "detection", "--subject", "motor-vehicles")
    return accord(config, "send", *words, "--text", "Any news?", "--wait", "8", "--via", via, *options)


def test_message_is_sent_and_fetched_through_the_broker_alone(tmp_path: Path) -> None:
    """Accepted with its receipt on one side, in the inbox on the other; what it may not see stays with a remedy."""
    made = MqttHouse(tmp_path)
    (sender,), (recipient,) = made.senders, made.recipients
    one, other = made.write_config(sender), made.write_config(recipient)
    broker = made.broker.url
    with made.running():
        sent = send(one, recipient.name, broker)
        assert sent.returncode == 0, sent.stdout + sent.stderr
        inbox = accord(other, "inbox", "--via", broker)
        assert inbox.returncode == 0
        assert sender.name in inbox.stdout
        kept = send(one, recipient.name, broker, "--level", "confidential", "--wait", "3")
        assert kept.returncode == TRY_AGAIN
        assert "may not travel through a broker" in kept.stderr
        unknown = send(one, recipient.name, "mqtts://localhost:1")
        assert unknown.returncode == CONFIGURATION
        assert "is no address of [[gateways]]" in unknown.stderr
    away = send(one, recipient.name, broker, "--wait", "2")
    assert away.returncode == UNAVAILABLE
    assert "cannot be reached" in away.stderr
