"""A federation founded with nothing but the commands that its people run, each at their own desk."""

import shutil
from pathlib import Path

from gateway.cli.demo_files import free_ports
from tests.app.processes import Running, running
from tests.cli.demo_folder import call, said

NETWORK = "my-net"
HOST = "127.0.0.1"


def ok(*words: object) -> str:
    """Run `accord`, insist on exit 0, and return what it said."""
    result = call(*words)
    assert result.exit_code == 0, said(result)
    return said(result)


def replace(path: Path, *pairs: tuple[str, str]) -> None:
    """Edit a file as an operator does; what is to be replaced must be there."""
    text = path.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def found(folder: Path, port: int, inspection_port: int) -> Path:
    """Found gateway and directory in `folder`, up to the point where authorities join; return the CA's folder."""
    site, authority = folder / "site", folder / "ca"
    ok("init", site, "--network", NETWORK, "--host", HOST)
    ok("keys", "authority", "--name", "my-net authority", "--out", authority)
    tls = site / "gateway" / "tls"
    ok("keys", "certify", tls / "request.csr", "--ca", authority, "--host", HOST, "--out", tls / "cert.pem")
    shutil.copy(authority / "cert.pem", tls / "ca.pem")
    publics = []
    for keeper in ("first", "second"):
        ok("keys", "generate", "--role", "directory", "--out", folder / keeper)
        publics.append(ok("keys", "show", "--role", "directory", folder / keeper / "directory.pem").split()[-1])
    replace(site / "directory" / "directory.toml", ("keys = []", f'keys = ["{publics[0]}", "{publics[1]}"]'))
    replace(
        site / "gateway" / "gateway.toml",
        ('host = "0.0.0.0"', f'host = "{HOST}"'),
        ("port = 8443", f"port = {port}"),
        ("port = 9464", f"port = {inspection_port}"),
    )
    return authority


def join(folder: Path, authority: str, ca: Path, port: int) -> Path:
    """Let an authority join: its own keys, its request, its certificate; return its settings file."""
    office = folder / authority
    ok("init", office, "--authority", authority, "--network", NETWORK, "--host", HOST)
    words = ["--source", folder / "site" / "directory" / "directory.toml", "--yes"]
    ok(
        "directory", "add", office / "request.json", *words, "--ca", ca,
        "--certificate-out", office / "tls" / "cert.pem",
    )  # fmt: skip
    shutil.copy(ca / "cert.pem", office / "tls" / "ca.pem")
    replace(office / "endpoint.toml", (f"https://{HOST}:8443", f"https://{HOST}:{port}"))
    return office / "endpoint.toml"


def open_gateway(folder: Path) -> None:
    """Build the first edition, pin its key set, and give it to the gateway."""
    desk, gateway = folder / "site" / "directory", folder / "site" / "gateway"
    keys = [word for keeper in ("first", "second") for word in ("--key", folder / keeper / "directory.pem")]
    assert "complete" in ok("directory", "build", "--source", desk / "directory.toml", *keys)
    shutil.copy(desk / "key-set.json", gateway / "directory")
    ok("directory", "install", desk / "editions" / "000001.accord", "--config", gateway / "gateway.toml")


def pin(folder: Path, office: Path) -> None:
    """Tell an authority what it must know by hand: the key set, and the gateway's TLS key."""
    shutil.copy(folder / "site" / "directory" / "key-set.json", office.parent / "directory")
    edition = ok("directory", "show", folder / "site" / "directory" / "editions" / "000001.accord")
    spki = next(line.split()[-1] for line in edition.splitlines() if line.startswith("gateway"))
    replace(office, (f'spki_sha256 = "{"A" * 43}"', f'spki_sha256 = "{spki}"'))


def test_federation_is_founded_by_the_commands_alone(tmp_path: Path) -> None:
    """From empty folders to a message that another authority reads, each step a command of `accord`."""
    port, inspection_port = free_ports(2)
    ca = found(tmp_path, port, inspection_port)
    czech, kazakh = (join(tmp_path, name, ca, port) for name in ("cz-police", "kz-mvd"))
    open_gateway(tmp_path)
    for office in (czech, kazakh):
        pin(tmp_path, office)
    ok("check", "--config", tmp_path / "site" / "gateway" / "gateway.toml")
    with running(tmp_path / "site") as gateway:
        _exchange(gateway, czech, kazakh)


def _exchange(gateway: Running, czech: Path, kazakh: Path) -> None:
    assert "FAILED" not in ok("check", "--config", czech, "--connect", gateway.url)
    words = ["--agreement", "cz-kz", "--purpose", "prevention", "--subject", "other"]
    ok("send", "--config", czech, "--to", "kz-mvd", *words, "--text", "hello")

    assert "cz-police" in ok("inbox", "--config", kazakh, "--wait", "10")
