"""The gateway process: what ends its start, what it takes while it runs, how it stops."""

import shutil
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from gateway.store.frozen import freeze
from tests.app.processes import Served, running
from tests.cli.demo_folder import Desk, call, said

# A revocation must bite within 5 s (issue, "What must stand" 3); the edition is half of it.
SWAP_WITHIN_S = 2.5


def start(federation: Path, **environment: str) -> tuple[int, str]:
    """Run `accord gateway run` where it cannot start; return exit code and words."""
    config = federation / "gateway" / "gateway.toml"
    result = call("gateway", "run", "--config", config, environment=environment)
    return result.exit_code, said(result)


def test_gateway_starts_serves_stops_and_goes_on(federation: Path) -> None:
    """Ready when it can verify, decide, commit and sign; SIGTERM ends it with 0; a second start goes on.

    A third one finds the signed checkpoint changed, and does not: 74.
    """
    with running(federation) as gateway:
        assert gateway.get("/checkpoint").splitlines()[1] == "1"
        assert gateway.metric("accord_edition") == 1
        assert gateway.get("/metrics").count("accord_law_info{") == 1
        assert abs(gateway.metric("accord_clock_timestamp_seconds") - time.time()) < 5
        assert gateway.end() == 0
        assert [event["event"] for event in gateway.events()][-4:] == ["stopping", "draining", "drained", "stopped"]
    (federation / "gateway" / "directory" / "edition.accord").write_bytes(b"damaged")
    with running(federation) as again:
        assert next(event["event"] for event in again.events()) == "edition-refused"
        assert again.get("/checkpoint").splitlines()[1] == "1"
        assert again.end() == 0
    with closing(sqlite3.connect(federation / "gateway" / "data" / "ledger.db", isolation_level=None)) as database:
        database.execute("UPDATE checkpoint SET note = zeroblob(40)")
    code, text = start(federation)

    assert code == 74, text
    assert "remedy" in text


def test_newer_edition_is_swapped_in_while_running(federation: Path, desk: Desk) -> None:
    """An installed edition is in force within seconds, is recorded in the ledger, and an older one never returns."""
    with running(federation) as gateway:
        desk.build()
        assert call("directory", "install", desk.edition(2), "--config", desk.config).exit_code == 0
        took_s = gateway.wait_for(lambda: gateway.metric("accord_edition") == 2)
        gateway.wait_for(lambda: gateway.get("/checkpoint").splitlines()[1] == "2")
        shutil.copy(desk.edition(1), federation / "gateway" / "directory" / "edition.accord")
        gateway.wait_for(lambda: any(event["event"] == "edition-refused" for event in gateway.events()))

        assert took_s < SWAP_WITHIN_S
        assert gateway.metric("accord_edition") == 2
        assert gateway.process.poll() is None


def test_hangup_takes_an_edition_at_once_and_names_what_waits(federation: Path, desk: Desk) -> None:
    """SIGHUP does not wait for the next look; a setting that needs a restart is named, not ignored."""
    config = desk.config.read_text().replace("poll_s = 1.0", "poll_s = 60.0")
    desk.config.write_text(config)
    with running(federation) as gateway:
        desk.build()
        call("directory", "install", desk.edition(2), "--config", desk.config)
        desk.config.write_text(config.replace("[switch]", "[switch]\nattempts_max = 7"))
        gateway.signal(signal.SIGHUP)
        gateway.wait_for(lambda: gateway.metric("accord_edition") == 2)

        assert [event["path"] for event in gateway.events() if event["event"] == "restart-needed"] == ["switch"]


def test_edition_with_other_law_is_taken_and_the_law_asked_for(federation: Path, desk: Desk) -> None:
    """A revocation in an edition counts even where its agreements are not there yet; SIGHUP takes them in (O4)."""
    agreement = federation / "agreements" / "cz-kz.toml"
    old = agreement.read_text()
    agreement.write_text(old + "\n# amended\n")
    desk.build()
    agreement.write_text(old)
    with running(federation) as gateway:
        assert call("directory", "install", desk.edition(2), "--config", desk.config).exit_code == 0
        gateway.wait_for(lambda: gateway.metric("accord_edition") == 2)
        gateway.wait_for(lambda: "law-mismatch" in gateway.output())
        agreement.write_text(old + "\n# amended\n")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for(lambda: gateway.output().count('"edition-in-force"') == 3)

        assert gateway.output().count("law-mismatch") == 1


def test_systemd_hears_of_readiness_watchdog_and_stop(federation: Path, tmp_path: Path) -> None:
    """`Type=notify` and `WatchdogSec` work without another package."""
    address = str(tmp_path / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as service_manager:
        service_manager.bind(address)
        service_manager.settimeout(10)
        with running(federation, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}) as gateway:
            heard = {service_manager.recv(100).decode() for _ in range(4)}
            gateway.end()
        while "STOPPING=1" not in heard:
            heard.add(service_manager.recv(100).decode())

    assert heard == {"READY=1", "WATCHDOG=1", "STOPPING=1"}


def test_data_directory_in_use_is_named(served: Served) -> None:
    """Two processes never write one ledger (G5): the second says who holds it, and exits 78."""
    code, text = start(served.federation)

    assert code == 78
    assert f"in use by process {served.gateway.process.pid}" in text
    assert "remedy" in text


def test_process_leaves_no_core(served: Served) -> None:
    """Keys in memory never reach a core file (G6)."""
    limits = Path(f"/proc/{served.gateway.process.pid}/limits").read_text()

    assert "Max core file size        0                    0" in limits


def test_address_in_use_is_named(federation: Path) -> None:
    """Whoever listens there already is found before anything is promised."""
    settings = load(federation / "gateway" / "gateway.toml", GatewaySettings).values
    with closing(socket.create_server(("127.0.0.1", settings.listen.port))):
        code, text = start(federation)

    assert code == 78
    assert f"cannot listen on 127.0.0.1:{settings.listen.port}: address already in use" in text


def test_edition_signed_by_too_few_does_not_start(federation: Path, desk: Desk) -> None:
    """One of two directory keys is not enough (65)."""
    desk.build(1)
    shutil.copy(desk.edition(2), federation / "gateway" / "directory" / "edition.accord")
    code, text = start(federation)

    assert code == 65
    assert "1 of the pinned directory keys signed, 2 must" in text


def test_other_text_of_an_agreement_does_not_start(federation: Path) -> None:
    """A gateway judges by the texts that the directory names, or not at all (O4)."""
    path = federation / "agreements" / "cz-kz.toml"
    path.write_text(path.read_text() + "\n# changed\n")
    code, text = start(federation)

    assert code == 78
    assert "lists other texts of: cz-kz" in text


def test_keys_that_the_edition_does_not_list_do_not_start(federation: Path, tmp_path: Path) -> None:
    """Receipts under a key that nobody lists are worth nothing: better not to start."""
    keys = federation / "gateway" / "keys" / "checkpoint.pem"
    call("keys", "generate", "--role", "checkpoint", "--out", tmp_path / "other")
    shutil.copy(tmp_path / "other" / "checkpoint.pem", keys)
    code, text = start(federation)

    assert code == 78
    assert "lists another checkpoint key" in text


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "PYTHONASYNCIODEBUG"])
def test_threat_O8_debug_switches_do_not_start(federation: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nobody makes a gateway tell what passes through it by setting a variable (O8)."""
    monkeypatch.setenv(name, "1")
    code, text = start(federation)

    assert code == 78
    assert f"{name} is set" in text


def test_private_key_open_to_others_does_not_start(federation: Path) -> None:
    """A key that others can read is not used until somebody has looked at it."""
    (federation / "gateway" / "keys" / "checkpoint.pem").chmod(0o640)
    code, text = start(federation)

    assert code == 78
    assert "has mode 0640: others can read it" in text


def test_frozen_ledger_is_not_continued(federation: Path) -> None:
    """After a peer showed a history that ours lacks, only an operator opens the ledger again (G4)."""
    data = federation / "gateway" / "data"
    freeze(data, "a peer holds a signed checkpoint that this ledger does not contain", b"note")
    code, text = start(federation)

    assert code == 78
    assert "is frozen" in text
