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
        """True if there is anything to write or to tell."""
        return bool(self.changes or self.arrivals or self.after or self.alarms)

    def apply(self, connection: sqlite3.Connection, at_ms: int) -> tuple[list[Message], list[Accepted]]:
        """Make every change; return the messages that are new here and open, and those whose id another one has."""
        for change in self.changes:
            change(connection)
        messages, squatted = [], []
        for accepted in self.arrivals.values():
            sequence = inbox.put(connection, accepted.arrival, at_ms)
            if sequence is None and not inbox.holds(connection, accepted.arrival.header_sha256):
                squatted.append(accepted)
            elif sequence is not None and accepted.plaintext is not None:
                messages.append(_message(sequence, accepted, accepted.plaintext))
        return messages, squatted


def _message(sequence: int, accepted: Accepted, plaintext: bytes) -> Message:
    arrival = accepted.arrival
    return Message(
        sequence=sequence,
        header=arrival.header,
        header_sha256=arrival.header_sha256,
        plaintext=plaintext,
        admitted_at_ms=arrival.admitted_at_ms,
        receipt=arrival.receipt,
    )
