"""What people watch live, in capture: packets of the streams the hub asks for, from the newest keyframe on. Event loop only.

The hub says `watch` and `unwatch {camera, stream}`. It gets `sound {camera, stream, n}` where a stream has sound, packets (see
`process.wire`), and `private {camera}` behind the last packet before a camera became private, and at the beginning for each that is.
When it does not take them they wait in the fan-out's bounded queue, under the name `live`, and are dropped to the next keyframe.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from functools import partial

from redshank.media.fanout import Fanout, Reader
from redshank.pipe import Note, Pipe, PipeBroken
from redshank.process.wire import Sender
from redshank.process.worker import Worker

log = logging.getLogger(__name__)

Key = tuple[str, str]


class Watched:
    """One connection to the hub."""

    def __init__(self, worker: Worker, fanouts: Mapping[Key, Fanout], pipe: Pipe) -> None:
        self._worker = worker
        self._fanouts = fanouts
        self._pipe = pipe
        self._sender = Sender()
        self._ready = asyncio.Event()
        self._readers: dict[Key, Reader] = {}

    async def run(self) -> None:
        """Until the hub is gone."""
        sending = asyncio.ensure_future(self._send())
        for camera in sorted({camera for (camera, _stream), fanout in self._fanouts.items() if fanout.silent}):
            self.private(camera)
        try:
            with contextlib.suppress(PipeBroken):
                while True:
                    self._on_note(await self._pipe.read())
        finally:
            sending.cancel()
            for reader in self._readers.values():
                reader.close()
            self._pipe.close()

    def _on_note(self, note: Note) -> None:
        key = note.header.get("camera", ""), note.header.get("stream", "")
        match note.kind:
            case "watch":
                self._watch(key)
            case "unwatch":
                if (reader := self._readers.pop(key, None)) is not None:
                    reader.close()

    def _watch(self, key: Key) -> None:
        fanout = self._fanouts.get(key)
        known = self._readers.get(key)
        if fanout is None or (known is not None and not known.closed):
            return
        sound = next((format for format in fanout.formats if format.kind == "audio"), None)
        if sound is not None:
            number, told = self._sender.known(sound)
            for each in (*told, Note("sound", {"camera": key[0], "stream": key[1], "n": number})):
                self._pipe.write(each)
        wake = partial(self._worker.soon, self._ready.set)
        self._readers[key] = fanout.join("live", wake=wake, since=self._worker.clock.now())
        self._ready.set()

    def private(self, camera: str) -> None:
        """Its fan-outs are silent by now."""
        self._pipe.write(Note("private", {"camera": camera}))

    async def _send(self) -> None:
        with contextlib.suppress(PipeBroken):
            while True:
                await self._ready.wait()
                self._ready.clear()
                for packet in [packet for reader in self._readers.values() for packet in reader.take()]:
                    for note in self._sender.notes(packet):
                        self._pipe.write(note)
                    await self._pipe.drain()
