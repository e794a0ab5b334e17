"""Keep one connection to one of the gateways, whatever happens to it.

After a failure the next attempt waits a random time below a bound that doubles: a thousand endpoints that lost one
gateway must not come back in one moment. A gateway under a latching alarm is not called at all.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from gateway.domain.errors import ConfigurationError, GatewayError, LedgerError
from gateway.endpoint.alarms import AlarmedError
from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.keeping import Keeping, Notice
from gateway.endpoint.session import GoodbyeError, Session
from gateway.endpoint.transport import LinkError, Wire

Connect = Callable[[GatewayAddress], Awaitable[Wire]]
# While every gateway is under an alarm: how often to look whether the operator has settled one.
ALARMED_LOOK_S = 0.5
# A gateway that drains sends all its endpoints to the next one at once: they come within this time, not in one moment.
MOVE_WITHIN_S = 0.05


class Reconnecting:
    """The link of an endpoint: connected or not, and why not. `changed` is set at every change."""

    def __init__(self, keeping: Keeping, gateways: Sequence[GatewayAddress], connect: Connect) -> None:
        """Call `gateways` in turn, by `connect`."""
        self._keeping = keeping
        self._gateways = gateways
        self._connect = connect
        self._attempt = 0
        self._sent_on = False
        self.session: Session | None = None
        self.gateway: GatewayAddress | None = None
        self.failure: GatewayError | None = None
        self.changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """True once a gateway's hello has been checked, until that connection ends."""
        return self.gateway is not None

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled.

        Raises:
            ConfigurationError: our own files are unusable.
            LedgerError: the disk has failed.
        """
        while True:
            for address in self._gateways:
                alarm = self._keeping.alarms.blocking(address.origin)
                if alarm is not None:
                    self._fail(AlarmedError(alarm))
                    await asyncio.sleep(ALARMED_LOOK_S)
                    continue
                await self._serve(address)
                await asyncio.sleep(self._delay_s())

    async def until_connected(self, timeout_s: float) -> bool:
        """Wait for a connection; False if none came in time, or an alarm stands in the way of every gateway."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.connected:
                    if isinstance(self.failure, AlarmedError):
                        return False
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return False
        return True

    async def _serve(self, address: GatewayAddress) -> None:
        wire: Wire | None = None
        try:
            wire = await self._connect(address)
            self.session = Session(self._keeping, address, wire, lambda: self._opened(address))
            await self.session.run()
        except ExceptionGroup as group:
            ours, others = group.split(GatewayError)
            if others is not None or ours is None:
                raise
            self._fail(_worst(ours))
        except GatewayError as error:
            self._fail(error)
        finally:
            self.session = self.gateway = None
            if wire is not None:
                await wire.close()

    def _opened(self, address: GatewayAddress) -> None:
        self._attempt = 0
        self.gateway = address
        self.failure = None
        self._keeping.notify(Notice("connected", address.origin))
        self.changed.set()

    def _fail(self, error: GatewayError) -> None:
        if isinstance(error, ConfigurationError | LedgerError):
            raise error
        if isinstance(error, GoodbyeError) and error.reason == "drain" and len(self._gateways) > 1:
            # No failure: it has answered everything that it took, and another one is there.
            self._sent_on = True
            self._keeping.notify(Notice("sent-on", self.gateway.origin if self.gateway else ""))
            self.gateway = None
            self.changed.set()
            return
        told = self.failure is not None and str(self.failure) == str(error)
        lost, self.gateway, self.failure = self.gateway, None, error
        if not told:
            self._keeping.notify(Notice("disconnected", lost.origin if lost else "", str(error)))
        self.changed.set()

    def _delay_s(self) -> float:
        if self._sent_on:
            self._sent_on = False
            return random.uniform(0, MOVE_WITHIN_S)
        limits = self._keeping.limits
        bound_s = min(limits.reconnect_s_max, limits.reconnect_s_min * 2 ** min(self._attempt, 16))
        self._attempt += 1
        return random.uniform(0, bound_s)


def _worst(group: BaseExceptionGroup[GatewayError]) -> GatewayError:
    """Return the error that tells most: what is ours to end for, then what is no mere end of a connection."""
    found: list[GatewayError] = []
    for error in group.exceptions:
        found += [_worst(error)] if isinstance(error, BaseExceptionGroup) else [error]
    for kinds in ((ConfigurationError, LedgerError), (AlarmedError,)):
        worst = next((error for error in found if isinstance(error, kinds)), None)
        if worst is not None:
            return worst
    said = next((error for error in found if isinstance(error, GoodbyeError)), found[0])
    return next((error for error in found if not isinstance(error, LinkError)), said)
