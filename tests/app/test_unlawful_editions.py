"""An edition that contradicts the law it names: not built, not taken, and the running one stays."""

import shutil
from pathlib import Path

import pytest

from gateway.app.clock import wall_ms
from gateway.app.directory import Desk as Office
from gateway.app.directory import read_grants, read_law_folder
from gateway.app.trusted import TrustedDirectory, would_accept
from gateway.cli.directory_changes import read_directory_keys
from gateway.crypto.edition_lists import in_one_order
from gateway.crypto.trust import sign_edition
from gateway.domain.directory import LawEntry
from gateway.domain.errors import ConfigurationError, TrustError
from gateway.settings.edition import compile_edition
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.cli.demo_folder import Desk, call, said

KEY = "adherences[cis-2001/MD].exit.chosen_on"


@pytest.fixture
def misled(desk: Desk) -> Desk:
    """A desk whose source holds a withdrawal less than six months ahead (C1-23)."""
    text = desk.source.read_text()
    exit_ = 'party = "MD"\nexit = { received_on = 2025-10-01, chosen_on = 2025-12-01 }'
    desk.source.write_text(text.replace('agreement = "cis-2001"\nparty = "MD"', f'agreement = "cis-2001"\n{exit_}'))
    return desk


def signed_unchecked(desk: Desk) -> Path:
    """Put an edition in the gateway's way that other software built of this source, and signed in full."""
    office = Office(desk.source)
    source, newest = office.read(), office.newest()
    assert newest is not None
    law = read_law_folder(source.law.agreements_folder)
    listed = tuple(LawEntry(name, digest) for name, digest in law.digests.items())
    before = (newest.edition.number, newest.sha256)
    edition = in_one_order(compile_edition(source, listed, read_grants(source), before, wall_ms()))
    path = Path(load(desk.config, GatewaySettings).values.directory.edition_file)
    path.write_bytes(sign_edition(edition, read_directory_keys((desk.key(1), desk.key(2)))))
    return path


def test_contradiction_is_not_built(misled: Desk) -> None:
    """Bad input: `accord directory build` names file, key and remedy, and makes no edition."""
    result = misled.build()

    assert result.exit_code == 78
    assert f"{misled.source}: key `{KEY}`" in said(result)
    assert "remedy: a notice of 2025-10-01 takes 2026-04-01 at the earliest" in said(result)
    assert not misled.edition(2).exists()


def test_running_gateway_keeps_the_edition_it_has(misled: Desk) -> None:
    """Bad input: a newer edition that contradicts the law is refused with key and remedy; the running one stays."""
    settings = load(misled.config, GatewaySettings).values
    trusted = TrustedDirectory(settings)
    trusted.start(wall_ms())
    trusted.keep()
    path = signed_unchecked(misled)

    assert trusted.look(wall_ms()) is None
    assert trusted.current is not None
    assert trusted.current.edition.number == 1
    assert [entry.path for entry in trusted.refused] == [path]
    assert trusted.refused[0].reason.startswith(f"edition 2: key `{KEY}`")
    assert TrustedDirectory(settings).start(wall_ms()).edition.number == 1


def test_gateway_does_not_start_with_nothing_else(misled: Desk) -> None:
    """Bad input: at the first start there is no other edition, so the gateway refuses; `check` says the same."""
    signed_unchecked(misled)
    settings = load(misled.config, GatewaySettings).values

    with pytest.raises(TrustError, match="key `adherences"):
        TrustedDirectory(settings).start(wall_ms())
    result = call("check", "--config", misled.config)
    assert result.exit_code != 0
    assert KEY in said(result)


def test_installing_it_is_refused(misled: Desk, tmp_path: Path) -> None:
    """Bad input: whoever installs an edition learns it before the gateway does."""
    installed = Path(load(misled.config, GatewaySettings).values.directory.edition_file)
    kept = shutil.copy(installed, tmp_path / "kept.accord")
    raw = signed_unchecked(misled).read_bytes()
    shutil.copy(kept, installed)

    with pytest.raises(ConfigurationError, match="key `adherences"):
        would_accept(load(misled.config, GatewaySettings).values, raw, wall_ms())


def test_law_that_cannot_be_read_holds_no_edition_back(misled: Desk) -> None:
    """A revocation in an edition counts even where a file of law is damaged: then nothing passes by that law."""
    settings = load(misled.config, GatewaySettings).values
    trusted = TrustedDirectory(settings)
    trusted.start(wall_ms())
    signed_unchecked(misled)
    (Path(settings.law.agreements_folder) / "cz-kz.toml").write_text("v = = 1")
    taken = trusted.look(wall_ms())

    assert taken is not None
    assert taken.edition.number == 2
