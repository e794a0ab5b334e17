"""What a few frames lead to: one transaction, then what to tell, and what was found false."""

import sqlite3
from collections.abc import Callable

from gateway.endpoint import inbox
from gateway.endpoint.acceptance import Accepted
from gateway.endpoint.alarms import Alarm
from gateway.endpoint.handing import Message
from gateway.endpoint.journal import Change


class Effects:
    """What a few frames lead to: changes for one transaction, then what to tell, and findings."""

    def __init__(self) -> None:
        """Start empty."""
        self.changes: list[Change] = []
        self.after: list[Callable[[], None]] = []
        self.alarms: list[Alarm] = []
        self.arrivals: dict[bytes, Accepted] = {}
        self.pause_s = 0
        self.size_bytes = 0

    def __bool__(self) -> bool:
        """True if the disk must change."""
        return bool(self.changes or self.arrivals)

    def apply(self, connection: sqlite3.Connection, at_ms: int) -> list[Message]:
        """Make every change; return the messages that are new here and open."""
        for change in self.changes:
            change(connection)
        placed = [(inbox.put(connection, each.arrival, at_ms), each) for each in self.arrivals.values()]
        return [
            Message(
                sequence=sequence,
                header=each.arrival.header,
                header_sha256=each.arrival.header_sha256,
                plaintext=each.plaintext,
                admitted_at_ms=each.arrival.admitted_at_ms,
                receipt=each.arrival.receipt,
            )
            for sequence, each in placed
            if sequence is not None and each.plaintext is not None
        ]
