"""A way to the server that can be cut in mid-answer: what was asked arrives, what was answered does not."""

import asyncio
import threading
from contextlib import suppress
from typing import Literal, Self

Cut = Literal["answer", "question"]


class Wire:
    """Forwards connections to a server until told to cut the next one that carries something like `marker`."""

    def __init__(self, port: int) -> None:
        """Forward to `port` on loopback."""
        self._target = port
        self._cut: Cut | None = None
        self._marker = b""
        self.cuts = 0
        self.port = 0

    def __enter__(self) -> Self:
        """Listen on a free port, on a thread of our own: whoever opens a store blocks its event loop meanwhile."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Take no more connections."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _listen(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    def cut(self, what: Cut, marker: bytes) -> None:
        """Once a question holds `marker`, lose it on its way, or lose its answer; then all is well again."""
        self._cut, self._marker = what, marker

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, questions = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        lost = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask(reader, questions, writer, lost))
                tasks.create_task(self._answer(answers, writer, lost))
        except* OSError:
            pass
        finally:
            with suppress(OSError):
                questions.close()
                writer.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        questions: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        lost: asyncio.Event,
    ) -> None:
        while data := await reader.read(1 << 20):
            if self._cut is not None and self._marker in data:
                what, self._cut = self._cut, None
                self.cuts += 1
                lost.set()
                if what == "answer":
                    questions.write(data)
                    await questions.drain()
                    # The server works on; the client hears nothing more and is cut off a moment later.
                    await asyncio.sleep(0.3)
                client.transport.abort()
                questions.close()
                return
            questions.write(data)
            await questions.drain()
        questions.close()

    async def _answer(self, answers: asyncio.StreamReader, client: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        while data := await answers.read(1 << 20):
            if not lost.is_set():
                client.write(data)
                await client.drain()
        client.close()
