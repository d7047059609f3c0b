"""A TCP proxy that misbehaves on demand: between us and a broker, mail server, webhook, camera. Runs in a thread of its own."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Literal

from redshank.clock import Clock, SystemClock
from tests.harness.loop_thread import LoopThread

Mode = Literal["pass", "refuse", "black_hole"]
_BLOCK = 65536


class FaultProxy:
    """Use as a context manager; connect to `host`:`port` instead of the target. The port stays the same in every mode.

    `delay_s` holds back each block in both directions; `cut_after` ends a connection after so many bytes of answer. Both count for
    connections made from then on, and for those there already with their next block.
    """

    def __init__(
        self, target_port: int, target_host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
    ) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.delay_s = 0.0
        self.cut_after: int | None = None
        self.connections = 0
        """Accepted so far, in every mode."""
        self._target = target_host, target_port
        self._clock = clock or SystemClock()
        self._mode: Mode = "pass"
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> FaultProxy:
        self._thread = LoopThread("fault-proxy")
        self._thread.call(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._thread.call(self._switch("refuse"))
        self._thread.stop()

    @property
    def mode(self) -> Mode:
        return self._mode

    def set(self, mode: Mode) -> None:
        """pass: forward · refuse: port closed, connections cut · black_hole: connections made and kept, every byte swallowed.

        Connections that exist are cut by refuse, kept but swallowed by black_hole (and lost for good: pass is for new ones).
        """
        self._thread.call(self._switch(mode))

    def cut(self) -> None:
        """End every connection now; the mode stays."""
        self._thread.call(self._cut())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _switch(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "refuse":
            if self._server is not None:
                self._server.close()
                self._server = None
            await self._cut()
        elif self._server is None:
            await self._listen()

    async def _cut(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            if self._mode == "black_hole":
                await self._swallow(reader)
            else:
                await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one of both ends left, or we cut them
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        try:
            there = asyncio.ensure_future(self._pump(reader, up_writer, False))
            back = asyncio.ensure_future(self._pump(up_reader, writer, True))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                there.cancel()
                back.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
        finally:
            up_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        passed = 0
        while block := await reader.read(_BLOCK):
            if self._mode == "black_hole":
                await self._swallow(reader)
            if self.delay_s:
                await self._clock.sleep(self.delay_s)
            if is_answer and self.cut_after is not None and passed + len(block) >= self.cut_after:
                writer.write(block[: max(0, self.cut_after - passed)])
                await writer.drain()
                return
            passed += len(block)
            writer.write(block)
            await writer.drain()
        writer.close()

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        """Read and forget; never ends before the connection is cut from here."""
        while await reader.read(_BLOCK):
            pass
        await asyncio.Event().wait()
