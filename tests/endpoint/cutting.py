"""A proxy that breaks its first connection off after so many bytes, and lets every later one pass."""

import asyncio
import ssl
from contextlib import suppress


class CuttingProxy:
    """Between an endpoint and its gateway; counts the bytes of one direction."""

    def __init__(self, target_port: int, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None) -> None:
        """Forward to `target_port` on loopback.

        `tls`: be the gateway for the endpoint and the endpoint for the gateway. Then what is counted and cut are the
        bytes inside, so that half a frame arrives; without it half a TLS record does, and nothing of the frame in it.
        """
        self._target_port = target_port
        self._tls = (None, None) if tls is None else tls
        self.cut_after: int | None = None
        # Whether a cut takes the network down until `down` is False again: some clients come back by themselves.
        self.stays_down = False
        self.down = False
        self.upwards = True
        self.port = 0
        self.cuts = 0
        self.passed = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls[0])
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop what is open."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.close()
            return
        name = None if self._tls[1] is None else "localhost"
        there_reader, there_writer = await asyncio.open_connection(
            "127.0.0.1", self._target_port, ssl=self._tls[1], server_hostname=name
        )
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
        # TLS of a peer that left in the middle of something has more to complain of.
        with suppress(ConnectionError, ssl.SSLError):
            while data := await source.read(65_536):
                if counted:
                    self.passed += len(data)
                if counted and self.cut_after is not None:
                    if len(data) >= self.cut_after:
                        target.write(data[: self.cut_after])
                        await target.drain()
                        self.cut_after = None
                        self.cuts += 1
                        self.down = self.stays_down
                        break
                    self.cut_after -= len(data)
                target.write(data)
                await target.drain()
        for writer in writers:
            writer.close()
