"""What people watch live: one upstream per (camera, stream) whatever the number of viewers, and only while somebody watches.

Everything runs on the hub's event loop; nothing here blocks, and nothing decodes. Packets come from the cameras' capture processes
(`Upstream`); each stream that is watched has one `Line`: its newest GOP, whoever takes packets, and at most two muxers (with and
without sound) whose fragments all viewers share.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Protocol

from redshank.clock import Clock
from redshank.live.line import Line
from redshank.live.viewer import Viewer
from redshank.media.live import Fragment
from redshank.model import CameraState, Packet, StreamFormat

LINGER_S = 5.0
"""So long a stream is still fetched when nobody watches it any more: a tile that is opened again is there at once."""


class Upstream(Protocol):
    """Where packets come from (process/upstream.py). It calls `LiveRoom.offer` for what is watched, the newest GOP first."""

    def watch(self, camera: str, stream: str) -> None:
        """From now on, also from a capture process that is started anew, until `unwatch`."""
        ...

    def unwatch(self, camera: str, stream: str) -> None: ...


Transcode = Callable[[str, str], AbstractAsyncContextManager[AsyncIterator[Packet]]]
"""(camera, stream) -> its pictures as H.264 that every browser plays, from a keyframe on, while the context is open."""


class LiveRoom:
    """One per site."""

    def __init__(
        self,
        upstream: Upstream,
        clock: Clock,
        state: Callable[[str, str], CameraState | None] = lambda _camera, _stream: None,
    ) -> None:
        self.clock = clock
        self.state = state
        """How a stream is, as last told."""
        self.transcode: Transcode | None = None
        """Set by whoever can; None: there is no transcoding."""
        self.forgets: list[Callable[[str], None]] = []
        """Who else is told of a camera that becomes private."""
        self._upstream = upstream
        self._lines: dict[tuple[str, str], Line] = {}
        self._leaving: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._made: list[tuple[str, Line]] = []
        """Camera and line of what is transcoded, one per viewer."""

    # -- for viewers

    @contextmanager
    def taking(self, camera: str, stream: str) -> Iterator[Viewer[Packet]]:
        """While the context is open, packets of the stream, sound included: everything since the newest keyframe, then what comes.

        `async for packet in viewer` (or `await viewer.next()`) waits as long as there is nothing, and ends only with `stop`. A new
        `packet.format` object means new parameters, as everywhere. Bounded: who does not take 4 s or 8 MB loses all up to the next
        keyframe, counted in `viewer.dropped`. Unknown and private cameras simply give nothing.
        """
        with self._on(camera, stream) as line, line.packets() as viewer:
            yield viewer

    @asynccontextmanager
    async def packets(self, camera: str, stream: str) -> AsyncIterator[Viewer[Packet]]:
        """The same as an asynchronous context."""
        with self.taking(camera, stream) as viewer:
            yield viewer

    @asynccontextmanager
    async def watch(self, camera: str, stream: str, sound: bool = True) -> AsyncIterator[Viewer[Fragment]]:
        """The same as fragments for a browser; `Fragment.init` is what must come before. Bounded by 2 s."""
        with self._on(camera, stream) as line, line.fragments(sound) as viewer:
            yield viewer

    @asynccontextmanager
    async def transcoded(self, camera: str, stream: str, sound: bool = True) -> AsyncIterator[Viewer[Fragment]]:
        """The same for a browser that cannot play what the camera sends. Raises what `transcode` raises."""
        assert self.transcode is not None
        line = Line(self.clock)
        made = camera, line
        async with self.transcode(camera, stream) as packets:
            with line.fragments(sound) as viewer:
                self._made.append(made)
                task = asyncio.get_running_loop().create_task(_pump(packets, line))
                try:
                    yield viewer
                finally:
                    self._made.remove(made)
                    task.cancel()
                    await asyncio.wait({task})

    def sound(self, camera: str, stream: str) -> StreamFormat | None:
        """Of a stream that is watched, as far as is known."""
        line = self._lines.get((camera, stream))
        return line.sound if line is not None else None

    def viewers(self, camera: str, stream: str) -> int:
        """How many there are at the moment."""
        line = self._lines.get((camera, stream))
        return line.users if line is not None else 0

    def dropped(self) -> dict[tuple[str, str], int]:
        """Packets and fragments that slow viewers lost, by stream that is watched."""
        return {key: line.dropped for key, line in self._lines.items()}

    # -- for the upstream, and whoever runs the site

    def offer(self, packet: Packet) -> None:
        """One packet, in order. What nobody watches any more is forgotten."""
        line = self._lines.get((packet.camera, packet.stream))
        if line is not None:
            line.offer(packet)

    def expect(self, camera: str, stream: str, sound: StreamFormat | None) -> None:
        """What sound the stream has, before its first packet."""
        line = self._lines.get((camera, stream))
        if line is not None:
            line.expect(sound)

    def forget(self, camera: str) -> None:
        """It is private now: nothing of it that waits is shown to anybody."""
        lines = [(name, line) for (name, _stream), line in self._lines.items()]
        for name, line in (*lines, *self._made):
            if name == camera:
                line.forget()
        for forget in self.forgets:
            forget(camera)

    async def stop(self) -> None:
        """End every viewer. Idempotent."""
        for line in self._lines.values():
            line.end()
        for _camera, line in self._made:
            line.end()
        leaving = list(self._leaving.values())
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)

    # -- on demand

    @contextmanager
    def _on(self, camera: str, stream: str) -> Iterator[Line]:
        """One more viewer of the stream, the first of which opens it."""
        key = camera, stream
        leaving = self._leaving.pop(key, None)
        if leaving is not None:
            leaving.cancel()
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(self.clock)
            self._upstream.watch(camera, stream)
        line.users += 1
        try:
            yield line
        finally:
            line.users -= 1
            if not line.users:
                self._leaving[key] = asyncio.get_running_loop().create_task(self._leave(key))

    async def _leave(self, key: tuple[str, str]) -> None:
        await self.clock.sleep(LINGER_S)
        del self._lines[key], self._leaving[key]
        self._upstream.unwatch(*key)


async def _pump(packets: AsyncIterator[Packet], line: Line) -> None:
    try:
        async for packet in packets:
            line.offer(packet)
    finally:
        line.end()
