"""The alarms of an endpoint, on disk and at hand."""

import sqlite3

from msgspec import Struct

from gateway.endpoint.alarms import HISTORIES, Alarm, AlarmedError
from gateway.endpoint.evidence import forget_heads
from gateway.endpoint.journal import Journal
from gateway.endpoint.outbox import annul


class Raised(Struct, frozen=True):
    """A row: an alarm, when it was raised, and how an operator settled it."""

    number: int
    kind: str
    origin: str | None
    detail: str
    latching: bool
    at_ms: int
    settled_at_ms: int | None
    settled_because: str | None


class AlarmBook:
    """What was found false. Open latching alarms are kept in memory: they are asked before every step."""

    def __init__(self, journal: Journal) -> None:
        """Continue with what is open on disk."""
        self._journal = journal
        self._latched = [
            Alarm(*row)
            for row in journal.rows(
                "SELECT kind, origin, detail, evidence FROM alarm WHERE latching AND settled_at_ms IS NULL"
            )
        ]

    async def sound(self, alarm: Alarm, at_ms: int) -> None:
        """Write an alarm down; it counts from the call on, and the same finding is one alarm."""
        if alarm.latching and alarm not in self._latched:
            self._latched.append(alarm)
        values = (alarm.kind, alarm.origin, alarm.detail, alarm.latching, alarm.evidence, at_ms)

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO alarm (kind, origin, detail, latching, evidence, at_ms) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                values,
            )
            if alarm.kind in HISTORIES and alarm.origin is not None:
                annul(connection, alarm.origin)

        await self._journal.write(change, len(alarm.evidence))

    def blocking(self, origin: str | None) -> Alarm | None:
        """Return the alarm that ends trust in `origin`, or in everything, if there is one."""
        return next((alarm for alarm in self._latched if alarm.origin in (None, origin)), None)

    def check(self, origin: str | None) -> None:
        """Return if trust in `origin` stands.

        Raises:
            AlarmedError: it does not.
        """
        alarm = self.blocking(origin)
        if alarm is not None:
            raise AlarmedError(alarm)

    def rows(self, limit: int, only_open: bool = False) -> list[Raised]:
        """Return the newest alarms, newest first."""
        rows = self._journal.rows(
            "SELECT number, kind, origin, detail, latching, at_ms, settled_at_ms, settled_because FROM alarm"
            " WHERE settled_at_ms IS NULL OR NOT ? ORDER BY number DESC LIMIT ?",
            (only_open, limit),
        )
        return [
            Raised(number, kind, origin, detail, bool(latching), at_ms, settled_at_ms, settled_because)
            for number, kind, origin, detail, latching, at_ms, settled_at_ms, settled_because in rows
        ]

    def evidence(self, number: int) -> bytes | None:
        """Return the bytes that prove an alarm."""
        row = self._journal.row("SELECT evidence FROM alarm WHERE number = ?", (number,))
        return None if row is None else row[0]

    async def settle(self, number: int, because: str, at_ms: int) -> bool:
        """Let the operator end an alarm; False if no such alarm is open.

        After a history that did not hold, the gateway's tree heads are forgotten with it: trust begins anew. A key
        that was foreign counts as ours from then on. The alarm and its evidence stay.
        """
        found = next((alarm for alarm in self.rows(1_000_000, True) if alarm.number == number), None)
        if found is None:
            return False

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE alarm SET settled_at_ms = ?, settled_because = ? WHERE number = ?", (at_ms, because, number)
            )
            if found.origin is not None and found.kind in HISTORIES:
                forget_heads(connection, found.origin)
            if found.kind == "foreign-key":
                connection.execute(
                    "INSERT INTO own_key SELECT evidence, 'accepted', ? FROM alarm WHERE number = ?"
                    " ON CONFLICT DO NOTHING",
                    (at_ms, number),
                )

        await self._journal.write(change)
        self._latched = [
            alarm
            for alarm in self._latched
            if (alarm.kind, alarm.origin, alarm.detail) != (found.kind, found.origin, found.detail)
        ]
        return True
