"""What those who keep the directory do: compile an edition from its source, and check what lies in a folder.

`cli/directory.py` is the operator's side of it; `init --demo` uses the same functions.
"""

from pathlib import Path

import msgspec

from gateway.app.editions import (
    Unverified,
    file_name,
    newest,
    read_edition,
    read_key_set,
    read_unverified,
    signed_by_its_own,
)
from gateway.crypto.digests import decode_base64url
from gateway.crypto.edition import check_edition
from gateway.crypto.edition_lists import in_one_order
from gateway.crypto.trust import verify_edition
from gateway.domain.directory import Directory, Edition, KeySet, LawEntry, SignedGrants
from gateway.domain.errors import ConfigurationError, TrustError
from gateway.policy.agreements import Law, read_law
from gateway.policy.consistency import refuse_contradictions
from gateway.settings.directory import DirectorySource
from gateway.settings.edition import compile_edition
from gateway.settings.source import load, read_bytes


class Desk:
    """The folder in which a directory is kept: `directory.toml`, `key-set.json`, `editions/`.

    `key-set.json` is the key set of the newest edition: what gateways and endpoints pin.
    """

    def __init__(self, source: Path) -> None:
        """Work on `source`, a `directory.toml`; the rest lies beside it."""
        self.source = source
        self.editions = source.parent / "editions"
        self.key_set = source.parent / "key-set.json"

    def read(self) -> DirectorySource:
        """Return the source.

        Raises:
            ConfigurationError: it is missing or malformed.
        """
        return load(self.source, DirectorySource).values

    def compile(self, at_ms: int) -> Edition:
        """Return the edition that the source says now, numbered after the newest one in the folder.

        Raises:
            ConfigurationError: the source contradicts itself.
            TrustError: the newest edition is not signed yet, or a key in the source is weak.
        """
        source = self.read()
        law = read_law_folder(source.law.agreements_folder)
        listed = tuple(LawEntry(name, digest) for name, digest in law.digests.items())
        previous = self.newest()
        if previous is not None and (missing := self.missing_signatures(previous)):
            raise TrustError(
                f"edition {previous.edition.number} needs {missing}; sign it, or take it away while nobody has it"
            )
        before = None if previous is None else (previous.edition.number, previous.sha256)
        edition = in_one_order(compile_edition(source, listed, read_grants(source), before, at_ms))
        refuse_contradictions(edition, law, str(self.source))
        # What every reader would refuse must not be signed first: weak keys, one key in two places (threat E6).
        check_edition(edition, {})
        return edition

    def newest(self) -> Unverified | None:
        """Return the newest edition of the folder; None before the first."""
        path = newest(self.editions)
        return None if path is None else read_unverified(read_edition(path))

    def key_set_before(self, edition: Edition) -> KeySet | None:
        """Return the key set that an edition follows; None for the very first.

        Raises:
            ConfigurationError: files of the folder are missing or malformed.
        """
        path = self.editions / file_name(edition.number - 1)
        if path.exists():
            return read_unverified(read_edition(path)).edition.key_set
        return read_key_set(self.key_set) if self.key_set.exists() else None

    def key_set_changed(self, edition: Edition) -> bool:
        """Tell whether an edition has another key set than the one it follows."""
        before = self.key_set_before(edition)
        return before is not None and before != edition.key_set

    def missing_signatures(self, found: Unverified) -> str:
        """Say which signatures an edition still needs; empty when it has enough."""
        needed = []
        for which, key_set in (("old", self.key_set_before(found.edition)), ("new", found.edition.key_set)):
            if key_set is None or (which == "new" and not self.key_set_changed(found.edition)):
                continue
            missing = key_set.threshold - len({entry.kid for entry in key_set.keys} & set(found.signers))
            if missing > 0:
                needed.append(f"{missing} more of the {which} directory keys")
        return " and ".join(needed)


def verify_file(
    path: Path, *, network: str, key_set: Path | None, previous: Path | None, grants_key: str | None, at_ms: int
) -> Directory:
    """Return the edition in `path`, verified like a gateway that pins `key_set` or has `previous` in use.

    With both, `previous` must verify under `key_set` at its own time; alone, it is taken to be in use.

    Raises:
        TrustError: it deserves no trust.
        ConfigurationError: a file is missing.
    """
    public = None if grants_key is None else decode_base64url(grants_key)
    before = None
    if previous is not None and key_set is None:
        before = self_consistent(previous, grants_key)
    elif previous is not None and key_set is not None:
        raw = read_edition(previous)
        before = _verify(raw, network, read_key_set(key_set), None, public, read_unverified(raw).edition.issued_at_ms)
    if before is not None:
        pinned = before.edition.key_set
    elif key_set is not None:
        pinned = read_key_set(key_set)
    else:
        raise ConfigurationError("there is neither a key set nor an edition in use", "give one of the two")
    return _verify(read_edition(path), network, pinned, before, public, at_ms)


def self_consistent(path: Path, grants_key: str | None) -> Directory:
    """Return the edition in `path`, verified by its own key set on the day it was issued: enough to ask what it says.

    Whether that key set is the pinned one is not asked.

    Raises:
        TrustError: not even that holds, or the grants are not under `grants_key`.
    """
    raw = signed_by_its_own(read_edition(path))
    claimed = read_unverified(raw).edition
    public = None if grants_key is None else decode_base64url(grants_key)
    return _verify(raw, claimed.network, claimed.key_set, None, public, claimed.issued_at_ms)


def _verify(
    raw: bytes, network: str, pinned: KeySet, previous: Directory | None, grants_public: bytes | None, at_ms: int
) -> Directory:
    return verify_edition(
        raw,
        network=network,
        pinned=pinned,
        previous=previous,
        grants_public=grants_public,
        grants_number_min=0,
        at_ms=at_ms,
    )


def read_law_folder(folder: str | Path) -> Law:
    """Return the law in a folder of agreements.

    Raises:
        ConfigurationError: no folder, no agreement in it, or one that is malformed.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ConfigurationError(f"law: `{path}` is no folder", "set `agreements_folder` to the folder of agreements")
    return read_law({file.name: read_bytes(file, "agreement") for file in sorted(path.glob("*.toml"))})


def read_grants(source: DirectorySource) -> SignedGrants | None:
    """Return the grants that the source includes, as the central node signed them.

    Raises:
        ConfigurationError: the file is missing or holds no grants.
    """
    if source.grants is None:
        return None
    path = Path(source.grants.signed_file)
    try:
        return msgspec.json.decode(read_bytes(path, "signed grants"), type=SignedGrants)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ConfigurationError(
            f"`{path}` holds no signed grants", "have the central node run `accord directory grants`"
        ) from None
