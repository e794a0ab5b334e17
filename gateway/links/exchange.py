"""What links need of the switch, and nothing more: `switch.sessions.Exchange` satisfies it.

Every method is called on the event loop and returns at once.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.session import Delivery, Peer, Session
from gateway.store.interface import MessageStatus
from gateway.wire.frames import Hello, Submission


class Exchange(Protocol):
    """The switch, as a link sees it."""

    def peer(self, spki_sha256: str) -> Peer | None:
        """Return who may connect with this certificate key under the edition in force, None: nobody."""
        ...

    def hello(self) -> Hello:
        """Return network, origin, edition, newest checkpoint and time; `window` is the link's own."""
        ...

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Tell whether we can verify, decide, commit and sign, and what stands in the way of it."""
        ...

    def connections(self) -> int:
        """Return how many sessions are attached."""
        ...

    def attach(self, session: Session, *, seen_note: bytes | None, evidence_after: int | None) -> None:
        """Serve a session; `evidence_after` None: it wants no deliveries and no evidence.

        Raises:
            GatewayError: what the peer has seen is no checkpoint, or none that our ledger contains.
        """
        ...

    def detach(self, session: Session) -> None:
        """Forget a session; what it did not acknowledge is delivered again."""
        ...

    def submit(self, session: Session, number: int, kind: str, raw: bytes) -> None:
        """Take one submission; exactly one `session.answer` with this number follows, perhaps at once."""
        ...

    def submit_together(self, frames: Sequence[tuple[Session, int, Sequence[Submission]]]) -> bool:
        """Take the messages of several frames, each numbered from its first number on, as `submit` would one by one.

        False: nothing was taken and nothing answered. One of them is at fault, or no message, or there is no room for
        all; submit them one by one.
        """
        ...

    def acknowledge(self, session: Session, number: int, raw: bytes) -> None:
        """Take a signed batch of acknowledgements; it is answered like a submission."""
        ...

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the consistency path between two sizes of our ledger.

        Raises:
            FormatError: the sizes are not 0 < old <= new <= our size.
        """
        ...

    def checkpoint_note(self) -> bytes:
        """Return the newest signed checkpoint."""
        ...

    def directory_raw(self) -> bytes:
        """Return the signed edition in force, as its signers made it."""
        ...

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        """Return the timeline of a message of `authority`."""
        ...

    def receipt(self, authority: str, header_sha256: bytes) -> bytes | None:
        """Return the receipt of a message that `authority` sent or was sent."""
        ...

    def pending(self, peer: Peer, limit: int) -> list[Delivery]:
        """Return what a polling recipient is owed, at most `limit`."""
        ...
