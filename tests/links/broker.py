"""A real Mosquitto with the configuration of `deploy/`, and certificates for whoever a test wants to be."""

import socket
import subprocess
import time
from pathlib import Path

from gateway.app import pki
from gateway.cli.demo_files import free_ports
from gateway.wire.broker_words import BrokerAddress
from gateway.wire.tls import Identity
from tests.federation import now_ms
from tests.services import require_program

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto"
GATEWAY = "gateway-1"
STARTED_WITHIN_S = 10.0


class Broker:
    """One Mosquitto on loopback: started, killed, and always ended by its own pid."""

    def __init__(
        self, folder: Path, *, acl: str | None = None, changes: dict[str, str] | None = None, logged: bool = True
    ) -> None:
        """Write its files below `folder`; `changes` replace settings by name (an empty value takes one away)."""
        self.program = require_program("mosquitto")
        self.folder = folder / "broker"
        self.folder.mkdir()
        (self.port,) = free_ports(1)
        at_ms = now_ms()
        self.authority = pki.make_authority("broker", at_ms)
        server = pki.make_server(self.authority, ("127.0.0.1", "localhost"), at_ms)
        self.spki_sha256 = pki.certificate_spki_sha256(server.certificate)
        (self.folder / "ca.pem").write_bytes(self.authority.certificate)
        (self.folder / "broker.pem").write_bytes(server.certificate)
        (self.folder / "broker.key").write_bytes(server.key)
        (self.folder / "acl").write_text((DEPLOY / "acl").read_text() if acl is None else acl)
        for name in ("broker.key", "acl"):
            (self.folder / name).chmod(0o600)
        self._write(changes or {}, logged)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How settings name it."""
        return f"mqtts://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The pid of the running broker."""
        assert self._process is not None
        return self._process.pid

    def identity(self, name: str) -> Identity:
        """Return the certificate of a client by its common name; made at the first call."""
        folder = self.folder / f"client-{name.encode().hex()}"
        if not folder.exists():
            folder.mkdir()
            pair = pki.make_client(self.authority, name, now_ms())
            (folder / "cert.pem").write_bytes(pair.certificate)
            (folder / "key.pem").touch(0o600)
            (folder / "key.pem").write_bytes(pair.key)
        return Identity(folder / "cert.pem", folder / "key.pem", self.folder / "ca.pem")

    def address(self, name: str) -> BrokerAddress:
        """Return where the broker is for the client `name`."""
        return BrokerAddress("127.0.0.1", self.port, self.identity(name), self.spki_sha256)

    def start(self) -> None:
        """Start it, and return when it listens."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.program), "-c", str(self.folder / "conf")], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + STARTED_WITHIN_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(self.log())

    def kill(self) -> None:
        """End it with SIGKILL; it has no file, so everything it held is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """Return what it wrote."""
        return (self.folder / "log").read_text()

    def _write(self, changes: dict[str, str], logged: bool) -> None:
        lines = []
        for line in (DEPLOY / "accord.conf").read_text().splitlines():
            name = line.split(" ", 1)[0]
            if name in changes:
                line = f"{name} {changes[name]}" if changes[name] else "# left out"
            lines.append(line.replace("/etc/mosquitto/accord", str(self.folder)))
        text = "\n".join(lines).replace("listener 8883", f"listener {self.port} 127.0.0.1")
        # Started as root it would change to a user that may not read its files.
        (self.folder / "conf").write_text(text + "\nuser root\n" + ("log_type all\n" if logged else ""))
