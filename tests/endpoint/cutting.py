"""A proxy that breaks its first connection off after so many bytes, and lets every later one pass."""

import asyncio
from contextlib import suppress


class CuttingProxy:
    """Between an endpoint and its gateway; counts the bytes of one direction."""

    def __init__(self, target_port: int) -> None:
        """Forward to `target_port` on loopback."""
        self._target_port = target_port
        self.cut_after: int | None = None
        self.upwards = True
        self.port = 0
        self.cuts = 0
        self.passed = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop what is open."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        writers = (writer, there_writer)
        for source, target, upwards in ((reader, there_writer, True), (there_reader, writer, False)):
            task = asyncio.create_task(self._copy(source, target, writers, upwards == self.upwards))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        writers: tuple[asyncio.StreamWriter, ...],
        counted: bool,
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                if counted:
                    self.passed += len(data)
                if counted and self.cut_after is not None:
                    if len(data) >= self.cut_after:
                        target.write(data[: self.cut_after])
                        await target.drain()
                        self.cut_after = None
                        self.cuts += 1
                        break
                    self.cut_after -= len(data)
                target.write(data)
                await target.drain()
        for writer in writers:
            writer.close()
