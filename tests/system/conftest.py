"""One gateway for all tests that leave it as it was."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from gateway.domain.directory import Authority, Edition
from tests.app.processes import Running
from tests.cli.demo_folder import made_once
from tests.system.house import House, changed

PAIRS = 6

__all__ = ["Served", "made_once", "served"]


class Served(NamedTuple):
    """A gateway that runs, and its house. The last recipient has no key to wrap to."""

    house: House
    gateway: Running


def _without_key(authority: Authority) -> Authority:
    return replace(authority, keys=tuple(key for key in authority.keys if key.role != "wrap"))


def _edition(edition: Edition) -> Edition:
    return changed(edition, f"kz-{PAIRS - 1:03}", _without_key)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run a gateway; whatever was done to it, it stops in order and leaves a ledger that verifies."""
    house = House(tmp_path_factory.mktemp("served"), PAIRS, change=_edition)
    with house.running() as gateway:
        yield Served(house, gateway)
        assert gateway.end() == 0, gateway.output()
    house.verify()
