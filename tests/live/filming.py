"""For tests: real capture processes on harness cameras, and the live room that watches them, on the test's own event loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from redshank.bus.messages import decode
from redshank.clock import SystemClock
from redshank.live.room import LiveRoom
from redshank.media.settings import SourceSettings
from redshank.model import CameraState, Packet, StreamFormat
from redshank.pipe import Note
from redshank.process.settings import CaptureSettings, StreamSettings
from redshank.process.upstream import Upstream
from redshank.supervisor import Supervisor, Worker

CLOCK = SystemClock()
SETTINGS = TypeAdapter(CaptureSettings)


class Filming:
    """One capture process for some streams: (camera, stream) → address."""

    def __init__(self, streams: Mapping[tuple[str, str], str]) -> None:
        self._streams = streams
        self._cameras = tuple(dict.fromkeys(camera for camera, _ in streams))
        self.states: dict[tuple[str, str], CameraState] = {}
        self.silent: tuple[str, ...] = ()
        """Private cameras, as a capture process that begins is told."""
        self.offered = 0
        """Packets that have come to the hub so far."""
        self.asked: list[tuple[str, str, str]] = []
        """watch or unwatch, camera, stream: what the room wanted, in order."""
        self.upstream = Upstream()
        self.room = LiveRoom(self, CLOCK, lambda camera, stream: self.states.get((camera, stream)))
        self.upstream.room = self
        self.capture = Worker("capture-0", self._settings, self._heard, self._changed)

    # Between the room and its upstream: both are told what the other says.

    def watch(self, camera: str, stream: str) -> None:
        self.asked.append(("watch", camera, stream))
        self.upstream.watch(camera, stream)

    def unwatch(self, camera: str, stream: str) -> None:
        self.asked.append(("unwatch", camera, stream))
        self.upstream.unwatch(camera, stream)

    def offer(self, packet: Packet) -> None:
        self.offered += 1
        self.room.offer(packet)

    def expect(self, camera: str, stream: str, sound: StreamFormat | None) -> None:
        self.room.expect(camera, stream, sound)

    def forget(self, camera: str) -> None:
        self.room.forget(camera)

    async def _settings(self) -> bytes:
        streams = [
            StreamSettings(camera, stream, SourceSettings(url), analysed=False)
            for (camera, stream), url in self._streams.items()
        ]
        targets = tuple(urlsplit(url).netloc.rpartition("@")[2] for url in self._streams.values())
        return SETTINGS.dump_json(CaptureSettings(tuple(streams), self.capture.starts + 1, targets, silent=self.silent))

    async def _heard(self, note: Note) -> None:
        if note.kind == "state":
            state = decode(CameraState, note.header)
            self.states[state.camera, state.stream] = state

    def _changed(self, alive: bool) -> None:
        if alive and self.capture.hand is not None:
            self.upstream.started(self._cameras, self.capture.hand)

    def kill(self) -> None:
        """As the kernel would when memory runs out."""
        assert self.capture.pid is not None
        os.kill(self.capture.pid, signal.SIGKILL)


@asynccontextmanager
async def filming(streams: Mapping[tuple[str, str], str]) -> AsyncIterator[Filming]:
    made = Filming(streams)
    task = asyncio.ensure_future(Supervisor(CLOCK).keep(made.capture))
    try:
        yield made
    finally:
        await made.room.stop()
        await made.upstream.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(look: Callable[[], object], within_s: float = 15) -> None:
    async with asyncio.timeout(within_s):
        while not look():
            await CLOCK.sleep(0.02)
