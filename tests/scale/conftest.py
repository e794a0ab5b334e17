"""One PostgreSQL for all tests here; each test has a schema of its own in it."""

from tests.postgres import postgres_server

__all__ = ["postgres_server"]
