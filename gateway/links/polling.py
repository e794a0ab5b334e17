"""The `Session` of an HTTPS connection: it is answered, and fetches what it is owed itself."""

import asyncio
from collections.abc import Callable, Sequence

from gateway.domain.session import Answer, CloseReason, Delivery, Evidence, Peer


class PollingSession:
    """One HTTPS connection as the switch sees it; lives as long as the connection."""

    def __init__(self, peer: Peer, cut: Callable[[], None]) -> None:
        """`cut` ends the connection at once."""
        self._peer = peer
        self._cut = cut
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._next_number = 0
        self.ended = False

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        return self._peer

    def expect(self) -> tuple[int, asyncio.Future[Answer]]:
        """Return the next number, and the future of its answer."""
        number = self._next_number
        self._next_number += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        return number, future

    def answer(self, answers: Sequence[Answer]) -> None:
        """Hand answers to the requests that wait for them; nobody may wait any more."""
        for answer in answers:
            future = self._waiting.pop(answer.number, None)
            if future is not None and not future.done():
                future.set_result(answer)

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """Take none: this peer fetches its inbox."""
        return 0

    def inform(self, evidence: Sequence[Evidence]) -> int:
        """Take none: this peer asks for the status of its messages."""
        return 0

    def announce(self, number: int, sha256: str) -> None:
        """Tell nobody: this peer fetches the directory when it wants it."""

    def close(self, reason: CloseReason) -> None:
        """End the connection, unless it only drains: then the request under way is answered first."""
        self.ended = True
        if reason != "drain":
            self._cut()
