"""Which edition this gateway believes, and how it got there: from the pinned key set, edition by edition.

Every accepted edition is kept under the data folder before it is in force, so that an older one never comes
back, not even after a restart (P-09). Those that changed the key set stay: they are the links from the keys
pinned by hand to the keys that sign today. A file there is evidence, not authority: it is verified again.
"""

from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from gateway.app.directory import read_law_folder
from gateway.app.editions import SUFFIX, file_name, read_edition, read_key_set, read_unverified
from gateway.crypto.digests import decode_base64url
from gateway.crypto.trust import verify_edition
from gateway.domain.directory import Directory
from gateway.domain.errors import ConfigurationError, FormatError, TrustError
from gateway.policy.consistency import refuse_contradictions
from gateway.settings.gateway import GatewaySettings
from gateway.store.data_directory import make_private_directory, write_private_file

GRANTS_NUMBER = "grants-number"


class Refused(Struct, frozen=True):
    """An edition file that was not believed, and why."""

    path: Path
    reason: str


class TrustedDirectory:
    """The newest edition that deserves trust, and what was refused on the way."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Read the pinned keys. Nothing is written before `keep`.

        Raises:
            ConfigurationError: the key set is missing or malformed.
        """
        chosen = settings.directory
        self._network = settings.gateway.network
        self._pinned = read_key_set(Path(chosen.key_set_file))
        self._grants_public = None if chosen.grants_key is None else decode_base64url(chosen.grants_key)
        self._incoming = Path(chosen.edition_file)
        self._agreements = settings.law.agreements_folder
        self._kept = Path(settings.gateway.data_folder) / "directory"
        self._keeps = False
        self._unkept: list[Directory] = []
        self._grants_number_min = self._read_grants_number()
        self.current: Directory | None = None
        self.refused: list[Refused] = []

    def start(self, at_ms: int) -> Directory:
        """Return the newest edition, from what was kept and what lies there now.

        Raises:
            TrustError: there is none that is in force; what was refused says why.
            ConfigurationError: there is no edition at all.
        """
        self._follow_kept()
        self.look(at_ms)
        if self.current is None and not self.refused:
            raise ConfigurationError(
                f"there is no directory edition at `{self._incoming}`", "run: accord directory install --config ..."
            )
        if self.current is None:
            raise TrustError("; ".join(f"`{entry.path}`: {entry.reason}" for entry in self.refused))
        if at_ms >= self.current.edition.not_after_ms:
            raise TrustError(f"directory edition {self.current.edition.number} has expired and there is no newer one")
        return self.current

    def newest(self) -> Directory:
        """Return the newest edition that was ever accepted, expired or not: for what it says of the past.

        Raises:
            TrustError: none was kept and the one that lies there deserves no trust.
        """
        self._follow_kept()
        if self.current is None:
            raw = read_edition(self._incoming)
            return self.accept(raw, read_unverified(raw).edition.issued_at_ms)
        return self.current

    def keep(self) -> None:
        """Write down what was accepted, from now on before it is used; the caller holds the data folder."""
        self._keeps = True
        for directory in self._unkept:
            self._keep(directory)
        self._unkept = []

    def look(self, at_ms: int) -> Directory | None:
        """Return the edition to use from now on if a newer one has come.

        Files beside the incoming one whose names are numbers are taken first, in order: after a change of the
        key set nobody can skip the edition that made it.
        """
        before = self.current
        self.refused = []
        for path in self._candidates():
            self._consider(path, at_ms)
        return None if self.current is before else self.current

    def accept(self, raw: bytes, at_ms: int) -> Directory:
        """Return the directory in `raw` as the next one; nothing is kept.

        Raises:
            TrustError: it deserves no trust after the current edition.
        """
        return verify_edition(
            raw,
            network=self._network,
            pinned=self._pinned,
            previous=self.current,
            grants_public=self._grants_public,
            grants_number_min=self._grants_number_min,
            at_ms=at_ms,
        )

    def _candidates(self) -> list[Path]:
        beside = sorted(self._incoming.parent.glob(f"[0-9]*{SUFFIX}"))
        return [*beside, self._incoming] if self._incoming.exists() else beside

    def _consider(self, path: Path, at_ms: int) -> None:
        try:
            raw = read_edition(path)
            if self.current is not None and raw == self.current.raw:
                return
            claimed = read_unverified(raw).edition.number
            if path != self._incoming and self.current is not None and claimed <= self.current.edition.number:
                return
            directory = self.accept(raw, at_ms)
            refuse_unlawful(directory, self._agreements)
        except (TrustError, FormatError, ConfigurationError) as error:
            self.refused.append(Refused(path, str(error)))
            return
        if self.current is None or directory.sha256 != self.current.sha256:
            if self._keeps:
                self._keep(directory)
            else:
                self._unkept.append(directory)
            self.current = directory

    def _follow_kept(self) -> None:
        for path in sorted(self._kept.glob(f"[0-9]*{SUFFIX}")):
            self._follow(path)

    def _follow(self, path: Path) -> None:
        """Believe a kept edition as of the day on which it was issued; later ones decide what counts today."""
        try:
            raw = read_edition(path)
            self.current = self.accept(raw, read_unverified(raw).edition.issued_at_ms)
        except (TrustError, FormatError, ConfigurationError) as error:
            # With a newer key set pinned by hand, links from before it cannot and need not be followed.
            self.refused.append(Refused(path, str(error)))
            if self.current is not None:
                raise TrustError(f"kept edition `{path}` does not follow the one before it: {error}") from None

    def _keep(self, directory: Directory) -> None:
        make_private_directory(self._kept.parent)
        make_private_directory(self._kept)
        write_private_file(self._kept / file_name(directory.edition.number), directory.raw)
        grants = directory.grants_document
        if grants is not None and grants.number > self._grants_number_min:
            self._grants_number_min = grants.number
            write_private_file(self._kept / GRANTS_NUMBER, f"{grants.number}\n".encode())
        self._prune()

    def _prune(self) -> None:
        """Drop editions that no later one rests on: all but the newest and those that changed the key set."""
        key_set = self._pinned
        for path in sorted(self._kept.glob(f"[0-9]*{SUFFIX}"))[:-1]:
            own = read_unverified(read_edition(path)).edition.key_set
            if own == key_set:
                path.unlink()
            key_set = own

    def _read_grants_number(self) -> int:
        path = self._kept / GRANTS_NUMBER
        if not path.exists():
            return 0
        try:
            return int(path.read_text())
        except ValueError:
            raise ConfigurationError(
                f"`{path}` holds no number", "write the number of the newest grants into it (accord directory show)"
            ) from None


def would_accept(settings: GatewaySettings, raw: bytes, at_ms: int) -> Directory:
    """Return the edition in `raw` if this gateway would take it now; nothing is changed.

    Raises:
        TrustError: it would not.
    """
    trusted = TrustedDirectory(settings)
    # Nothing usable yet, or expired: then the new edition stands on what was kept, or on the pinned keys.
    with suppress(TrustError, ConfigurationError):
        trusted.start(at_ms)
    accepted = trusted.accept(raw, at_ms)
    refuse_unlawful(accepted, settings.law.agreements_folder)
    return accepted


def refuse_unlawful(directory: Directory, agreements_folder: str) -> None:
    """Return if nothing in an edition contradicts the agreements on disk; those that are not there are no matter here.

    Raises:
        ConfigurationError: something does; the edition in use stays.
    """
    try:
        law = read_law_folder(agreements_folder)
    except ConfigurationError:
        # Whoever judges by the law says so; a revocation must not wait for a file of it.
        return
    refuse_contradictions(directory.edition, law, f"edition {directory.edition.number}")
