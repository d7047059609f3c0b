"""The readers of a capture process and their fan-outs, as the hub wants them. On the event loop; each reader has its own thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from redshank.bus.messages import encode
from redshank.media.connect import opener, tls_verified
from redshank.media.fanout import Bounds, Fanout
from redshank.media.reader import StreamReader, Stuck
from redshank.media.reader import StreamSettings as ReaderSettings
from redshank.model import CameraState
from redshank.pipe import Note
from redshank.process.settings import CaptureSettings, StreamSettings
from redshank.process.worker import Worker
from redshank.targets import Targets

Key = tuple[str, str]
"""Camera, stream."""


class Streams:
    """One per process. `fanouts` is one object for as long as it lives: who holds it sees streams come and go."""

    def __init__(self, worker: Worker, epoch: int) -> None:
        self.fanouts: dict[Key, Fanout] = {}
        self.analysed: tuple[Key, ...] = ()
        self.exhausted = False
        """Threads that hang in a camera's socket cannot be ended: the whole process is to be replaced."""
        self._worker = worker
        self._epoch = epoch
        self._targets = Targets()
        self._stuck = Stuck(self._on_exhausted)
        self._settings: dict[Key, StreamSettings] = {}
        self._readers: dict[Key, StreamReader] = {}
        self._counted: dict[Key, int] = {}
        """Packets of streams that went: their numbers are not used again."""

    def __len__(self) -> int:
        return len(self._readers)

    def drop(self, streams: Sequence[StreamSettings]) -> None:
        """Those that are not among these end: nothing of them arrives any more."""
        wanted = {(each.camera, each.stream) for each in streams}
        for key in [key for key in self._settings if key not in wanted]:
            self._stop(key)
            del self._settings[key]
            self.fanouts.pop(key).close()

    def begin(self, settings: CaptureSettings) -> None:
        """Every stream has its fan-out; nothing has been started. A ring may be longer or shorter from now on."""
        self._targets.allow(settings.allow_targets)
        for each in settings.streams:
            key, bounds = (each.camera, each.stream), Bounds(each.ring_s)
            self.fanouts.setdefault(key, Fanout(bounds)).resize(bounds)
        self.analysed = tuple((each.camera, each.stream) for each in settings.streams if each.analysed)

    def read(self, streams: Sequence[StreamSettings]) -> None:
        """Start those that are new; those whose source is another one are connected anew. The rest is not touched."""
        for each in streams:
            key = (each.camera, each.stream)
            before = self._settings.get(key)
            self._settings[key] = each
            if before is None or _source(before) != _source(each):
                self._stop(key)
                self._start(key, each)

    def tick(self) -> None:
        """About once a second."""
        for reader in self._readers.values():
            reader.tick()

    def stop(self) -> None:
        """Does not wait for the threads."""
        for reader in self._readers.values():
            reader.stop(0)

    def _start(self, key: Key, each: StreamSettings) -> None:
        settings = ReaderSettings(
            each.camera, each.stream, self._epoch, each.sleeps, each.ends, tls_verified(each.source)
        )
        source, clock = opener(each.source, self._targets), self._worker.clock
        reader = StreamReader(settings, source, self.fanouts[key], clock, self._on_state, self._stuck)
        reader.count_from(self._counted.get(key, 0))
        self._readers[key] = reader
        reader.start()

    def _stop(self, key: Key) -> None:
        """Once it returns nothing of the old source is handed on."""
        reader = self._readers.pop(key, None)
        if reader is not None:
            reader.stop(0)
            self._counted[key] = reader.counted

    def _on_state(self, state: CameraState) -> None:
        """From any reader's thread."""
        self._worker.tell_soon(Note("state", encode(state)))

    def _on_exhausted(self) -> None:
        self.exhausted = True


def _source(settings: StreamSettings) -> StreamSettings:
    """What a change of means another connection."""
    return replace(settings, analysed=False, ring_s=0.0)
