"""The loops of the switch: each is one named task of `app`'s TaskGroup and ends only by cancellation.

They read through `Exchange`, in slices, so that none of them holds the event loop for long.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from gateway.domain.errors import CapacityError
from gateway.store.interface import Store
from gateway.switch.sessions import Exchange

TICK_S = 0.1
EXPIRY_S = 1.0
SLICE_ROWS = 64

Found = TypeVar("Found")


async def keep_delivering(exchange: Exchange) -> None:
    """Serve recipients that are behind and take back what was not acknowledged, ten times a second."""
    while True:
        exchange.tick()
        await asyncio.sleep(TICK_S)


async def keep_expiring(exchange: Exchange) -> None:
    """End deliveries whose message expired; every one leaves evidence for its originator."""
    while True:
        found = exchange.expire(SLICE_ROWS)
        await asyncio.sleep(0 if found == SLICE_ROWS else EXPIRY_S)


async def review_spool(exchange: Exchange, store: Store) -> None:
    """Judge everything that is queued under the edition in force; what may not go any more ends now.

    Run once after each swap: a revoked key's queued messages stop even where no recipient is connected.
    """
    for recipient in await _read(store.pending_recipients):
        after: tuple[int, int] | None = None
        while True:
            after = await _read(partial(exchange.review, recipient, after, SLICE_ROWS))
            if after is None:
                break
            await asyncio.sleep(0)


async def _read(read: Callable[[], Found]) -> Found:
    """Return what `read` returns, once the store can be read."""
    while True:
        try:
            return read()
        except CapacityError as error:
            await asyncio.sleep(error.retry_after_s)
