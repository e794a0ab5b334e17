"""Between gateways: who is connected where, whose deliveries are free, and whom a commit concerns elsewhere.

A notification is a hint, sent after the commit so that no commit waits for it (PostgreSQL lets one transaction with
notifications commit at a time). The truth is asked for every `poll_s`: what is due to those who are connected here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from gateway.store.limits import PostgresSettings
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.failing import ERRORS, passes

# A payload has at most 8,000 bytes; more names mean: everybody look.
NAMES_MAX = 100
# Commits that follow one another closely are told together.
TOGETHER_S = 0.005
RETRY_S = 1.0

NOTIFY = "SELECT pg_notify($1, $2)"
PEERS = "SELECT count(*) FROM log WHERE alive_until > clock_timestamp() AND number <> $1"
# Of the next deliveries in line, is there one that nobody holds? Those that we hold are under way.
DUE = (
    "SELECT a.name FROM unnest($1::text[]) AS a (name) WHERE EXISTS ("
    " SELECT 1 FROM (SELECT d.holder, d.leased_until FROM delivery AS d"
    " WHERE d.recipient = a.name AND d.outcome IS NULL ORDER BY d.urgency, d.at_ms, d.log, d.leaf LIMIT 256) AS next"
    " WHERE next.holder IS DISTINCT FROM $2 AND is_free(next.holder, next.leased_until))"
)
SEQUENCES = "SELECT name, sequence FROM originator WHERE name = ANY ($1)"
RELEASE = (
    "UPDATE delivery SET holder = NULL, leased_until = NULL"
    " WHERE holder = $1 AND outcome IS NULL AND recipient = ANY ($2)"
)
RELEASE_ALL = "UPDATE delivery SET holder = NULL, leased_until = NULL WHERE holder = $1 AND outcome IS NULL"
STOPPED = "UPDATE log SET alive_until = clock_timestamp() WHERE number = $1 AND token = $2"


class Waking:
    """Tells other gateways and hears from them; everything here runs on the engine's loop."""

    def __init__(
        self,
        log: int,
        settings: PostgresSettings,
        connect: Callable[[], Awaitable[Connection]],
        wake: Callable[[frozenset[str]], None],
    ) -> None:
        """Call `wake` with attended authorities for whom something is due here."""
        self._log = log
        self._settings = settings
        self._connect = connect
        self._wake = wake
        self._channel = f"accord_{settings.schema}"
        self._attended: frozenset[str] = frozenset()
        self._left: set[str] = set()
        self._heard: dict[str, int] = {}
        self._concerned: set[str] = set()
        self._turn = asyncio.Event()
        self._peers = True

    def attend(self, authorities: frozenset[str]) -> None:
        """Look for what is due to `authorities`; give back what is leased for those who left."""
        self._left |= self._attended - authorities
        self._left -= authorities
        self._attended = authorities
        self._heard = {name: known for name, known in self._heard.items() if name in authorities}
        if self._left:
            self._turn.set()

    def committed(self, concerned: frozenset[str]) -> None:
        """Have other gateways told whom a commit of ours concerns."""
        # Who is connected here may be connected elsewhere too.
        self._concerned |= concerned
        if self._peers and self._concerned:
            self._turn.set()

    def look(self) -> None:
        """Have everybody look: the database was away."""
        self._wake(self._attended)

    async def run(self) -> None:
        """Tell, listen and ask, until cancelled; a connection that is lost is opened again."""
        while True:
            try:
                connection = await self._connect()
            except ERRORS:
                await asyncio.sleep(RETRY_S)
                continue
            try:
                await connection.add_listener(self._channel, self._notified)
                while True:
                    await self._round(connection)
            except ERRORS as error:
                if not passes(error):
                    raise
                await asyncio.sleep(RETRY_S)
            finally:
                connection.terminate()

    async def farewell(self) -> None:
        """Have all others look: what was leased to us is free."""
        connection = await self._connect()
        try:
            await connection.execute(NOTIFY, self._channel, msgspec.json.encode([self._log, []]).decode())
        finally:
            connection.terminate()

    async def _round(self, connection: Connection) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_s):
                await self._turn.wait()
        if self._turn.is_set():
            await asyncio.sleep(TOGETHER_S)
            self._turn.clear()
            await self._tell(connection)
        else:
            await self._ask(connection)

    async def _tell(self, connection: Connection) -> None:
        left, self._left = self._left, set()
        if left:
            await connection.execute(RELEASE, self._log, list(left))
        names, self._concerned = self._concerned | left, set()
        if names and self._peers:
            told = sorted(names) if len(names) <= NAMES_MAX else []
            await connection.execute(NOTIFY, self._channel, msgspec.json.encode([self._log, told]).decode())

    async def _ask(self, connection: Connection) -> None:
        """Ask for what a notification may have missed."""
        self._peers = bool(await connection.fetchval(PEERS, self._log))
        attended = list(self._attended)
        if not attended:
            return
        due = {row[0] for row in await connection.fetch(DUE, attended, self._log)}
        for name, sequence in await connection.fetch(SEQUENCES, attended):
            if sequence > self._heard.get(name, 0):
                due.add(name)
                self._heard[name] = sequence
        if due:
            self._wake(frozenset(due) & self._attended)

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            log, names = msgspec.json.decode(str(payload), type=tuple[int, list[str]])
        except msgspec.DecodeError:
            # Anybody who may connect may notify; a hint that makes no sense is none.
            return
        if log == self._log:
            return
        self._peers = True
        concerned = self._attended.intersection(names) if names else self._attended
        if concerned:
            self._wake(concerned)
