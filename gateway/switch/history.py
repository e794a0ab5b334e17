"""Our ledger as others have seen it.

Endpoints keep the newest checkpoint they verified and show it. If it is under our own signature and our
ledger does not contain it, we were restored from an older copy or forked: then we must not sign
again (design section 6; threats G3, G4). What is not signed is no reason to stop.
"""

from collections.abc import Callable

from gateway.crypto.checkpoint import verify_checkpoint
from gateway.crypto.digests import decode_base64url
from gateway.domain.errors import FormatError, LedgerError, TrustError
from gateway.domain.statement import SeenCheckpoint
from gateway.store.interface import Store


class History:
    """Compares what peers have seen with what the ledger holds."""

    def __init__(self, store: Store, origin: str, public: bytes, stop: Callable[[bytes], None]) -> None:
        """`stop` is called with the note that proves that this ledger is not the one we signed."""
        self._store = store
        self._origin = origin
        self._public = public
        self._stop = stop
        self.diverged = False
        # Grows; `app` makes it a metric, and a line that names whose claim came last.
        self.unsigned_mismatches = 0
        self.claimed_by = ""

    def compare(self, note: bytes) -> None:
        """Check a checkpoint note that a peer shows.

        Raises:
            FormatError: it is no checkpoint of ours; the peer has to mend that.
            LedgerError: it is ours, and our ledger does not contain it.
        """
        try:
            seen = verify_checkpoint(note, self._origin, self._public)
        except TrustError as error:
            raise FormatError(f"the checkpoint shown is not one of `{self._origin}`") from error
        if not self._contains(seen.size, seen.root):
            self.diverged = True
            self._stop(note)
            raise LedgerError(f"a peer holds checkpoint {seen.size} of `{self._origin}`, and this ledger does not")

    def compare_unsigned(self, seen: SeenCheckpoint, authority: str) -> None:
        """Count a claim of `authority` about our ledger that does not fit; a signed note will have to prove it."""
        if seen.origin == self._origin and not self._contains(seen.size, decode_base64url(seen.root)):
            self.unsigned_mismatches += 1
            self.claimed_by = authority

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the consistency path between two sizes.

        Raises:
            FormatError: the sizes are not 0 < old <= new <= ours.
        """
        if not 0 < old_size <= new_size <= self._store.checkpoint().size:
            raise FormatError(f"there is no consistency proof from {old_size} to {new_size}")
        return self._store.consistency(old_size, new_size)

    def _contains(self, size: int, root: bytes) -> bool:
        if size > self._store.checkpoint().size:
            return False
        return self._store.root_at(size) == root
