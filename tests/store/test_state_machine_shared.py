"""Any order of submissions, acknowledgements, failures and restarts at two gateways, against the model of one."""

import asyncio
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule

from gateway.crypto.receipt import verify_receipt
from gateway.store.interface import Committed
from gateway.store.postgres.places import index_of
from gateway.store.postgres.verify import verify_shared
from tests.postgres import fresh_schema
from tests.store import samples
from tests.store.running import Running
from tests.store.sharing import Sharing
from tests.store.test_state_machine import AUTHORITIES, StoreMachine
from tools.postgres import PostgresServer


class SharedMachine(StoreMachine):
    """Two gateways on one schema; whichever is `running` has the next word."""

    server: ClassVar[PostgresServer]

    async def start(self) -> Running:
        """Open both on the machine's loop."""
        schema = fresh_schema()
        self.both = [Sharing(self.server, schema, number) for number in range(2)]
        return self.both[0]

    @rule()
    def turn(self) -> None:
        """Go on at the other gateway."""
        self.running = self.both[0] if self.running is self.both[1] else self.both[1]

    def leaves(self) -> int:
        """Both ledgers together have an entry for each thing that happened."""
        return sum(each.store.checkpoint().size for each in self.both)

    def spooled(self) -> int:
        """What is owed, asked for anew: a gateway counts what others did only now and then."""
        return sum(len(self.running.store.pending(name, None, 1_000)) for name in AUTHORITIES)

    def index(self, done: Committed) -> int:
        """The number of the ledger that admitted the message stands above the index in it."""
        return index_of(int(b"gateway-1.example" in done.receipt), done.index)

    def prove(self, receipt: bytes, digest: bytes) -> None:
        """A receipt is one of either ledger, for this header."""
        gateways = {each.origin: each.key.public for each in self.both}
        verify_receipt(receipt, object_sha256=digest, gateways=gateways, network=samples.NETWORK)

    def teardown(self) -> None:
        """Whatever happened, both ledgers verify, each under its own key and together."""
        for each in self.both:
            self.wait(each.close())
        for each in self.both:
            verify = partial(verify_shared, each.shared.limits.postgres, None, network=samples.NETWORK)
            self.wait(asyncio.to_thread(verify, origin=each.origin, public=each.key.public))
        self.loop.close()
        self.folder.cleanup()


@pytest.fixture(autouse=True)
def _server(postgres_server: PostgresServer) -> None:
    SharedMachine.server = postgres_server


TestSharedMachine = SharedMachine.TestCase
TestSharedMachine.settings = settings(
    max_examples=4, stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck)
)
