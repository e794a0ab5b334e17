"""The directory as this endpoint knows it: the newest verified edition, and those before it.

An edition is taken over only if `crypto.trust` verified it against the one before: newer, signed by enough
directory keys, in date. It is on disk before it is used, so an older one cannot come back after a
restart (P-09). A key under our own name that is not ours ends all trust (threat E22).
"""

import sqlite3

from gateway.crypto.canonical import decode, encode
from gateway.crypto.digests import decode_base64url, sha256
from gateway.crypto.trust import verify_edition
from gateway.domain.decision import EditionRef
from gateway.domain.directory import Directory, KeySet
from gateway.domain.errors import CapacityError, TrustError
from gateway.endpoint.alarms import Alarm
from gateway.endpoint.identity import Identity
from gateway.endpoint.journal import Journal

# Older editions that are kept to verify what was admitted under them.
KEPT_MAX = 16


class Editions:
    """The editions of one network, newest last."""

    def __init__(self, identity: Identity, journal: Journal) -> None:
        """Continue with what is on disk."""
        self._identity = identity
        self._journal = journal
        self._kept: dict[int, Directory] = {}
        self._current: Directory | None = None
        for key_set, raw, at_ms in journal.rows("SELECT key_set, raw, taken_at_ms FROM edition ORDER BY number"):
            # Verified again under the keys and at the time of then: our own disk has to be whole, no more.
            self._keep(self._verify(raw, decode(key_set, KeySet), None, at_ms))

    @property
    def current(self) -> Directory | None:
        """The edition in force here, None before the first."""
        return self._current

    @property
    def number(self) -> int:
        """The number of the edition in force here, 0 before the first."""
        return 0 if self._current is None else self._current.edition.number

    def require(self, at_ms: int) -> Directory:
        """Return the edition in force, in date.

        Raises:
            CapacityError: there is none yet; connect first.
            TrustError: it has expired, and no gateway gave a newer one.
        """
        if self._current is None:
            raise CapacityError("no directory edition yet, connect to a gateway first", 1)
        edition = self._current.edition
        if at_ms >= edition.not_after_ms:
            raise TrustError(f"edition {edition.number} of the directory has expired and no newer one came")
        return self._current

    def differs(self, number: int, digest: str) -> bool:
        """Tell whether a gateway's edition is one to fetch: newer, or another one of our number."""
        return number > self.number or (
            self._current is not None and number == self.number and digest != self._current.sha256
        )

    def named(self, reference: EditionRef) -> Directory:
        """Return the edition that a receipt names; for one that we never had, the newest, which lists its keys still.

        Raises:
            TrustError: it is newer than any of ours, or another one of a number that we know.
        """
        if self._current is None or reference.number > self.number:
            raise TrustError(f"edition {reference.number} of the directory is not here")
        kept = self._kept.get(reference.number)
        if kept is not None and kept.sha256 != reference.sha256:
            raise TrustError(f"there are two editions {reference.number} of the directory")
        return kept or self._current

    def kept(self, number: int) -> Directory:
        """Return an edition by its number, or the newest, which still lists the keys of those we dropped.

        Raises:
            TrustError: there is none at all.
        """
        found = self._kept.get(number, self._current)
        if found is None:
            raise TrustError("there is no directory edition here")
        return found

    def gateway_keys(self) -> dict[str, bytes]:
        """Return the checkpoint key of each gateway that the edition in force lists, by origin."""
        if self._current is None:
            return {}
        return {origin: decode_base64url(entry.checkpoint_public) for origin, entry in self._current.gateways.items()}

    async def take(self, raw: bytes, at_ms: int) -> list[Alarm]:
        """Verify an edition, keep it, put it in force; return what has to be sounded.

        Raises:
            TrustError: it is older, expired, signed by too few, or otherwise not to be believed.
        """
        current = self._current
        if current is not None and raw == current.raw:
            return []
        key_set, directory = self._believe(raw, current, at_ms)
        values = (directory.edition.number, encode(key_set), raw, at_ms)
        await self._journal.write(lambda connection: _put(connection, values, self._pinned()), len(raw))
        self._keep(directory)
        return self.foreign_keys()

    def foreign_keys(self) -> list[Alarm]:
        """Return an alarm for every key under our own name that neither we nor a sibling ever held."""
        if self._current is None:
            return []
        authority = self._current.authorities.get(self._identity.authority)
        ours = {row[0] for row in self._journal.rows("SELECT kid FROM own_key")} | self._identity.siblings
        if authority is None:
            return []
        return [
            Alarm(
                "foreign-key",
                None,
                f"edition {self.number} lists key `{entry.kid}` (role {entry.role}) under our name"
                f" `{authority.id}`, and it is not ours",
                decode_base64url(entry.kid),
            )
            for entry in authority.keys
            if decode_base64url(entry.kid) not in ours
        ]

    def _believe(self, raw: bytes, current: Directory | None, at_ms: int) -> tuple[KeySet, Directory]:
        """Return the keys that an edition was believed under, and its directory.

        Whoever missed the edition that changed the directory keys cannot follow any more. Then the operator gives
        the new keys by hand; keys that were pinned before, and may have been replaced for a reason, do not count.
        """
        trusted = self._identity.trusted
        key_set = trusted if current is None else current.edition.key_set
        try:
            return key_set, self._verify(raw, key_set, current, at_ms)
        except TrustError:
            row = self._journal.row("SELECT pinned_sha256 FROM owner")
            if current is None or row is None or row[0] == self._pinned():
                raise
        directory = self._verify(raw, trusted, None, at_ms)
        if directory.edition.number <= current.edition.number:
            raise TrustError(f"directory edition {directory.edition.number} is not newer than the one in use")
        return trusted, directory

    def _pinned(self) -> bytes:
        return sha256(encode(self._identity.trusted))

    def _verify(self, raw: bytes, key_set: KeySet, previous: Directory | None, at_ms: int) -> Directory:
        return verify_edition(
            raw,
            network=self._identity.network,
            pinned=key_set,
            previous=previous,
            grants_public=self._identity.grants_public,
            grants_number_min=0,
            at_ms=at_ms,
        )

    def _keep(self, directory: Directory) -> None:
        self._kept[directory.edition.number] = directory
        self._current = directory
        for number in list(self._kept)[:-KEPT_MAX]:
            del self._kept[number]


def remember_own_keys(connection: sqlite3.Connection, kids: dict[bytes, str], at_ms: int) -> None:
    """Note keys that are ours, for as long as the directory may list them."""
    connection.executemany(
        "INSERT INTO own_key VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(kid, role, at_ms) for kid, role in kids.items()],
    )


def _put(connection: sqlite3.Connection, values: tuple[int, bytes, bytes, int], pinned: bytes) -> None:
    connection.execute("UPDATE owner SET pinned_sha256 = ?", (pinned,))
    connection.execute("INSERT INTO edition VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", values)
    connection.execute(
        "DELETE FROM edition WHERE number NOT IN (SELECT number FROM edition ORDER BY number DESC LIMIT ?)", (KEPT_MAX,)
    )
