"""The demo's broker: Mosquitto's files as `deploy/mosquitto` has them, and who its clients are.

The files are made whether or not there is a Mosquitto to read them; the demo starts one if it finds it.
"""

import os
from pathlib import Path

from gateway.app import pki
from gateway.app.federation import NETWORK, ORIGIN
from gateway.cli.files import PRIVATE, PUBLIC, make_folder, write
from gateway.wire.topics import topic_id

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto"
# Where the shipped files look, and the name that they give the gateway.
INSTALLED = "/etc/mosquitto/accord"
GATEWAY = "gateway-1"
BEHIND = ("cz-police", "kz-mvd")
CLEARANCE = "restricted"


class DemoBroker:
    """Everything about the broker below the folder of a demo."""

    def __init__(self, root: Path, authority: pki.Pair, at_ms: int, host: str, port: int) -> None:
        """Issue certificates under `authority`, for a broker at `host` and `port`."""
        self._root = root
        self._authority = authority
        self._at_ms = at_ms
        self._host, self._port = host, port
        self._server = pki.make_server(authority, (host, "localhost"), at_ms)

    @property
    def url(self) -> str:
        """How settings name it."""
        return f"mqtts://{self._host}:{self._port}"

    def write(self, source: Path) -> None:
        """Write all files; `source` is the directory's, to which the endpoints behind the broker are appended."""
        if not SHIPPED.exists():
            # Installed without the sources: the demo plays without a broker.
            return
        folder = make_folder(self._root / "broker")
        write(folder / "ca.pem", self._authority.certificate, PUBLIC)
        write(folder / "broker.pem", self._server.certificate, PUBLIC)
        write(folder / "broker.key", self._server.key, PRIVATE)
        write(folder / "acl", (SHIPPED / "acl").read_bytes(), PRIVATE)
        text = (SHIPPED / "accord.conf").read_text().replace(INSTALLED, str(folder))
        text = text.replace("listener 8883", f"listener {self._port} {self._host}")
        # Started as root it would change to a user that may not read these files.
        write(folder / "accord.conf", (text + ("user root\n" if os.geteuid() == 0 else "")).encode(), PUBLIC)
        self._write_gateway()
        for name in BEHIND:
            self._write_endpoint(name, source)

    def _write_gateway(self) -> None:
        folder = self._root / "gateway" / "broker"
        self._write_client(folder, GATEWAY)
        text = (
            f'[links.mqtt]\nurl = "{self.url}"\nspki_sha256 = "{self._spki}"\nclearance = "{CLEARANCE}"\n'
            'certificate_file = "broker/cert.pem"\nkey_file = "broker/key.pem"\nauthority_file = "broker/ca.pem"\n'
        )
        # The demo puts it into conf.d when there is a broker to connect to.
        write(folder / "mqtt.toml", text.encode(), PUBLIC)

    def _write_endpoint(self, name: str, source: Path) -> None:
        home = self._root / "endpoints" / name
        certificate = self._write_client(home / "broker", topic_id(NETWORK, name))
        entry = (
            f'\n# {name} behind a broker: what its certificate there may carry.\n[[endpoints]]\nauthority = "{name}"\n'
            f'spki_sha256 = "{pki.certificate_spki_sha256(certificate)}"\nlink = "broker"\nclearance = "{CLEARANCE}"\n'
        )
        write(source, (source.read_text() + entry).encode(), PUBLIC)
        text = (home / "endpoint.toml").read_text()
        further = (
            f'\n[[gateways]]\nurl = "{self.url}"\norigin = "{ORIGIN}"\nspki_sha256 = "{self._spki}"\n'
            '\n[broker]\ncertificate_file = "broker/cert.pem"\nkey_file = "broker/key.pem"\n'
            'authority_file = "broker/ca.pem"\n'
        )
        write(home / "endpoint-broker.toml", (text + further).encode(), PUBLIC)

    def _write_client(self, folder: Path, name: str) -> bytes:
        pair = pki.make_client(self._authority, name, self._at_ms)
        make_folder(folder)
        write(folder / "cert.pem", pair.certificate, PUBLIC)
        write(folder / "key.pem", pair.key, PRIVATE)
        write(folder / "ca.pem", self._authority.certificate, PUBLIC)
        return pair.certificate

    @property
    def _spki(self) -> str:
        return pki.certificate_spki_sha256(self._server.certificate)
