"""What arrives in one turn of the loop is handed to the switch together, whichever connections it came over.

While a batch is committed, frames of many connections come in. Judged message by message, each would find that the code
of every step has gone from the processor again. Nothing waits for company: the next turn of the loop takes what has
come by then, in the order in which it came.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from gateway.domain.errors import LedgerError
from gateway.domain.session import Session
from gateway.links.exchange import Exchange
from gateway.wire.frames import Submission

# Messages that are judged at once: more of them and their headers would push one another out of the processor.
TOGETHER_MAX = 32


class Submitter(Session, Protocol):
    """A session that submits."""

    @property
    def is_open(self) -> bool:
        """False once its connection is to end."""
        ...

    def spare(self, numbers: range) -> None:
        """Take back what was booked for submissions that nobody judges any more."""
        ...


class Arrival(NamedTuple):
    """The submissions of one frame, numbered from `first` on; their bytes are booked."""

    session: Submitter
    first: int
    items: Sequence[Submission]


class Arrivals:
    """What the connections of one listener have received and the switch has not seen yet."""

    def __init__(self, exchange: Exchange) -> None:
        """Hand over to `exchange`, on the loop that runs when the first frame comes."""
        self._exchange = exchange
        self._waiting: list[Arrival] = []

    def add(self, arrival: Arrival) -> None:
        """Have a frame judged in the next turn of the loop."""
        self._waiting.append(arrival)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self.hand_over)

    def hand_over(self) -> None:
        """Have everything judged that waits: now, because what comes next must not overtake it."""
        waiting, self._waiting = self._waiting, []
        group: list[Arrival] = []
        count = 0
        for arrival in waiting:
            if not arrival.session.is_open:
                _spare(arrival, 0)
                continue
            group.append(arrival)
            count += len(arrival.items)
            if count >= TOGETHER_MAX:
                self._judge(group)
                group, count = [], 0
        if group:
            self._judge(group)

    def _judge(self, group: Sequence[Arrival]) -> None:
        """Have the switch take all of it at once, else frame by frame, else item by item."""
        if self._taken(group):
            return
        for arrival in group:
            if len(group) == 1 or not self._taken((arrival,)):
                self._judge_each(arrival)

    def _taken(self, group: Sequence[Arrival]) -> bool:
        if len(group) == len(group[0].items) == 1:
            return False
        try:
            return self._exchange.submit_together([(each.session, each.first, each.items) for each in group])
        except LedgerError:
            return False
        except Exception as error:  # noqa: BLE001  Item by item it is known whose connection has to end.
            _tell(error)
            return False

    def _judge_each(self, arrival: Arrival) -> None:
        """Submit item by item; what is spared because the connection ends is given back."""
        session, first, items = arrival
        for offset, item in enumerate(items):
            if not session.is_open:
                _spare(arrival, offset)
                return
            try:
                self._exchange.submit(session, first + offset, item.kind, item.raw)
            except LedgerError:
                # The store has latched; `app` stops the process. Nothing of this frame was acknowledged.
                session.close("fault")
            except Exception as error:  # noqa: BLE001  A fault of ours ends this connection and no other.
                session.close("fault")
                _tell(error)


def _tell(error: Exception) -> None:
    context = {"message": "submissions could not be judged", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)


def _spare(arrival: Arrival, offset: int) -> None:
    """Give back what was booked for the items of a frame from `offset` on."""
    arrival.session.spare(range(arrival.first + offset, arrival.first + len(arrival.items)))
