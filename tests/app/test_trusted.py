"""Which edition a gateway believes over the years: newer ones only, through changes of keys, after restarts."""

import shutil
import stat
from pathlib import Path

import pytest

from gateway.app.clock import wall_ms
from gateway.app.trusted import TrustedDirectory, would_accept
from gateway.domain.errors import ConfigurationError, TrustError
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.cli.demo_folder import Desk, call, said

YEAR_MS = 366 * 24 * 3_600_000


class Site:
    """A gateway's directory state, started as often as a test likes."""

    def __init__(self, desk: Desk) -> None:
        """Use the gateway of the desk's federation."""
        self.desk = desk
        self.settings = load(desk.config, GatewaySettings).values
        self.incoming = Path(self.settings.directory.edition_file)
        self.kept = Path(self.settings.gateway.data_folder) / "directory"

    def start(self, later_ms: int = 0) -> tuple[TrustedDirectory, int]:
        """Start as after a restart; return the state and the number of the edition in use."""
        trusted = TrustedDirectory(self.settings)
        number = trusted.start(wall_ms() + later_ms).edition.number
        trusted.keep()
        return trusted, number

    def give(self, number: int) -> None:
        """Put an edition of the desk in the gateway's way."""
        shutil.copy(self.desk.edition(number), self.incoming)

    def kept_numbers(self) -> list[int]:
        """Return the numbers of the editions under the data folder."""
        return sorted(int(path.stem) for path in self.kept.glob("*.accord"))


@pytest.fixture
def site(desk: Desk) -> Site:
    """A gateway that has not been started yet."""
    return Site(desk)


def new_keys(desk: Desk, name: str) -> tuple[list[Path], list[str]]:
    """Make two directory keys; return files and public halves."""
    files, publics = [], []
    for number in range(2):
        folder = desk.federation / f"{name}-{number}"
        call("keys", "generate", "--role", "directory", "--out", folder)
        files.append(folder / "directory.pem")
        publics.append(said(call("keys", "show", "--role", "directory", files[-1])).split()[-1])
    return files, publics


def rotate(desk: Desk, old: list[Path], name: str) -> list[Path]:
    """Change the key set from `old` to new keys, completely; return these."""
    files, publics = new_keys(desk, name)
    words = [word for public in publics for word in ("--public", public)]
    words += [str(word) for key in (*old[:2], *files) for word in ("--key", key)]
    result = call("directory", "rotate", "--source", desk.source, "--threshold", "2", *words)
    assert "complete" in said(result)
    return files


def build(desk: Desk, keys: list[Path]) -> None:
    """Build one more edition under `keys`."""
    result = call("directory", "build", "--source", desk.source, "--key", keys[0], "--key", keys[1])
    assert "complete" in said(result)


def old_keys(desk: Desk) -> list[Path]:
    """Return the directory keys that the gateway pins."""
    return [desk.key(1), desk.key(2)]


def test_newer_edition_is_kept_before_it_is_used(site: Site) -> None:
    """What a gateway decides by is on its disk first, for nobody else to read."""
    trusted, number = site.start()
    site.desk.build()
    site.give(2)
    taken = trusted.look(wall_ms())

    assert (number, taken and taken.edition.number) == (1, 2)
    assert site.kept_numbers() == [2]
    assert stat.S_IMODE((site.kept / "000002.accord").stat().st_mode) == 0o600
    assert trusted.look(wall_ms()) is None


def test_property_P09_older_edition_never_returns(site: Site) -> None:
    """Not while running and not after a restart does an older edition take the place of a newer one (P-09)."""
    trusted, _ = site.start()
    site.desk.build()
    site.give(2)
    trusted.look(wall_ms())
    site.give(1)

    assert trusted.look(wall_ms()) is None
    assert "older than 2" in trusted.refused[0].reason
    again, number = site.start()
    assert number == 2
    assert "older than 2" in again.refused[0].reason


def test_lost_edition_file_does_not_stop_a_gateway(site: Site) -> None:
    """What was accepted once is enough for a start."""
    site.start()
    site.incoming.unlink()

    assert site.start()[1] == 1


def test_gateway_without_any_edition_does_not_start(site: Site) -> None:
    """Nothing is decided without a directory; the remedy is a command."""
    site.incoming.unlink()
    with pytest.raises(ConfigurationError, match="there is no directory edition") as caught:
        site.start()

    assert "accord directory install" in caught.value.remedy


def test_expired_edition_does_not_start_a_gateway(site: Site) -> None:
    """Neither a fresh installation nor one that ran before goes on with an expired edition."""
    with pytest.raises(TrustError, match="has expired"):
        site.start(YEAR_MS)
    site.start()
    with pytest.raises(TrustError, match="has expired"):
        site.start(YEAR_MS)


@pytest.mark.parametrize("content", [b"", b"\x93", b"x" * 1_000])
def test_damaged_file_changes_nothing(site: Site, content: bytes) -> None:
    """Whatever arrives in place of an edition is refused with a reason; the one in use stays."""
    trusted, _ = site.start()
    site.incoming.write_bytes(content)

    assert trusted.look(wall_ms()) is None
    assert trusted.refused
    assert trusted.current is not None


def test_key_sets_are_followed_from_the_pinned_one(site: Site) -> None:
    """Two changes of the key set later a restart still goes from the keys pinned by hand to those of today."""
    desk = site.desk
    trusted, _ = site.start()
    first = rotate(desk, old_keys(desk), "first")
    build(desk, first)
    build(desk, first)
    second = rotate(desk, first, "second")
    build(desk, second)
    for number in range(2, 7):
        site.give(number)
        taken = trusted.look(wall_ms())
        assert taken is not None
        assert taken.edition.number == number
        assert site.start()[1] == number

    assert site.kept_numbers() == [2, 5, 6]


def test_change_of_the_key_set_cannot_be_skipped(site: Site) -> None:
    """A gateway that was away takes what it missed in order; without it the newest convinces nobody."""
    desk = site.desk
    site.start()
    first = rotate(desk, old_keys(desk), "first")
    build(desk, first)
    site.give(3)
    trusted, number = site.start()
    assert number == 1
    assert "0 of the present directory keys signed" in trusted.refused[-1].reason

    shutil.copy(desk.edition(2), site.incoming.parent)
    assert trusted.look(wall_ms()) is trusted.current
    assert site.start()[1] == 3


def test_key_set_pinned_anew_needs_no_history(site: Site) -> None:
    """An operator who pins the present key set by hand starts a gateway whose links are from before it."""
    desk = site.desk
    site.start()
    first = rotate(desk, old_keys(desk), "first")
    build(desk, first)
    shutil.copy(desk.folder / "key-set.json", site.settings.directory.key_set_file)
    site.give(3)

    assert site.start()[1] == 3


def test_kept_edition_is_evidence_and_no_authority(site: Site, made_once: Path, tmp_path: Path) -> None:
    """Whoever can write into the data folder can stop the gateway, not give it another directory."""
    site.start()
    assert call("init", "--demo", tmp_path / "evil").exit_code == 0
    evil = tmp_path / "evil" / "directory" / "editions" / "000001.accord"
    shutil.copy(evil, site.kept / "000009.accord")

    with pytest.raises(TrustError, match="does not follow"):
        site.start()


def test_older_grants_do_not_return_behind_an_edition_without_any(site: Site) -> None:
    """Leaving grants out for one edition is no way back to older ones (CA-12)."""
    desk = site.desk
    source = desk.source.read_text()
    grants = (desk.folder / "grants.json").read_bytes()
    newer = desk.federation / "grants.toml"
    newer.write_text('network = "accord-demo"\nissuer = "interpol-gs"\nnumber = 2\n')
    key = desk.federation / "central" / "keys" / "grants.pem"
    assert call("directory", "grants", newer, "--key", key, "--out", desk.folder / "grants.json").exit_code == 0
    build(desk, old_keys(desk))
    desk.source.write_text(source.replace('[grants]\nsigned_file = "grants.json"\n', ""))
    build(desk, old_keys(desk))
    desk.source.write_text(source)
    (desk.folder / "grants.json").write_bytes(grants)
    build(desk, old_keys(desk))
    trusted, _ = site.start()
    for number in (2, 3, 4):
        site.give(number)
        trusted.look(wall_ms())

    assert trusted.current is not None
    assert trusted.current.edition.number == 3
    assert "grants 1 are older than 2, which were seen" in trusted.refused[0].reason
    assert site.start()[1] == 3


def test_links_between_key_sets_are_kept_from_a_start_too(site: Site) -> None:
    """What a start had to go through to reach the newest edition is kept, though nobody was looking in between."""
    desk = site.desk
    first = rotate(desk, old_keys(desk), "first")
    build(desk, first)
    shutil.copy(desk.edition(2), site.incoming.parent)
    site.give(3)
    assert site.start()[1] == 3
    (site.incoming.parent / "000002.accord").unlink()
    site.incoming.unlink()

    assert site.kept_numbers() == [2, 3]
    assert site.start()[1] == 3


def test_missing_data_folder_is_made_for_its_owner_alone(site: Site) -> None:
    """A first start makes the folder that the ledger will accept."""
    shutil.rmtree(site.kept.parent)
    site.start()

    assert stat.S_IMODE(site.kept.parent.stat().st_mode) == 0o700


def test_asking_changes_nothing(site: Site) -> None:
    """`accord directory install` and `accord check` look without leaving a trace."""
    site.desk.build()
    found = would_accept(site.settings, site.desk.edition(2).read_bytes(), wall_ms())

    assert found.edition.number == 2
    assert not site.kept.exists()
