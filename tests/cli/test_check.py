"""`accord check`: why something would not start, and what TLS 1.3 does not tell by itself."""

import json
import shutil
import ssl
from pathlib import Path

import pytest

from gateway.app import pki
from gateway.app.clock import wall_ms
from gateway.central.database import FILE as RECORDS
from gateway.endpoint.journal import DATABASE
from gateway.wire.tls import knows_early_data
from tests.app.processes import Served
from tests.cli.demo_folder import Desk, call, copied, said


def config_of(federation: Path, authority: str = "cz-police") -> Path:
    """Return an endpoint's settings file."""
    return federation / "endpoints" / authority / "endpoint.toml"


@pytest.fixture
def endpoint(served: Served, tmp_path: Path) -> Path:
    """An endpoint's settings file of one's own to break; its gateway is the one that runs."""
    folder = shutil.copytree(served.federation / "endpoints" / "cz-police", tmp_path / "cz-police")
    return folder / "endpoint.toml"


def connect(config: Path, url: str) -> tuple[int, str]:
    """Run `accord check --connect`; return exit code and words."""
    result = call("check", "--config", config, "--connect", url)
    return result.exit_code, said(result)


def certified(endpoint: Path, authority: pki.Pair) -> None:
    """Give the endpoint another certificate, signed by `authority`."""
    pair = pki.make_client(authority, "cz-police", wall_ms())
    tls = endpoint.parent / "tls"
    (tls / "cert.pem").write_bytes(pair.certificate)
    (tls / "key.pem").write_bytes(pair.key)


def federation_authority(served: Served) -> pki.Pair:
    """Return the CA of the federation."""
    folder = served.federation / "authority"
    return pki.Pair((folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes())


def test_listed_endpoint_may_connect(served: Served, endpoint: Path) -> None:
    """Certificate, authority and every key are in the edition that the gateway has in force."""
    code, text = connect(endpoint, served.gateway.url)

    assert code == 0, text
    assert "FAILED" not in text
    assert text.count("is listed") == 6


def test_threat_N4_certificate_that_is_not_listed_is_named(served: Served, endpoint: Path) -> None:
    """The handshake succeeds and means nothing: `check` says that the certificate is not in the edition (N4)."""
    certified(endpoint, federation_authority(served))
    code, text = connect(endpoint, served.gateway.url)

    assert code == 77
    assert "your certificate is not in edition 1" in text
    assert pki.certificate_spki_sha256((endpoint.parent / "tls" / "cert.pem").read_bytes()) in text
    assert "remedy: have the digest of the certificate's public key listed in the directory" in text


def test_newest_known_edition_is_named(served: Served, endpoint: Path) -> None:
    """An endpoint that was connected before reads the number of the edition that does not list it."""
    from contextlib import closing

    from gateway.store.sqlite.connection import open_for_writing

    edition = (served.federation / "directory" / "editions" / "000001.accord").read_bytes()
    with closing(open_for_writing(endpoint.parent / "data" / DATABASE, 0)) as database:
        database.execute("CREATE TABLE edition (number INTEGER PRIMARY KEY, raw BLOB)")
        database.execute("INSERT INTO edition VALUES (1, ?)", (edition,))
    certified(endpoint, federation_authority(served))
    _, text = connect(endpoint, served.gateway.url)

    assert "edition 1, the newest known here, lists it neither" in text


def test_certificate_of_a_foreign_authority_is_named(served: Served, endpoint: Path) -> None:
    """What the gateway's TLS refuses without a word is told: the certificate is not one of the federation's CA."""
    certified(endpoint, pki.make_authority("foreign", wall_ms()))
    code, text = connect(endpoint, served.gateway.url)

    assert code == 77, text
    assert "the gateway turned your certificate away" in text
    assert "the federation's CA did not sign it" in text


def test_expired_certificate_is_named(served: Served, endpoint: Path) -> None:
    """A certificate that has run out is told apart from one that nobody knows."""
    pair = pki.make_client(federation_authority(served), "cz-police", wall_ms() - 400 * 24 * 3_600_000)
    (endpoint.parent / "tls" / "cert.pem").write_bytes(pair.certificate)
    (endpoint.parent / "tls" / "key.pem").write_bytes(pair.key)
    code, text = connect(endpoint, served.gateway.url)
    offline = call("check", "--config", endpoint)

    assert code == 77, text
    assert "it is out of date" in text
    assert offline.exit_code == 78
    assert "it expired on" in said(offline)


def test_threat_N1_gateway_of_another_authority_is_not_believed(served: Served, endpoint: Path) -> None:
    """Whoever stands in between with a certificate of his own gets no byte of ours (N1)."""
    other = pki.make_authority("in between", wall_ms())
    (endpoint.parent / "tls" / "ca.pem").write_bytes(other.certificate)
    code, text = connect(endpoint, served.gateway.url)

    assert code == 65
    assert "its certificate is not one of our CA" in text
    assert "somebody is in between" in text


def test_gateway_with_another_key_is_not_believed(served: Served, endpoint: Path) -> None:
    """The right CA is not enough: the key must be the pinned one."""
    pinned = next(line for line in endpoint.read_text().splitlines() if line.startswith("spki_sha256"))
    endpoint.write_text(endpoint.read_text().replace(pinned, f'spki_sha256 = "{"A" * 43}"'))
    code, text = connect(endpoint, served.gateway.url)

    assert code == 65
    assert f"endpoint.toml pins {'A' * 43}" in text


def test_unreachable_gateway_is_told_apart(endpoint: Path, made_once: Path, tmp_path: Path) -> None:
    """Nobody there is another matter than being refused."""
    silent = copied(made_once, tmp_path / "silent")
    url = next(line for line in config_of(silent).read_text().splitlines() if line.startswith("url")).split('"')[1]
    code, text = connect(endpoint, url)

    assert code == 69
    assert "it cannot be reached: connection refused" in text


def test_key_that_is_not_listed_is_named(served: Served, endpoint: Path, tmp_path: Path) -> None:
    """An endpoint with a key that nobody listed would send what everybody refuses."""
    call("keys", "generate", "--authority", "cz-police", "--out", tmp_path / "other")
    shutil.copy(tmp_path / "other" / "keys" / "message.pem", endpoint.parent / "keys" / "message.pem")
    code, text = connect(endpoint, served.gateway.url)

    assert code == 77
    assert "message key" in text
    assert "is not in edition 1" in text


def test_other_directory_keys_are_not_believed(served: Served, endpoint: Path, made_once: Path, tmp_path: Path) -> None:
    """The edition that the gateway serves is verified by the endpoint itself."""
    assert call("init", "--demo", tmp_path / "other").exit_code == 0
    shutil.copy(tmp_path / "other" / "directory" / "key-set.json", endpoint.parent / "directory" / "key-set.json")
    code, text = connect(endpoint, served.gateway.url)

    assert code == 65
    assert "0 of the pinned directory keys signed, 2 must" in text


def test_running_gateway_is_seen(served: Served) -> None:
    """What is taken by a process that runs is unavailable, not misconfigured; the process is named."""
    result = call("check", "--config", served.federation / "gateway" / "gateway.toml")

    assert result.exit_code == 69
    assert f"in use by process {served.gateway.process.pid}" in said(result)


@pytest.mark.parametrize(
    ("path", "check"),
    [
        ("gateway/tls/cert.pem", "certificate"),
        ("gateway/tls/key.pem", "tls key"),
        ("gateway/keys/checkpoint.pem", "checkpoint key"),
        ("gateway/directory/key-set.json", "directory"),
        ("gateway/directory/edition.accord", "directory"),
        ("agreements/cz-kz.toml", "law"),
    ],
)
def test_missing_file_is_named_with_a_remedy(federation: Path, path: str, check: str) -> None:
    """Every file that a gateway needs is found missing before it starts, and by its name."""
    (federation / path).unlink()
    result = call("check", "--json", "--config", federation / "gateway" / "gateway.toml")
    found = [entry for entry in json.loads(said(result)) if entry["check"] == check]

    assert result.exit_code == 78
    assert [entry["outcome"] for entry in found] == ["configuration"]
    assert found[0]["remedy"]
    assert Path(path).name in found[0]["detail"] or check == "law"


def test_edition_that_expires_soon_is_a_warning(desk: Desk) -> None:
    """A week before the directory stops counting somebody is told."""
    text = desk.source.read_text().replace("valid_days = 30", "valid_days = 3")
    desk.source.write_text(text)
    desk.build()
    call("directory", "install", desk.edition(2), "--config", desk.config)
    result = call("check", "--config", desk.config)

    assert result.exit_code == 0
    assert "warning  edition" in said(result)


def test_versions_are_told(federation: Path) -> None:
    """An operator reads which libraries security rests on, and what is known against them."""
    text = said(call("check", "--config", federation / "gateway" / "gateway.toml"))

    assert ssl.OPENSSL_VERSION in text
    assert all(name in text for name in ("python", "sqlite", "libsodium"))
    assert ("CVE-2023-40217 mended" in text) == knows_early_data()


def test_central_node_is_checked_with_its_endpoint_and_its_lookup_key(federation: Path) -> None:
    """A central node would start from fresh files; with records but without their key it would not, and is told so."""
    config = federation / "central" / "central.toml"
    fresh = call("check", "--json", "--config", config)
    (federation / "central" / "data" / RECORDS).touch()
    locked = call("check", "--json", "--config", config)

    found = {entry["check"]: entry["outcome"] for entry in json.loads(said(fresh))}
    assert (fresh.exit_code, found["message key"], found["records"], found["lookup key"]) == (0, "ok", "ok", "ok")
    assert locked.exit_code == 78
    assert next(entry for entry in json.loads(said(locked)) if entry["check"] == "lookup key")["remedy"]


def test_checking_changes_nothing(federation: Path) -> None:
    """A question leaves no trace but an unheld lock."""
    before = sorted(str(path) for path in federation.rglob("*"))
    call("check", "--config", federation / "gateway" / "gateway.toml")
    after = sorted(str(path) for path in federation.rglob("*"))

    assert {path for path in after if Path(path).name != "lock"} == set(before)
