"""The parts of a switch put together for a test: a real store in a folder, and sessions that remember."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.crypto.acknowledgements import sign_acknowledgements
from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.envelope import decode_envelope
from gateway.domain.directory import Directory
from gateway.domain.errors import LedgerError
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence, Peer
from gateway.domain.statement import AcknowledgementItem, AcknowledgementStatus, SeenCheckpoint
from gateway.policy.decide import Judge
from gateway.policy.rules.registry import RULES, Rules
from gateway.store.limits import StoreLimits, WriterLimits
from gateway.store.sqlite.engine import SqliteStore
from gateway.switch.history import History
from gateway.switch.in_force import InForce
from gateway.switch.limits import SwitchLimits
from gateway.switch.outcomes import Outcomes
from gateway.switch.sessions import Exchange
from tests.federation import NETWORK, ORIGIN, Federation, Member, now_ms

WAIT_S = 5.0


class Recorder:
    """A session that keeps what it is given, in order; `room` bounds how many deliveries it takes."""

    def __init__(self, peer: Peer, room: int = 10_000) -> None:
        """Be the connection of `peer`."""
        self._peer = peer
        self.room = room
        self.answers: list[Answer] = []
        self.deliveries: list[Delivery] = []
        self.evidence: list[Evidence] = []
        self.editions: list[int] = []
        self.closed: CloseReason | None = None

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        return self._peer

    def answer(self, answers: Sequence[Answer]) -> None:
        """Keep outcomes."""
        self.answers.extend(answers)

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """Keep as many deliveries as there is room for."""
        taken = min(self.room, len(deliveries))
        self.room -= taken
        self.deliveries.extend(deliveries[:taken])
        return taken

    def inform(self, evidence: Sequence[Evidence]) -> int:
        """Keep evidence."""
        self.evidence.extend(evidence)
        return len(evidence)

    def announce(self, number: int, sha256: str) -> None:
        """Keep the number of a newer edition."""
        self.editions.append(number)

    def close(self, reason: CloseReason) -> None:
        """Keep why the connection ended."""
        self.closed = reason


class Bench:
    """One exchange over one store, and the federation around it."""

    def __init__(self, folder: Path, limits: SwitchLimits | None = None) -> None:
        """Make a federation of a Czech, a Kazakh and a CARICC authority; open with `start`."""
        self.members = [
            Member("cz-police", "CZ", spki=("C" * 42 + "A",)),
            Member("kz-mvd", "KZ", spki=("K" * 42 + "A", "L" * 42 + "A")),
            Member("caricc", "CARICC", spki=("R" * 42 + "A",)),
        ]
        self.federation = Federation(self.members)
        self.directory = self.federation.directory()
        self.limits = limits or SwitchLimits()
        self.folder = folder
        self.outcomes: list[Outcomes] = []
        self.failed: list[LedgerError] = []
        self.stopped: list[bytes] = []
        # Tests move both clocks on by adding here.
        self.later_ms = 0

    def start(self) -> None:
        """Open the store and build the exchange on the running loop."""
        self.store = SqliteStore(
            self.folder,
            network=NETWORK,
            origin=ORIGIN,
            key=self.federation.checkpoint_key,
            software="accord test",
            limits=StoreLimits(writer=WriterLimits(disk_free_bytes_min=0)),
            loop=asyncio.get_running_loop(),
            failed=self.failed.append,
        )
        self.history = History(self.store, ORIGIN, self.federation.checkpoint_key.public, self.stopped.append)
        self.exchange = Exchange(
            network=NETWORK,
            store=self.store,
            in_force=self.in_force(self.directory),
            history=self.history,
            clock=lambda: now_ms() + self.later_ms,
            monotonic=lambda: time.monotonic_ns() // 1_000_000 + self.later_ms,
            limits=self.limits,
            observe=self.outcomes.append,
        )

    def in_force(self, directory: Directory, rules: Rules = RULES) -> InForce:
        """Return the pair of an edition and its judge."""
        return InForce(directory, Judge(directory, self.federation.law, rules))

    def connect(self, authority: str, endpoint: int = 0, room: int = 10_000) -> Recorder:
        """Attach a session of an authority that wants everything."""
        spki = next(member for member in self.members if member.name == authority).spki[endpoint]
        peer = self.exchange.peer(spki)
        assert peer is not None
        session = Recorder(peer, room)
        self.exchange.attach(session, seen_note=None, evidence_after=0)
        return session

    def envelope(self, originator: str = "cz-police", recipient: str = "kz-mvd", **changes: object) -> bytes:
        """Return a sealed message that may pass, with `changes` to its draft."""
        draft = self.federation.draft(originator, **changes)
        return self.federation.seal(draft, [recipient], b'{"text":"synthetic"}', self.directory)

    def acknowledgement(
        self,
        recipient: str,
        digests: Sequence[bytes],
        status: AcknowledgementStatus = "consigned",
        seen: SeenCheckpoint | None = None,
    ) -> bytes:
        """Return a recipient's signed batch over deliveries that came from the Czech authority."""
        key = next(member for member in self.members if member.name == recipient).keys["acknowledgement"]
        items = [
            AcknowledgementItem(
                v=1,
                network=NETWORK,
                recipient=recipient,
                originator="cz-police",
                header_sha256=encode_base64url(digest),
                status=status,
                at_ms=now_ms(),
                salt=encode_base64url(sha256(digest)),
            )
            for digest in digests
        ]
        return sign_acknowledgements(items, key, seen)


def header_digest(raw: bytes) -> bytes:
    """Return the digest of an envelope's header."""
    return sha256(decode_envelope(raw).h)


async def until(what: object, count: int) -> None:
    """Wait until a list has `count` entries; a bound in time, not a claim about it."""
    assert isinstance(what, list)
    # Sessions are plain lists on purpose; polling them is simpler than an event in each.
    async with asyncio.timeout(WAIT_S):
        while len(what) < count:
            await asyncio.sleep(0.002)
