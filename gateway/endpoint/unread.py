"""Frames that were received and not dealt with yet: bounded in bytes, taken in turns, heard out at the end."""

import asyncio
from collections import deque
from contextlib import suppress


class Unread:
    """One reader adds, one worker takes."""

    def __init__(self, bytes_max: int) -> None:
        """Hold about `bytes_max` bytes: then adding waits."""
        self._bytes_max = bytes_max
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self._went = asyncio.Event()
        self._at_work = False

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._frames)

    async def add(self, raw: bytes) -> None:
        """Add a frame; wait while there is too much."""
        self._frames.append(raw)
        self._bytes += len(raw)
        self._came.set()
        while self._bytes > self._bytes_max:
            self._went.clear()
            await self._went.wait()

    async def turn(self) -> None:
        """End a turn of work, and begin the next one when something has come."""
        self._at_work = False
        self._went.set()
        await self._came.wait()
        self._came.clear()
        self._at_work = True

    def take(self) -> bytes:
        """Take the oldest frame; the one before has been dealt with."""
        raw = self._frames.popleft()
        self._bytes -= len(raw)
        self._went.set()
        return raw

    async def heard_out(self, within_s: float) -> None:
        """Wait until everything that came has been dealt with: of a connection that ended, the last may say why."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._frames or self._at_work:
                    self._went.clear()
                    await self._went.wait()
