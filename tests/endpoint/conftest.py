"""One federation for all tests that only look at bytes: making keys is the slowest part of a test."""

import pytest

from tests.endpoint.world import World


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose gateway does not listen."""
    return World(tmp_path_factory.mktemp("world"))
