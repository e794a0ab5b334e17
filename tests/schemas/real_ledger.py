"""A real store that records real messages under the public test keys, for verifiers to look at from outside."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.cli.vectors_federation import AT_MS, DAY_MS, NETWORK, ORIGIN, key
from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.envelope import open_envelope
from gateway.crypto.sealing import Draft, RecipientKey, message_id, seal
from gateway.domain.decision import Decision, EditionRef, Reason
from gateway.domain.errors import LedgerError
from gateway.domain.label import Label
from gateway.domain.message import AuthenticMessage
from gateway.store.interface import AdmitMessage, Committed, Work
from gateway.store.kept import keep
from gateway.store.limits import StoreLimits, WriterLimits
from gateway.store.sqlite.engine import SqliteStore
from tests.schemas.gateway_checks import directory

LAW_SHA256 = "A" * 43
WHY = Reason("third-party-consent-missing", "CZ-33", "CZKZ Art. 11(2)", "text", "caricc")
PLAINTEXT = b'{"text":"sealed by the product itself"}'


class Ledger(NamedTuple):
    """What those outside get: a receipt a message, the checkpoint after each, consistency paths by old size."""

    receipts: list[bytes]
    checkpoints: list[bytes]
    paths: dict[int, tuple[bytes, ...]]


def draft(suite: int = 2) -> Draft:
    """Return a plain request of the Czech authority, with a fresh id."""
    return Draft(
        network=NETWORK,
        suite=1 if suite == 1 else 2,
        id=message_id(AT_MS - 1_000),
        originator="cz-police",
        kind="request",
        agreement="cz-kz",
        purposes=("detection",),
        subjects=(),
        label=Label("restricted", (), "consent-required", False, (), None, False),
        urgency="routine",
        sent_at_ms=AT_MS - 1_000,
        expires_at_ms=AT_MS + DAY_MS,
    )


def recipients(*names: str) -> list[RecipientKey]:
    """Return wrap keys of the test federation by name."""
    return [RecipientKey(name.split()[0], key(name).kid, key(name).public) for name in names]


def sealed(suite: int = 2) -> bytes:
    """Return an envelope as the product seals it, with its own randomness."""
    return seal(draft(suite), PLAINTEXT, recipients(f"kz-mvd wrap {suite}"), [key("cz-police message")])


def authentic(raw: bytes) -> AuthenticMessage:
    """Return the message in an envelope, verified under the federation of the vectors."""
    return open_envelope(raw, directory(), NETWORK, AT_MS, VerifiedRoots(0))


def record(folder: Path, messages: Sequence[AuthenticMessage], refused: frozenset[int] = frozenset()) -> Ledger:
    """Commit messages one by one in a fresh store below `folder`; those numbered in `refused` with a reason."""
    return asyncio.run(_record(folder, messages, refused))


async def _record(folder: Path, messages: Sequence[AuthenticMessage], refused: frozenset[int]) -> Ledger:
    failures: list[LedgerError] = []
    store = SqliteStore(
        folder,
        network=NETWORK,
        origin=ORIGIN,
        key=key("checkpoint"),
        software="accord test",
        limits=StoreLimits(writer=WriterLimits(disk_free_bytes_min=0)),
        loop=asyncio.get_running_loop(),
        failed=failures.append,
    )
    reports: asyncio.Queue[Committed] = asyncio.Queue()

    def report(done: Sequence[tuple[Work, Committed]]) -> None:
        for _, committed in done:
            reports.put_nowait(committed)

    store.on_committed(report)
    found = Ledger([], [], {})
    try:
        for number, message in enumerate(messages):
            store.put(_admission(message, number in refused))
            committed = await asyncio.wait_for(reports.get(), 10)
            found.receipts.append(committed.receipt)
            found.checkpoints.append(store.checkpoint().note)
        for old in range(1, len(messages) + 1):
            found.paths[old] = store.consistency(old, len(messages))
    finally:
        await store.close()
    assert failures == []
    return found


def _admission(message: AuthenticMessage, refused: bool) -> AdmitMessage:
    edition = EditionRef(directory().edition.number, directory().sha256)
    permission = Decision("cz-kz", (), (), edition, LAW_SHA256)
    refusal = Decision("cz-kz", (WHY,), (), edition, LAW_SHA256)
    return AdmitMessage(
        message=keep((message,))[0],
        against=message.header.originator,
        decision=refusal if refused else permission,
        at_ms=AT_MS,
        consents=(),
        otherwise=None,
        reused=refusal,
        token=None,
    )
