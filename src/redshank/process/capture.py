"""The capture process: cameras in, packets out. H.264 and H.265 pass as they come; nothing elsewhere can stop it.

Threads: the event loop (notes from and to the hub, packets to vision), one reader per stream. Packets for vision wait in the
fan-out's bounded queue; when vision does not take them they are dropped to the next keyframe and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from redshank.clock import US_PER_S
from redshank.media.fanout import Reader
from redshank.model import Packet
from redshank.pipe import Note, Pipe, PipeBroken, pack
from redshank.process.recorders import Recorders
from redshank.process.settings import CaptureSettings
from redshank.process.streams import Streams
from redshank.process.watched import Watched
from redshank.process.wire import HELLO, Sender
from redshank.process.worker import Worker

log = logging.getLogger(__name__)

AFTER_US = US_PER_S // 2
"""A cut goes on so long after the wanted time: the picture wanted may be shown later than it is sent."""
MAX_CUT_BYTES = 24_000_000
TICK_S = 1.0


SETTINGS = TypeAdapter(CaptureSettings)


class Capture:
    """The process: its readers, their fan-outs, the connections to vision and to whoever watches live."""

    def __init__(self, worker: Worker, settings: CaptureSettings) -> None:
        self._worker = worker
        self._settings = settings
        self._streams = Streams(worker, settings.epoch)
        self._fanouts = self._streams.fanouts
        self._recorders = Recorders(worker, self._fanouts, settings.epoch)
        self._ready = asyncio.Event()
        self._to_vision: list[asyncio.Task[None]] = []
        self._watched: set[Watched] = set()
        self._given: dict[tuple[str, str], int] = {}
        """Number of the newest packet that vision was given, by stream."""
        self._readers: dict[tuple[str, str], Reader] | None = None
        """What vision is given, while it is there."""

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._worker.beat(self._stats))
                self._worker.on_socket(partial(self._greet, group))
                group.create_task(self._worker.listen(self._on_note))
                self._change(self._settings)
                group.create_task(self._tick())
        finally:
            await asyncio.shield(self._finish())

    async def _finish(self) -> None:
        """However it ends: what has arrived is written, closed and told, unless the disk does not let us."""
        self._streams.stop()
        await asyncio.to_thread(self._recorders.stop)
        with contextlib.suppress(PipeBroken):
            await self._worker.pipe.drain()

    def _change(self, settings: CaptureSettings) -> None:
        """Everything is as these say from now on; what they leave as it is goes on without a gap. Waits for nothing."""
        self._streams.begin(settings)
        self._recorders.open(settings)
        self._streams.drop(settings.streams)
        self._streams.read(settings.streams)
        self._follow()

    async def _tick(self) -> None:
        while True:
            await self._worker.clock.sleep(TICK_S)
            self._streams.tick()
            self._recorders.tick()

    def _stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = {"streams": len(self._streams), "recorders": self._recorders.stats()}
        if self._recorders.dead:
            stats |= {"stuck_s": 1e9, "stuck_in": "the recorder"}
        if self._streams.exhausted:
            stats |= {"stuck_s": 1e9, "stuck_in": "a camera's connection"}
        return stats

    async def _on_note(self, note: Note) -> None:
        if note.kind == "cameras":
            self._change(SETTINGS.validate_json(note.body))
        elif not self._recorders.on_note(note):
            log.warning("unexpected note", extra={"kind": note.kind})
        elif note.kind == "record" and note.header["private"]:
            for each in self._watched:
                each.private(note.header["camera"])

    def _greet(self, group: asyncio.TaskGroup, pipe: Pipe) -> None:
        """Whoever is connected to us says first who it is."""
        group.create_task(self._serve(group, pipe))

    async def _serve(self, group: asyncio.TaskGroup, pipe: Pipe) -> None:
        with contextlib.suppress(PipeBroken):
            hello = await pipe.read()
            if hello.kind == HELLO and hello.header.get("role") == "live":
                await self._show(pipe)
            else:
                self._connected(group, pipe)

    async def _show(self, pipe: Pipe) -> None:
        watched = Watched(self._worker, self._fanouts, pipe)
        self._watched.add(watched)
        try:
            await watched.run()
        finally:
            self._watched.discard(watched)

    def _connected(self, group: asyncio.TaskGroup, pipe: Pipe) -> None:
        """A (new) vision process: it gets every analysed stream from its newest keyframe on, and may ask for cuts."""
        for task in self._to_vision:
            task.cancel()
        self._to_vision = [group.create_task(self._forward(pipe)), group.create_task(self._answer(pipe))]

    async def _forward(self, pipe: Pipe) -> None:
        readers: dict[tuple[str, str], Reader] = {}
        self._readers = readers
        self._follow()
        sender = Sender()
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                for packet in _waiting(tuple(readers.values())):
                    self._given[packet.camera, packet.stream] = packet.seq
                    for note in sender.notes(packet):
                        pipe.write(note)
                    await pipe.drain()
        except PipeBroken:
            log.info("vision is gone")
        finally:
            if self._readers is readers:
                self._readers = None
            for reader in readers.values():
                reader.close()

    def _follow(self) -> None:
        """Vision, while it is there, is given exactly the streams that are analysed."""
        readers, wanted = self._readers, self._streams.analysed
        if readers is None:
            return
        wake, now = partial(self._worker.soon, self._ready.set), self._worker.clock.now()
        for key in [key for key, reader in readers.items() if key not in wanted or reader.closed]:
            readers.pop(key).close()
        readers |= {key: self._join(key, now, wake) for key in wanted if key not in readers}
        self._ready.set()

    def _join(self, key: tuple[str, str], now: int, wake: Callable[[], None]) -> Reader:
        """From the newest keyframe on. What came while there was no vision process counts as dropped."""
        fanout = self._fanouts[key]
        reader = fanout.join("vision", wake=wake, since=now)
        first = next(iter(fanout.since(now)), None)
        if first is not None and key in self._given:
            reader.dropped += max(0, first.seq - self._given[key] - 1)
        return reader

    async def _answer(self, pipe: Pipe) -> None:
        with contextlib.suppress(PipeBroken):
            while True:
                note = await pipe.read()
                if note.kind == "cut":
                    pipe.write(Note("cut", {"number": note.header["number"]}, self._cut(note)))

    def _cut(self, note: Note) -> bytes:
        """The main stream's packets around a time, packed one after another; empty when there are none."""
        fanout = self._fanouts.get((note.header["camera"], "main"))
        if fanout is None:
            return b""
        time: int = note.header["time"]
        packets = [p for p in fanout.since(time) if p.format.kind == "video" and p.time <= time + AFTER_US]
        if not packets or packets[0].time > time + AFTER_US:
            return b""
        sender = Sender()
        cut = b"".join(pack(each) for packet in packets for each in sender.notes(packet))
        return cut if len(cut) <= MAX_CUT_BYTES else b""


def _waiting(readers: Iterable[Reader]) -> Iterable[Packet]:
    return (packet for reader in readers for packet in reader.take())


async def capture(worker: Worker) -> None:
    """The body."""
    await Capture(worker, SETTINGS.validate_json(await worker.settings())).run()
