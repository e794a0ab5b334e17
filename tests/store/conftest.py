"""Every contract test runs on every engine; the others are about the embedded one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.postgres import postgres_server
from tests.store.running import ENGINES, Engine, Running, postgres

__all__ = ["postgres_server"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give contract tests every engine, one after the other."""
    if "engine" in metafunc.fixturenames:
        contract = metafunc.module.__name__.rpartition(".")[2].startswith("test_contract")
        metafunc.parametrize("engine", [*ENGINES, "postgres"] if contract else list(ENGINES), indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    """The engine of this run of the test."""
    if request.param == "postgres":
        return postgres(request.getfixturevalue("postgres_server"))
    return ENGINES[request.param]


@pytest.fixture
async def running(engine: Engine, tmp_path: Path) -> AsyncIterator[Running]:
    """An open store in an empty directory."""
    running = Running(engine, tmp_path)
    yield running
    await running.close()
