"""The register of provision, receipt and destruction (CZ-31: Art. 10(6) of the Czech-Kazakh agreement).

Nothing is written twice: the lines follow from rows that the admitting or ending transaction wrote and that the ledger
commits to, and they stay when the body is gone. They hold purpose, scope, authorities and the reason for destruction.
Of a message whose very existence is confidential (CIS2018 Art. 8(1), C8-26) they are told only to whoever asks for it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.domain.message import Header
from gateway.domain.statement import CONSIGNED
from gateway.store.sqlite.connection import open_for_reading
from gateway.store.sqlite.engine import DATABASE
from gateway.store.sqlite.lookup import record_at

Act = Literal["provision", "receipt", "destruction"]

PAGE_MESSAGES = 256

# Accepted messages in the order of the ledger: only they have deliveries.
MESSAGES = (
    "SELECT e.leaf, e.object FROM entry AS e WHERE e.leaf > ?"
    " AND EXISTS (SELECT 1 FROM delivery WHERE leaf = e.leaf) ORDER BY e.leaf LIMIT ?"
)
DELIVERIES = "SELECT recipient, outcome, ended_leaf FROM delivery WHERE leaf = ? ORDER BY position"
DESTROYED = "SELECT recipient, said_leaf FROM later WHERE leaf = ? AND status = 'destroyed' ORDER BY said_leaf"


class Line(Struct, frozen=True):
    """One act: who gave what to whom, for what, when; for a destruction, where and why.

    `holder` is whose copy was destroyed: a recipient, or the gateway (its ledger's origin).
    """

    act: Act
    at_ms: int
    leaf: int
    header_sha256: str
    originator: str
    recipient: str
    agreement: str
    kind: str
    purposes: tuple[str, ...]
    subjects: tuple[str, ...]
    personal_data: bool
    special_categories: tuple[str, ...]
    destroy_by_ms: int | None
    holder: str | None = None
    reason: str | None = None


def export(path: Path, confidential: bool = False) -> Iterator[Line]:
    """Yield the register of the data directory at `path`, message by message; a gateway may be using it.

    `confidential`: the messages whose existence is confidential too (C8-26).
    """
    with closing(open_for_reading(path / DATABASE)) as connection:
        yield from lines(connection, confidential)


def lines(connection: sqlite3.Connection, confidential: bool) -> Iterator[Line]:
    """Yield the register that the tables of `connection` hold."""
    last = -1
    while rows := connection.execute(MESSAGES, (last, PAGE_MESSAGES)).fetchall():
        for leaf, raw in rows:
            header = decode(raw, Header)
            if confidential or not header.label.confidential_fact:
                yield from _of_message(connection, leaf, header)
        last = rows[-1][0]


def _of_message(connection: sqlite3.Connection, leaf: int, header: Header) -> Iterator[Line]:
    record = record_at(connection, leaf)
    deliveries = connection.execute(DELIVERIES, (leaf,)).fetchall()

    def line(act: Act, at_leaf: int, recipient: str, holder: str | None = None, reason: str | None = None) -> Line:
        return Line(
            act=act,
            at_ms=record_at(connection, at_leaf).at_ms,
            leaf=at_leaf,
            header_sha256=record.object_sha256,
            originator=header.originator,
            recipient=recipient,
            agreement=header.agreement,
            kind=header.kind,
            purposes=header.purposes,
            subjects=header.subjects,
            personal_data=header.label.personal_data,
            special_categories=header.label.special_categories,
            destroy_by_ms=header.destroy_by_ms,
            holder=holder,
            reason=reason,
        )

    for recipient, outcome, ended_leaf in deliveries:
        yield line("provision", leaf, recipient)
        if outcome in CONSIGNED:
            yield line("receipt", ended_leaf, recipient)
        if outcome == "destroyed":
            yield line("destruction", ended_leaf, recipient, recipient, "stated by the recipient")
    if all(outcome is not None for _, outcome, _ in deliveries):
        # The body went with the delivery that ended last.
        recipient, outcome, ended_leaf = max(deliveries, key=lambda delivery: int(delivery[2]))
        yield line("destruction", ended_leaf, recipient, record.origin, f"delivery ended: {outcome}")
    for recipient, said_leaf in connection.execute(DESTROYED, (leaf,)).fetchall():
        yield line("destruction", said_leaf, recipient, recipient, "stated by the recipient")
