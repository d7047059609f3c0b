"""The hub's end of what people watch live: asks capture processes for packets of what is watched. On the hub's event loop.

A capture process that is started anew is asked again for all that is watched. Nobody reads here faster or slower than the other: what
comes is handed on at once, into queues that are bounded there.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Mapping
from typing import Protocol

from redshank.model import Packet, StreamFormat
from redshank.pipe import Note, Pipe, PipeBroken
from redshank.process.wire import HELLO, Receiver, hand_over


class Room(Protocol):
    """Who wants the packets (`live.room.LiveRoom`)."""

    def offer(self, packet: Packet) -> None: ...
    def expect(self, camera: str, stream: str, sound: StreamFormat | None) -> None: ...
    def forget(self, camera: str) -> None: ...


class Upstream:
    """Of all capture processes of a site."""

    def __init__(self) -> None:
        self.room: Room | None = None
        """Set once, by whoever makes both."""
        self._wanted: set[tuple[str, str]] = set()
        self._pipes: dict[str, Pipe] = {}
        """By camera."""
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, camera: str, stream: str) -> None:
        self._wanted.add((camera, stream))
        self._say("watch", camera, stream)

    def unwatch(self, camera: str, stream: str) -> None:
        self._wanted.discard((camera, stream))
        self._say("unwatch", camera, stream)

    def _say(self, kind: str, camera: str, stream: str) -> None:
        pipe = self._pipes.get(camera)
        if pipe is not None:
            pipe.write(Note(kind, {"camera": camera, "stream": stream}))

    def started(self, cameras: Iterable[str], hand: socket.socket) -> None:
        """A capture process is there, for these cameras; it takes sockets through `hand`. Call it at every start."""
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):  # one that is gone already will be started again
            hand_over(hand, theirs)
        task = asyncio.get_running_loop().create_task(self._listen(tuple(cameras), ours))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, cameras: tuple[str, ...], sock: socket.socket) -> None:
        pipe = await Pipe.over(sock)
        pipe.write(Note(HELLO, {"role": "live"}))
        self._pipes |= dict.fromkeys(cameras, pipe)
        for camera, stream in sorted(self._wanted):
            if camera in cameras:
                self._say("watch", camera, stream)
        try:
            with contextlib.suppress(PipeBroken):
                await self._read(pipe)
        finally:
            self._pipes = {name: each for name, each in self._pipes.items() if each is not pipe}
            pipe.close()

    async def _read(self, pipe: Pipe) -> None:
        receiver = Receiver()
        while True:
            note = await pipe.read()
            if self.room is None:
                continue
            h: Mapping[str, object] = note.header
            if note.kind == "private":
                self.room.forget(str(h["camera"]))
            elif note.kind == "sound":
                self.room.expect(str(h["camera"]), str(h["stream"]), receiver.format(note.header["n"]))
            elif (packet := receiver.packet(note)) is not None:
                self.room.offer(packet)

    async def stop(self) -> None:
        """Idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
