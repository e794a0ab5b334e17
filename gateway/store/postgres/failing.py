"""What goes wrong between us and the server, sorted: it is away, or we do not know our own state any more."""

import os

import asyncpg

from gateway.domain.errors import CapacityError, GatewayError, LedgerError

RETRY_AWAY_S = 5

# What a client raises that lost its connection, whatever it was doing; the last one where that surprised it.
CLIENT_ERRORS = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# Whatever can come from the server or from the way to it.
ERRORS = (*CLIENT_ERRORS, asyncpg.PostgresError)

# Raised by our own functions (migrations/0002.sql).
ASSUMPTION, FENCED, CONTRADICTION = "AC001", "AC002", "AC003"

# Classes of SQLSTATE after which nothing was written and the same may be tried again: connection, transaction rollback,
# insufficient resources (a full disk), operator intervention, object not in state (lock not available).
PASSING_CLASSES = frozenset({"08", "40", "53", "55", "57"})
# A server that has become a standby, or was set to read-only, says so only here.
READ_ONLY = "25006"
# After these the connection is as good as gone.
LOST_STATES = frozenset({"57P01", "57P02", "57P03", READ_ONLY})


class AwayError(CapacityError):
    """The database cannot be reached or cannot write; nothing was taken, and what was taken is not lost."""

    def __init__(self, cause: str) -> None:
        """Say what stands in the way, in one line."""
        GatewayError.__init__(self, f"the database is away ({cause}), retry after {RETRY_AWAY_S} s")
        self.bound = "database"
        self.cause = cause
        self.retry_after_s = RETRY_AWAY_S


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error of the server; empty for others."""
    return str(getattr(error, "sqlstate", None) or "")


def passes(error: BaseException) -> bool:
    """Tell whether waiting may help: the server is away, full, read-only or overloaded."""
    state = state_of(error)
    if state:
        return state[:2] in PASSING_CLASSES or state == READ_ONLY
    return isinstance(error, CLIENT_ERRORS)


def loses_connection(error: BaseException) -> bool:
    """Tell whether the connection must be opened again; until then nobody knows whether a commit has happened."""
    state = state_of(error)
    return not state or state[:2] == "08" or state in LOST_STATES


def cause_of(error: BaseException) -> str:
    """Return what happened in one line, without parameters or data."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        # asyncio puts the address into the text; the operator knows that from the settings.
        text = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
        return text.lower().splitlines()[0]
    lines = str(error).lower().splitlines()
    return lines[0] if lines else type(error).__name__


def as_ledger_error(error: BaseException) -> LedgerError:
    """Return the failure after which this process must not go on."""
    state = state_of(error)
    if state == FENCED:
        return LedgerError("another process has opened this ledger: two gateways must not share origin and key")
    if state == CONTRADICTION:
        return LedgerError(f"the database is not where this gateway left it: {cause_of(error)}")
    return LedgerError(f"the store failed and stopped ({type(error).__name__}: {cause_of(error)})")
