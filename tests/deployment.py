"""A federation of many authorities and a gateway of it, as files in a folder: for load, and for being killed."""

import os
import ssl
import subprocess
import sys
import time
from pathlib import Path

from gateway.app import pki
from gateway.app.editions import encode_key_set
from gateway.crypto.keys import to_pem
from gateway.settings.templates import gateway_toml
from gateway.wire.tls import Identity, client_context
from tests.federation import NETWORK, ORIGIN, ROOT, Federation, Member, now_ms

READY_S = 20.0
# Links and inspection each say when they listen.
LISTENERS = 2


class Deployment:
    """Senders of one State, recipients of another, and the gateway between them."""

    def __init__(self, folder: Path, pairs: int, port: int, inspection_port: int) -> None:
        """Write every file the gateway needs; `pairs` senders and as many recipients."""
        self.folder = folder
        self.port = port
        at_ms = now_ms()
        self._ca = pki.make_authority("benchmark", at_ms)
        server = pki.make_server(self._ca, ("localhost", "127.0.0.1"), at_ms)
        self.senders = [self._member(f"cz-{number:03}", "CZ", at_ms) for number in range(pairs)]
        self.recipients = [self._member(f"kz-{number:03}", "KZ", at_ms) for number in range(pairs)]
        self._spki = pki.certificate_spki_sha256(server.certificate)
        self.federation = Federation([*self.senders, *self.recipients], self._spki)
        self.directory = self.federation.directory()
        self._write_gateway(server, inspection_port)

    def context(self, member: Member) -> ssl.SSLContext:
        """Return the client side of TLS for one authority."""
        folder = self.folder / member.name
        return client_context(
            Identity(certificate=folder / "cert.pem", key=folder / "key.pem", authority=self.folder / "ca.pem"),
            self._spki,
        )

    def start(self, core: int | None = None) -> subprocess.Popen[bytes]:
        """Start the gateway, pinned to `core` if given, and return when it listens."""
        with (self.folder / "gateway.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "gateway", "run", "--config", str(self.folder / "gateway.toml")],
                stdout=log,
                stderr=log,
            )
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        deadline = time.monotonic() + READY_S
        while (self.folder / "gateway.log").read_bytes().count(b'"listening"') < LISTENERS:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "gateway.log").read_text())
            time.sleep(0.02)
        return process

    def _member(self, name: str, party: str, at_ms: int) -> Member:
        pair = pki.make_client(self._ca, name, at_ms)
        folder = self.folder / name
        folder.mkdir(parents=True)
        (folder / "cert.pem").write_bytes(pair.certificate)
        _write_secret(folder / "key.pem", pair.key)
        return Member(name, party, spki=(pki.certificate_spki_sha256(pair.certificate),))

    def _write_gateway(self, server: pki.Pair, inspection_port: int) -> None:
        folder = self.folder
        (folder / "ca.pem").write_bytes(self._ca.certificate)
        for name in ("tls", "keys", "directory", "data"):
            (folder / name).mkdir(mode=0o700)
        (folder / "tls" / "ca.pem").write_bytes(self._ca.certificate)
        (folder / "tls" / "cert.pem").write_bytes(server.certificate)
        _write_secret(folder / "tls" / "key.pem", server.key)
        _write_secret(folder / "keys" / "checkpoint.pem", to_pem(self.federation.checkpoint_key))
        (folder / "directory" / "edition.accord").write_bytes(self.directory.raw)
        (folder / "directory" / "key-set.json").write_bytes(encode_key_set(self.federation.key_set))
        text = gateway_toml(
            config="gateway.toml",
            network=NETWORK,
            origin=ORIGIN,
            data_folder="data",
            host="127.0.0.1",
            port=self.port,
            inspection_port=inspection_port,
            tls="tls",
            checkpoint_key="keys/checkpoint.pem",
            directory="directory",
            agreements=str(ROOT / "config" / "agreements"),
            grants_key=None,
        )
        # No quota may decide a benchmark; every other bound stays as it ships.
        quotas = "\n[switch]\nmessages_per_s = 1_000_000\nmessages_burst = 1_000_000\n"
        overlay = folder / "conf.d"
        overlay.mkdir()
        (folder / "gateway.toml").write_text(text)
        (overlay / "benchmark.toml").write_text(quotas)


def _write_secret(path: Path, secret: bytes) -> None:
    path.write_bytes(secret)
    path.chmod(0o600)
