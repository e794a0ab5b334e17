"""`accord init --demo`: every file of a federation on loopback, through the same steps as in real life."""

import shutil
import socket
from contextlib import ExitStack
from pathlib import Path

import msgspec

from gateway.app import pki
from gateway.app.directory import Desk, read_law_folder, verify_file
from gateway.app.editions import encode_key_set, file_name
from gateway.app.federation import CENTRAL, DATABASE, MEMBERS, NETWORK, ORIGIN, Member, directory_toml
from gateway.app.registration import AUTHORITY_ROLES, generate_keys, make_key_request, open_key_request, tables
from gateway.cli.demo_broker import DemoBroker
from gateway.cli.files import PRIVATE, PUBLIC, make_folder, refuse_filled, write
from gateway.crypto.digests import encode_base64url
from gateway.crypto.grants import sign_grants
from gateway.crypto.keys import generate, to_pem
from gateway.crypto.trust import sign_edition
from gateway.domain.directory import Grant, Grants
from gateway.settings.central import central_toml
from gateway.settings.edition import key_set_of
from gateway.settings.templates import endpoint_toml, gateway_toml

DIRECTORY_KEYS = 3
THRESHOLD = 2
HOST = "127.0.0.1"
GRANT_DAYS = 90
DAY_MS = 24 * 3_600_000


class DemoFiles:
    """The files of one demo federation, made under `root` at one moment."""

    def __init__(self, root: Path, agreements: Path, at_ms: int) -> None:
        """Choose two free ports and make what everything else is signed by."""
        self.root = root
        self.at_ms = at_ms
        self._agreements = agreements
        self.port, self.inspection_port, broker_port = free_ports(3)
        self._authority = pki.make_authority(f"{NETWORK} authority", at_ms)
        self._directory_keys = tuple(generate("directory") for _ in range(DIRECTORY_KEYS))
        self._checkpoint_key = generate("checkpoint")
        self._grants_key = generate("grants")
        self._broker = DemoBroker(root, self._authority, at_ms, HOST, broker_port)
        self._server = pki.make_server(self._authority, (HOST, "localhost"), at_ms)

    def write(self) -> None:
        """Write everything; the folder must be new or empty.

        Raises:
            CommandError: the folder holds something.
            ConfigurationError: the agreements are malformed.
        """
        refuse_filled(self.root)
        read_law_folder(self._agreements)
        make_folder(self.root)
        shutil.copytree(self._agreements, self.root / "agreements")
        self._write_pair("authority", self._authority)
        desk = self._write_directory()
        for member in MEMBERS:
            self._write_endpoint(member, desk)
        self._broker.write(desk.source)
        self._write_central()
        self._write_gateway(self._sign_edition(desk))

    def _write_directory(self) -> Desk:
        folder = make_folder(self.root / "directory")
        for number, key in enumerate(self._directory_keys, 1):
            write(make_folder(folder / "keys") / f"directory-{number}.pem", to_pem(key), PRIVATE)
        write(make_folder(self.root / "central" / "keys") / "grants.pem", to_pem(self._grants_key), PRIVATE)
        write(folder / "grants.json", self._grants(), PUBLIC)
        publics = tuple(encode_base64url(key.public) for key in self._directory_keys)
        checkpoint_public = encode_base64url(self._checkpoint_key.public)
        spki = pki.certificate_spki_sha256(self._server.certificate)
        text = directory_toml(str(folder / "directory.toml"), publics, THRESHOLD, checkpoint_public, spki)
        desk = Desk(write(folder / "directory.toml", text.encode(), PUBLIC))
        write(desk.key_set, encode_key_set(key_set_of(THRESHOLD, publics)), PUBLIC)
        make_folder(desk.editions)
        return desk

    def _grants(self) -> bytes:
        """Let CARICC search travel documents for the purposes of the agreement of 2012, up to `restricted`."""
        grant = Grant(
            authority="caricc",
            database=DATABASE,
            level="restricted",
            purposes=("prevention", "suppression"),
            expires_at_ms=self.at_ms + GRANT_DAYS * DAY_MS,
        )
        grants = Grants(
            v=1,
            network=NETWORK,
            number=1,
            issuer=CENTRAL,
            issued_at_ms=self.at_ms,
            not_after_ms=self.at_ms + GRANT_DAYS * DAY_MS,
            grants=(grant,),
        )
        return msgspec.json.encode(sign_grants(grants, self._grants_key))

    def _write_endpoint(self, member: Member, desk: Desk) -> None:
        folder = make_folder(self.root / "endpoints" / member.id)
        make_folder(folder / "data")
        keys = generate_keys()
        for key in keys:
            write(make_folder(folder / "keys") / f"{key.role}.pem", to_pem(key), PRIVATE)
        tls = pki.make_request(member.id)
        opened = open_key_request(make_key_request(NETWORK, member.id, keys, tls.key, self.at_ms), NETWORK)
        certificate = pki.certify_request(self._authority, opened.certificate_request, self.at_ms)
        self._write_tls(folder, certificate, tls.key)
        write(make_folder(folder / "directory") / "key-set.json", desk.key_set.read_bytes(), PUBLIC)
        write(folder / "endpoint.toml", self._endpoint_toml(member).encode(), PUBLIC)
        text = desk.source.read_text() + tables(
            opened, self.at_ms, None, offices=("head",), security_profile=member.security_profile
        )
        write(desk.source, text.encode(), PUBLIC)

    def _write_central(self) -> None:
        folder = make_folder(self.root / "central")
        make_folder(folder / "data")
        text = central_toml(
            grants_key=encode_base64url(self._grants_key.public),
            endpoint_file=f"../endpoints/{CENTRAL}/endpoint.toml",
            data_folder="data",
            lookup_key_file="keys/lookup.key",
        )
        write(folder / "central.toml", text.encode(), PUBLIC)

    def _endpoint_toml(self, member: Member) -> str:
        spki = pki.certificate_spki_sha256(self._server.certificate)
        gateway = f'url = "https://{HOST}:{self.port}"\norigin = "{ORIGIN}"\nspki_sha256 = "{spki}"'
        return endpoint_toml(
            authority=member.id, network=NETWORK, gateway=gateway, roles=AUTHORITY_ROLES, central=CENTRAL
        )

    def _sign_edition(self, desk: Desk) -> Path:
        raw = sign_edition(desk.compile(self.at_ms), self._directory_keys[:THRESHOLD])
        path = write(desk.editions / file_name(1), raw, PUBLIC)
        grants_key = encode_base64url(self._grants_key.public)
        verify_file(path, network=NETWORK, key_set=desk.key_set, previous=None, grants_key=grants_key, at_ms=self.at_ms)
        return path

    def _write_gateway(self, edition: Path) -> None:
        folder = make_folder(self.root / "gateway")
        make_folder(folder / "data")
        self._write_tls(folder, self._server.certificate, self._server.key)
        write(make_folder(folder / "keys") / "checkpoint.pem", to_pem(self._checkpoint_key), PRIVATE)
        write(make_folder(folder / "directory") / "edition.accord", edition.read_bytes(), PUBLIC)
        key_set = (self.root / "directory" / "key-set.json").read_bytes()
        write(folder / "directory" / "key-set.json", key_set, PUBLIC)
        text = gateway_toml(
            config=str(folder / "gateway.toml"),
            network=NETWORK,
            origin=ORIGIN,
            data_folder="data",
            host=HOST,
            port=self.port,
            inspection_port=self.inspection_port,
            tls="tls",
            checkpoint_key="keys/checkpoint.pem",
            directory="directory",
            agreements="../agreements",
            grants_key=encode_base64url(self._grants_key.public),
        )
        write(folder / "gateway.toml", text.encode(), PUBLIC)

    def _write_pair(self, name: str, pair: pki.Pair) -> None:
        folder = make_folder(self.root / name)
        write(folder / "cert.pem", pair.certificate, PUBLIC)
        write(folder / "key.pem", pair.key, PRIVATE)

    def _write_tls(self, folder: Path, certificate: bytes, key: bytes) -> None:
        tls = make_folder(folder / "tls")
        write(tls / "cert.pem", certificate, PUBLIC)
        write(tls / "key.pem", key, PRIVATE)
        write(tls / "ca.pem", self._authority.certificate, PUBLIC)


def free_ports(count: int) -> tuple[int, ...]:
    """Return so many different loopback ports that nobody listens on now."""
    with ExitStack() as sockets:
        opened = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for found in opened:
            found.bind((HOST, 0))
        return tuple(int(found.getsockname()[1]) for found in opened)
