"""`accord init` for real use: an annotated `gateway.toml`, an annotated `directory.toml`, and the keys of both."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from gateway.app import pki
from gateway.app.clock import wall_ms
from gateway.cli.files import PRIVATE, PUBLIC, make_folder, refuse_filled, write
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import generate, to_pem
from gateway.settings.directory_template import directory_toml
from gateway.settings.templates import gateway_toml


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
    yield f"  1. have {gateway}/tls/request.csr signed by your CA: tls/cert.pem and tls/ca.pem"
    yield f"  2. accord keys generate --role directory --out ... once for each keeper, keys into {desk}/directory.toml"
    yield "  3. accord keys request, at each authority; accord directory add, at your desk"
    yield f"  4. accord directory build --source {desk}/directory.toml --key ... --key ..."
    yield f"  5. accord directory install --config {gateway}/gateway.toml EDITION"
    yield f"  6. accord check --config {gateway}/gateway.toml"


def _gateway(folder: Path, network: str, host: str) -> str:
    return gateway_toml(
        config=str(folder / "gateway.toml"),
        network=network,
        origin=host,
        data_folder="data",
        host="0.0.0.0",  # noqa: S104  # Peers connect from outside; TLS asks each for its certificate.
        port=8443,
        inspection_port=9464,
        tls="tls",
        checkpoint_key="keys/checkpoint.pem",
        directory="directory",
        agreements="../agreements",
        grants_key=None,
    )
