"""Fixtures of the switch's tests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.switch.upkeep import keep_delivering
from tests.switch.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """An exchange over a fresh store; a parameter replaces its limits."""
    parts = Bench(tmp_path / "data", getattr(request, "param", None))
    parts.start()
    delivering = asyncio.create_task(keep_delivering(parts.exchange))
    yield parts
    delivering.cancel()
    await parts.store.close()
