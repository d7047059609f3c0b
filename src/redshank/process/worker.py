"""What both bodies share: taking settings, saying `beat`, taking sockets, ending when the hub ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redshank.clock import SystemClock
from redshank.pipe import Note, Pipe, PipeBroken
from redshank.process.wire import take_over

log = logging.getLogger(__name__)

BEAT_S = 1.0
POOL = 4
MOST_WAITING = 1_000_000
"""Bytes for the hub; beyond them it has stopped listening for a while, and what is soon said again need not wait for it."""


class Worker:
    """The child's end: a pipe to the hub and a socket through which it is given others."""

    def __init__(self, pipe: Pipe, hand: socket.socket) -> None:
        self.pipe = pipe
        self._hand = hand
        self.clock = SystemClock()
        self.loop = asyncio.get_running_loop()
        self.loop.set_default_executor(ThreadPoolExecutor(POOL, "pool"))

    async def settings(self) -> bytes:
        """The first note. Raises PipeBroken when the hub is gone already."""
        return (await self.pipe.read()).body

    def soon(self, call: Callable[[], object]) -> None:
        """From any thread: call this on the loop. What comes after the loop ended is lost, as everything then is."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call)

    def tell_soon(self, note: Note) -> None:
        """From any thread: say this to the hub, unless it is soon said again and much waits already."""
        self.soon(lambda: self._tell(note))

    def _tell(self, note: Note) -> None:
        if self.pipe.waiting < MOST_WAITING or not _passing(note):
            self.pipe.write(note)

    async def beat(self, stats: Callable[[], Mapping[str, Any]]) -> None:
        """Say once a second that the loop turns, and how we are. Runs until cancelled."""
        while True:
            self.pipe.write(Note("beat", stats()))
            await self.clock.sleep(BEAT_S)

    async def listen(self, on_note: Callable[[Note], Awaitable[None]]) -> None:
        """Everything the hub says. Raises PipeBroken when it is gone: then we end too."""
        while True:
            await on_note(await self.pipe.read())

    def on_socket(self, given: Callable[[Pipe], None]) -> None:
        """Call `given` with a pipe over every socket handed to us."""
        self._hand.setblocking(False)
        tasks: set[asyncio.Task[None]] = set()

        async def open_pipe(sock: socket.socket) -> None:
            given(await Pipe.over(sock))

        def take() -> None:
            with contextlib.suppress(BlockingIOError):
                sock = take_over(self._hand)
                if sock is None:
                    self.loop.remove_reader(self._hand)
                    return
                task = self.loop.create_task(open_pipe(sock))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        self.loop.add_reader(self._hand, take)


def _passing(note: Note) -> bool:
    """Whether a newer one follows within seconds. That a volume is well again is said once."""
    return note.kind in ("running", "state") or (note.kind == "volume" and bool(note.header["trouble"]))


async def run_body(body: Callable[[Worker], Awaitable[None]], pipe_fd: int, hand_fd: int) -> None:
    """Run a body until the hub is gone or asks us to end."""
    pipe = await Pipe.over(socket.socket(fileno=pipe_fd))
    worker = Worker(pipe, socket.socket(fileno=hand_fd))
    task = asyncio.ensure_future(body(worker))
    for number in (signal.SIGTERM, signal.SIGINT):
        # Ctrl-C reaches the whole terminal; the hub decides when we end.
        worker.loop.add_signal_handler(number, task.cancel if number == signal.SIGTERM else lambda: None)
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await task
        except* PipeBroken:
            log.info("the hub is gone")
