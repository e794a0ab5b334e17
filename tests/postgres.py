"""A PostgreSQL server for the tests of one run, and a schema of its own for each store in it."""

import itertools
import os
from collections.abc import Iterator
from typing import Protocol

import pytest

from gateway.store.limits import PostgresSettings, StoreLimits
from tests.services import require_program
from tools.postgres import PostgresServer

_NUMBERS = itertools.count()


class Addressed(Protocol):
    """Whatever has the address of a database: a server, or a way to one."""

    @property
    def dsn(self) -> str:
        """The address."""
        ...


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server; tests that need it are skipped by name where its programs are missing."""
    for program in ("initdb", "postgres"):
        require_program(program)
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def fresh_schema() -> str:
    """Return a schema name that this run has not used."""
    return f"test_{os.getpid()}_{next(_NUMBERS)}"


def shared(server: Addressed, schema: str, limits: StoreLimits | None = None) -> StoreLimits:
    """Return the settings of a store in `schema`, with leases that lapse soon enough for a test."""
    given = limits or StoreLimits()
    return StoreLimits(
        engine="postgres",
        writer=given.writer,
        postgres=PostgresSettings(dsn=server.dsn, schema=schema, lease_s=3.0, alive_s=2.0, poll_s=0.2),
        spooled_deliveries_max=given.spooled_deliveries_max,
    )
