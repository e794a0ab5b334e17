"""`accord keys`: an authority's private keys, and the request to have the public ones listed."""

from pathlib import Path

import click

from gateway.app import pki
from gateway.app.clock import wall_ms
from gateway.app.registration import AUTHORITY_ROLES, fingerprint, generate_keys, make_key_request
from gateway.cli.files import PRIVATE, PUBLIC, make_folder, write_new
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import SecretKey, from_pem, generate, to_pem
from gateway.settings.source import read_bytes, read_secret

# Keys that belong to no authority: they sign the directory, the grants, a ledger.
LONE_ROLES = ("directory", "grants", "checkpoint")
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def keys() -> None:
    """Make an authority's keys and the request to have them listed."""


@keys.command("generate")
@click.option("--authority", help="The authority whose keys these are, such as cz-police: every role at once.")
@click.option("--role", type=click.Choice(LONE_ROLES), help="One key that belongs to no authority.")
@click.option("--out", required=True, type=FOLDER, help="A folder; private keys get mode 0600.")
def generate_(authority: str | None, role: str | None, out: Path) -> None:
    """Make private keys. Nothing is ever overwritten."""
    if (authority is None) == (role is None):
        raise click.UsageError("give either --authority or --role")
    if role is not None:
        _say(write_key(make_folder(out), generate(role)))
        return
    folder = make_folder(out)
    for key in generate_keys():
        _say(write_key(make_folder(folder / "keys"), key))
    path = write_new(make_folder(folder / "tls") / "key.pem", pki.make_request(str(authority)).key, PRIVATE)
    click.echo(f"tls              {path}")
    click.echo(f"next: accord keys request --authority {authority} --keys {out} --network NETWORK --out request.json")


@keys.command()
@click.option("--authority", required=True, help="The authority that asks.")
@click.option("--network", required=True, help="The name of the federation.")
@click.option("--keys", "folder", required=True, type=FOLDER, help="The folder `accord keys generate` filled.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The request file.")
def request(authority: str, network: str, folder: Path, out: Path) -> None:
    """Write the request that whoever keeps the directory needs: public keys and proofs of possession."""
    tls_key = read_secret(folder / "tls" / "key.pem", "TLS key")
    raw = make_key_request(network, authority, read_keys(folder / "keys"), tls_key, wall_ms())
    write_new(out, raw, PUBLIC)
    click.echo(f"{out}: send it to whoever keeps the directory and let them read this to you over the phone:")
    click.echo(f"fingerprint: {fingerprint(raw)}")


@keys.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--role", required=True, type=click.Choice((*AUTHORITY_ROLES, *LONE_ROLES)), help="What the key is for.")
def show(path: Path, role: str) -> None:
    """Show the public half of a private key file."""
    key = from_pem(role, read_secret(path, "private key"))
    click.echo(f"kid    {encode_base64url(key.kid)}\npublic {encode_base64url(key.public)}")


@keys.command()
@click.option("--name", required=True, help="The name of the authority that signs certificates.")
@click.option("--out", required=True, type=FOLDER, help="A folder for cert.pem and key.pem; keep it offline.")
def authority(name: str, out: Path) -> None:
    """Make a private certificate authority, where the federation has none."""
    pair = pki.make_authority(name, wall_ms())
    folder = make_folder(out)
    write_new(folder / "key.pem", pair.key, PRIVATE)
    write_new(folder / "cert.pem", pair.certificate, PUBLIC)
    click.echo(f"{folder}/cert.pem: what gateways and endpoints trust as their CA")


@keys.command()
@click.argument("request", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--ca", required=True, type=FOLDER, help="The folder of the authority: cert.pem and key.pem.")
@click.option("--host", "hosts", multiple=True, help="For a gateway: a name or address under which peers reach it.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The certificate.")
def certify(request: Path, ca: Path, hosts: tuple[str, ...], out: Path) -> None:
    """Sign a certificate REQUEST: a client's, or with --host a gateway's."""
    raw = read_bytes(request, "certificate request", 65_536)
    write_new(out, pki.certify_request(read_authority(ca), raw, wall_ms(), hosts), PUBLIC)
    click.echo(f"{out}: certificate with key {pki.request_spki_sha256(raw)}")


def read_authority(folder: Path) -> pki.Pair:
    """Return the certificate authority in a folder.

    Raises:
        ConfigurationError: a file is missing, or the key is open to others.
    """
    certificate = read_bytes(folder / "cert.pem", "CA certificate")
    return pki.Pair(certificate, read_secret(folder / "key.pem", "CA key"))


def write_key(folder: Path, key: SecretKey) -> tuple[SecretKey, Path]:
    """Write `<role>.pem` of mode 0600 into `folder`, never over an older one."""
    return key, write_new(folder / f"{key.role}.pem", to_pem(key), PRIVATE)


def read_keys(folder: Path) -> tuple[SecretKey, ...]:
    """Return an authority's keys from a folder of `<role>.pem` files."""
    return tuple(from_pem(role, read_secret(folder / f"{role}.pem", f"{role} key")) for role in AUTHORITY_ROLES)


def _say(written: tuple[SecretKey, Path]) -> None:
    key, path = written
    click.echo(f"{key.role:<16} {path}  kid {encode_base64url(key.kid)}")
