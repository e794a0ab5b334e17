"""`accord init` makes everything that a federation needs, and touches nothing that is there."""

import stat
import tomllib
from pathlib import Path

import pytest

from gateway.settings.endpoint import EndpointSettings
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.cli.demo_folder import call, said

AUTHORITIES = {"cz-police", "kz-mvd", "am-police", "md-police", "caricc", "interpol-gs"}


def test_demo_would_start_at_once(federation: Path) -> None:
    """Every precondition of the gateway's start holds in what `init --demo` has made."""
    result = call("check", "--config", federation / "gateway" / "gateway.toml")

    assert result.exit_code == 0, said(result)
    assert "FAILED" not in said(result)


@pytest.mark.parametrize("authority", sorted(AUTHORITIES))
def test_demo_endpoint_is_complete(federation: Path, authority: str) -> None:
    """Every authority has a settings file that loads, and keys and certificate that belong together."""
    config = federation / "endpoints" / authority / "endpoint.toml"
    settings = load(config, EndpointSettings).values
    gateway = load(federation / "gateway" / "gateway.toml", GatewaySettings).values
    result = call("check", "--config", config)

    assert result.exit_code == 0, said(result)
    assert settings.authority == authority
    assert settings.gateways[0].url.endswith(f":{gateway.listen.port}")
    assert {key.role for key in settings.keys} == {
        "message", "seal", "signatory", "consent", "acknowledgement", "wrap",
    }  # fmt: skip


def test_private_keys_are_their_owners_alone(made_once: Path) -> None:
    """Every private key has mode 0600 and lies in a folder of mode 0700."""
    secrets = [path for path in made_once.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]

    assert len(secrets) >= len(AUTHORITIES) * 7
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, path


def test_two_demos_share_no_key(made_once: Path, tmp_path: Path) -> None:
    """Keys are made at run time: no two federations have one in common."""
    assert call("init", "--demo", tmp_path / "other").exit_code == 0
    first, second = (
        {path.read_bytes() for path in root.rglob("*.pem") if b"PRIVATE KEY" in path.read_bytes()}
        for root in (made_once, tmp_path / "other")
    )

    assert len(first) == len(second)
    assert not first & second


def test_filled_folder_is_refused_untouched(tmp_path: Path) -> None:
    """What stands in a folder may be somebody's only copy."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "key.pem").write_text("precious")
    for words in (["--demo"], []):
        result = call("init", *words, folder)

        assert result.exit_code == 73
        assert "is not an empty folder" in said(result)
        assert "remedy: give a new folder" in said(result)
    assert [path.name for path in folder.iterdir()] == ["key.pem"]


def test_only_one_of_armenia_and_moldova_is_a_party_of_2018(made_once: Path) -> None:
    """The pair of the demo's story is governed by the agreement of 2001 (C8-36, rules.md 1.7, 4)."""
    source = tomllib.loads((made_once / "directory" / "directory.toml").read_text())
    parties = {entry["party"] for entry in source["adherences"] if entry["agreement"] == "cis-2018"}

    assert len(parties & {"AM", "MD"}) == 1


def test_printed_status_of_2001_is_kept_to(made_once: Path) -> None:
    """Who is in force under CIS2001 is what the list prints, and no State more (C1-27)."""
    source = tomllib.loads((made_once / "directory" / "directory.toml").read_text())
    in_force = {
        entry["party"]: entry["in_force_on"].isoformat()
        for entry in source["adherences"]
        if entry["agreement"] == "cis-2001" and "in_force_on" in entry
    }

    assert in_force == {
        "BY": "2002-03-14",
        "TJ": "2002-03-14",
        "AM": "2002-03-14",
        "MD": "2002-04-03",
        "KZ": "2002-09-18",
        "AZ": "2004-05-14",
    }


def test_real_deployment_says_what_is_missing(tmp_path: Path) -> None:
    """The files for real use load; `check` names each thing that only the operator can bring."""
    result = call("init", tmp_path / "site", "--network", "my-net", "--host", "gateway.example.org")
    assert result.exit_code == 0, said(result)
    checked = call("check", "--config", tmp_path / "site" / "gateway" / "gateway.toml")

    assert checked.exit_code == 78
    for missing in ("tls/cert.pem", "key-set.json"):
        assert missing in said(checked)


def test_endpoint_of_an_authority_is_made_with_its_request(tmp_path: Path) -> None:
    """An authority gets settings, keys and the request to be listed in one step."""
    result = call("init", tmp_path / "cz", "--authority", "cz-police", "--network", "my-net")

    assert result.exit_code == 0, said(result)
    assert {path.name for path in (tmp_path / "cz").iterdir()} == {
        "endpoint.toml", "keys", "tls", "data", "directory", "request.json",
    }  # fmt: skip
    assert "fingerprint" in said(result)


def test_registers_come_with_a_deployment(tmp_path: Path) -> None:
    """Status tables and partners lie beside directory.toml, for people; the templates beside the treaties."""
    assert call("init", tmp_path / "site").exit_code == 0
    registers = tmp_path / "site" / "directory" / "registers"
    agreements = {path.stem for path in (tmp_path / "site" / "agreements").glob("*.toml")}

    assert {path.name for path in registers.iterdir()} == {"partners.toml", "cis-2001-2008.toml"}
    assert {"interpol-membership", "caricc-membership", "internal-kz"} <= agreements
