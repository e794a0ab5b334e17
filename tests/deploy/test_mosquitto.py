"""The shipped Mosquitto configuration says what the link rests on; what it does under attack is in tests/links."""

import re
from pathlib import Path

import pytest

from gateway.wire.broker_frames import PACKET_BYTES_MAX
from gateway.wire.broker_limits import BrokerLimits

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto"
SETTINGS = dict(
    line.split(" ", 1)
    for line in (FOLDER / "accord.conf").read_text().splitlines()
    if line and not line.startswith("#")
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tls_version", "tlsv1.3"),
        ("require_certificate", "true"),
        ("use_identity_as_username", "true"),
        ("use_username_as_clientid", "true"),
        ("allow_anonymous", "false"),
        ("allow_zero_length_clientid", "false"),
        ("retain_available", "false"),
        ("persistence", "false"),
        ("max_qos", "1"),
        ("sys_interval", "0"),
        ("set_tcp_nodelay", "true"),
        ("per_listener_settings", "false"),
    ],
)
def test_setting_stands_as_the_link_needs_it(name: str, value: str) -> None:
    """Each of these, the other way round, opens a hole or breaks a promise (threats B4 to B10)."""
    assert SETTINGS[name] == value


def test_bounds_let_the_largest_frame_through_and_no_more_than_that() -> None:
    """A frame fits into a packet, our windows into the broker's, and its memory is bounded."""
    limits = BrokerLimits()

    assert PACKET_BYTES_MAX <= int(SETTINGS["max_packet_size"]) < PACKET_BYTES_MAX * 1.1
    assert int(SETTINGS["max_inflight_messages"]) >= max(limits.publishes_max, limits.receive_max)
    assert int(SETTINGS["max_queued_bytes"]) < int(SETTINGS["memory_limit"])
    assert limits.keepalive_s <= int(SETTINGS["max_keepalive"])


def test_one_listener_with_files_in_one_folder() -> None:
    """Nothing listens without TLS, and every file is where the instructions put it."""
    text = (FOLDER / "accord.conf").read_text()
    files = {name for name in SETTINGS if name.endswith("file")}

    assert re.findall(r"^listener (.*)$", text, re.MULTILINE) == ["8883"]
    assert files == {"cafile", "certfile", "keyfile", "acl_file"}
    assert {str(Path(SETTINGS[name]).parent) for name in files} == {"/etc/mosquitto/accord"}


def test_rules_give_nobody_a_wildcard_but_gateways() -> None:
    """An endpoint's rules contain its own name and no wildcard; a gateway writes nothing that endpoints write."""
    rules = [line for line in (FOLDER / "acl").read_text().splitlines() if line and not line.startswith("#")]
    patterns = [line for line in rules if line.startswith("pattern")]

    assert len(patterns) == 4
    assert all("%u" in line and "+" not in line and "#" not in line for line in patterns)
    assert not any("readwrite" in line or "#" in line for line in rules)
    assert [line for line in rules if line.startswith("user")] == ["user gateway-1"]
