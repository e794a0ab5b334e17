"""`accord init` for real use: annotated settings of a gateway, a directory desk or an endpoint, and their keys."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from gateway.app import pki
from gateway.app.clock import wall_ms
from gateway.app.registration import AUTHORITY_ROLES, fingerprint, generate_keys, make_key_request
from gateway.cli.files import PRIVATE, PUBLIC, make_folder, refuse_filled, write
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import generate, to_pem
from gateway.settings.directory_template import directory_toml
from gateway.settings.templates import endpoint_toml, gateway_toml

PORT = 8443
# A digest of no key: whatever a gateway shows, it is not this one, until the right digest is filled in.
UNKNOWN = "A" * 43


def write_deployment(folder: Path, agreements: Path, network: str, host: str) -> Iterator[str]:
    """Write the files of a gateway and of a directory desk; yield what to do next, line by line.

    Raises:
        CommandError: `folder` holds something.
    """
    refuse_filled(folder)
    root = make_folder(folder)
    shutil.copytree(agreements, root / "agreements")
    gateway = make_folder(root / "gateway")
    make_folder(gateway / "data")
    make_folder(gateway / "directory")
    checkpoint = generate("checkpoint")
    write(make_folder(gateway / "keys") / "checkpoint.pem", to_pem(checkpoint), PRIVATE)
    request = pki.make_request(host)
    write(make_folder(gateway / "tls") / "key.pem", request.key, PRIVATE)
    write(gateway / "tls" / "request.csr", request.certificate, PUBLIC)
    write(gateway / "gateway.toml", _gateway(gateway, network, host).encode(), PUBLIC)
    desk = make_folder(root / "directory")
    make_folder(desk / "editions")
    _bring_registers(agreements.parent, desk)
    text = directory_toml(
        network=network,
        origin=host,
        checkpoint_public=encode_base64url(checkpoint.public),
        spki_sha256=pki.request_spki_sha256(request.certificate),
        at_ms=wall_ms(),
    )
    write(desk / "directory.toml", text.encode(), PUBLIC)
    yield f"{root}: gateway/gateway.toml and directory/directory.toml, both to be read and completed"
    yield "next:"
    yield f"  1. have {gateway}/tls/request.csr signed (accord keys certify): tls/cert.pem, and the CA as tls/ca.pem"
    yield f"  2. keepers: accord keys generate --role directory --out ...; public keys into {desk}/directory.toml"
    yield f"  3. each authority: accord init --authority ...; then, here: accord directory add REQUEST, in {desk}"
    yield f"  4. accord directory build --source {desk}/directory.toml --key ... --key ..."
    yield f"  5. cp {desk}/key-set.json {gateway}/directory/ and to every authority: it is what all trust rests on"
    yield f"  6. accord directory install --config {gateway}/gateway.toml {desk}/editions/000001.accord"
    yield f"  7. accord check --config {gateway}/gateway.toml"


def _bring_registers(shipped: Path, desk: Path) -> None:
    """Put status tables and the register of partners beside the source: data for whoever writes it, read by nothing."""
    for path in (shipped / "partners.toml", *sorted((shipped / "status").glob("*.toml"))):
        if path.is_file():
            write(make_folder(desk / "registers") / path.name, path.read_bytes(), PUBLIC)


def write_endpoint(folder: Path, authority: str, network: str, host: str) -> Iterator[str]:
    """Write the files of an authority's endpoint and its key request; yield what to do next, line by line.

    Raises:
        CommandError: `folder` holds something.
    """
    refuse_filled(folder)
    root = make_folder(folder)
    for name in ("data", "directory"):
        make_folder(root / name)
    keys = generate_keys()
    for key in keys:
        write(make_folder(root / "keys") / f"{key.role}.pem", to_pem(key), PRIVATE)
    tls = pki.make_request(authority)
    write(make_folder(root / "tls") / "key.pem", tls.key, PRIVATE)
    raw = make_key_request(network, authority, keys, tls.key, wall_ms())
    write(root / "request.json", raw, PUBLIC)
    gateway = (
        "# The digest of the gateway's TLS key: whoever keeps the directory tells it.\n"
        f'url = "https://{host}:{PORT}"\norigin = "{host}"\nspki_sha256 = "{UNKNOWN}"'
    )
    text = endpoint_toml(authority=authority, network=network, gateway=gateway, roles=AUTHORITY_ROLES, central=None)
    write(root / "endpoint.toml", text.encode(), PUBLIC)
    yield f"{root}: endpoint.toml, keys and request.json of {authority}"
    yield f"fingerprint: {fingerprint(raw)}"
    yield "next:"
    yield "  1. send request.json to whoever keeps the directory; they read you the fingerprint over the phone"
    yield "  2. put into place what you get back: tls/cert.pem, tls/ca.pem, directory/key-set.json, the gateway's key"
    yield f"  3. accord check --config {root}/endpoint.toml --connect https://{host}:{PORT}"


def _gateway(folder: Path, network: str, host: str) -> str:
    return gateway_toml(
        config=str(folder / "gateway.toml"),
        network=network,
        origin=host,
        data_folder="data",
        host="0.0.0.0",  # noqa: S104  # Peers connect from outside; TLS asks each for its certificate.
        port=PORT,
        inspection_port=9464,
        tls="tls",
        checkpoint_key="keys/checkpoint.pem",
        directory="directory",
        agreements="../agreements",
        grants_key=None,
    )
