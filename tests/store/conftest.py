"""Every contract test runs on every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.running import ENGINES, Engine, Running


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine after the other."""
    return ENGINES[request.param]


@pytest.fixture
async def running(engine: Engine, tmp_path: Path) -> AsyncIterator[Running]:
    """An open store in an empty directory."""
    running = Running(engine, tmp_path)
    yield running
    await running.close()
