"""What an endpoint found false, and kept.

An alarm is a finding with its evidence, written down before anything else happens. A latching one ends all
trust in a gateway (or, without an origin, in everything) until the operator has looked and settled it: nothing
is sent there, nothing from there is handed to a person.
"""

from typing import Literal

from msgspec import Struct

from gateway.domain.errors import TrustError
from gateway.domain.names import Origin

AlarmKind = Literal[
    "two-histories",
    "history-shrunk",
    "proof-withheld",
    "foreign-key",
    "edition-refused",
    "two-editions",
    "receipt-false",
    "delivery-unproven",
    "evidence-false",
]
# A ledger that is not the one that was signed before.
HISTORIES: frozenset[str] = frozenset({"two-histories", "history-shrunk"})
# These say that a gateway or the directory lies about what everybody must be able to rely on.
LATCHING: frozenset[str] = HISTORIES | {"foreign-key", "two-editions"}

# These are about one message and name it in their detail: for the operator who asks, not for the log (threat O3).
OF_A_MESSAGE: frozenset[str] = frozenset({"receipt-false", "delivery-unproven", "evidence-false"})


class Alarm(Struct, frozen=True):
    """One finding: what, about which gateway (None: the directory), in one line, with the bytes that prove it."""

    kind: AlarmKind
    origin: Origin | None
    detail: str
    evidence: bytes = b""

    @property
    def latching(self) -> bool:
        """True if all trust ends until the operator settles it."""
        return self.kind in LATCHING

    @property
    def told(self) -> str:
        """What the log may say of it: never which message it is about."""
        return "`accord endpoint alarms` names the message" if self.kind in OF_A_MESSAGE else self.detail


class AlarmedError(TrustError):
    """A latching alarm is open: the operator must look and settle it before anything goes on."""

    def __init__(self, alarm: Alarm) -> None:
        super().__init__(f"alarm `{alarm.kind}`: {alarm.detail}")
        self.alarm = alarm
