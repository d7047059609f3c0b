"""One stream of packets to many viewers on one event loop.

A `Feed` is what a server can mount. `Viewers` is the usual one: whoever has packets calls `offer` on the loop's thread (other threads
go through `loop.call_soon_threadsafe`), and each viewer has a bounded queue of its own.

Overflow rule: a viewer whose queue is full loses everything in it, then every unit up to the next video keyframe; all are counted.
A slow viewer therefore hurts only itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from redshank.model import StreamFormat

MAX_UNITS = 2048
MAX_BYTES = 8 * 1024 * 1024


class Unit(Protocol):
    """What a viewer is given: `model.Packet` and `media.source.RawPacket` both fit."""

    @property
    def format(self) -> StreamFormat: ...
    @property
    def pts(self) -> int | None: ...
    @property
    def keyframe(self) -> bool: ...
    @property
    def data(self) -> bytes: ...


class Feed(Protocol):
    """Something to watch, live."""

    @property
    def formats(self) -> Sequence[StreamFormat]:
        """Video first, then audio if there is one; empty while the camera has not been seen yet."""
        ...

    def subscribe(self) -> AbstractContextManager[AsyncIterator[Unit]]:
        """Units from the next video keyframe on, until the feed ends. Leaving the context gives the queue back."""
        ...


class Viewer:
    """One bounded queue. Made by `Viewers.subscribe`; loop thread only."""

    def __init__(self, max_units: int, max_bytes: int) -> None:
        self._queue: deque[Unit] = deque()
        self._bytes = 0
        self._max_units = max_units
        self._max_bytes = max_bytes
        self._waits_for_keyframe = True
        self._ended = False
        self._wake = asyncio.Event()
        self.dropped = 0
        """Units lost to overflow, those skipped up to the next keyframe included."""
        self._overflowed = False

    def offer(self, unit: Unit, starts: bool) -> None:
        """`starts`: decoding can begin with this unit."""
        if starts:
            self._waits_for_keyframe = False
        if self._waits_for_keyframe:
            self.dropped += self._overflowed
            return
        self._queue.append(unit)
        self._bytes += len(unit.data)
        if len(self._queue) > self._max_units or self._bytes > self._max_bytes:
            self._overflow()
        self._wake.set()

    def _overflow(self) -> None:
        self.dropped += len(self._queue)
        self._queue.clear()
        self._bytes = 0
        self._waits_for_keyframe = self._overflowed = True

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    async def units(self) -> AsyncIterator[Unit]:
        while True:
            while self._queue:
                unit = self._queue.popleft()
                self._bytes -= len(unit.data)
                yield unit
            if self._ended:
                return
            self._wake.clear()
            await self._wake.wait()


class Viewers:
    """A `Feed` fed by `offer`. Loop thread only."""

    def __init__(
        self,
        formats: Sequence[StreamFormat] = (),
        backlog: bool = False,
        max_units: int = MAX_UNITS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """`backlog`: a new viewer gets everything since the last keyframe at once (as far as it fits half its queue), instead of
        waiting for the next; for long GOPs."""
        self.formats: Sequence[StreamFormat] = tuple(formats)
        self._backlog = backlog
        self._since_keyframe: list[Unit] = []
        self._backlog_bytes = 0
        self._max_units = max_units
        self._max_bytes = max_bytes
        self._viewers: list[Viewer] = []
        self._dropped_before = 0

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def dropped(self) -> int:
        """Units lost to overflow by all viewers so far."""
        return self._dropped_before + sum(viewer.dropped for viewer in self._viewers)

    def offer(self, unit: Unit) -> None:
        """Hand one unit to every viewer; never waits."""
        has_video = any(format.kind == "video" for format in self.formats)
        starts = unit.keyframe and (unit.format.kind == "video" or not has_video)
        for viewer in self._viewers:
            viewer.offer(unit, starts)
        if self._backlog:
            self._remember(unit, starts)

    def _remember(self, unit: Unit, starts: bool) -> None:
        if starts:
            self._since_keyframe.clear()
            self._backlog_bytes = 0
        elif not self._since_keyframe:
            return
        self._since_keyframe.append(unit)
        self._backlog_bytes += len(unit.data)
        if len(self._since_keyframe) > self._max_units // 2 or self._backlog_bytes > self._max_bytes // 2:
            self._since_keyframe.clear()

    def end(self) -> None:
        """No more units: every viewer's iteration ends after what it still holds."""
        for viewer in self._viewers:
            viewer.end()

    @contextmanager
    def subscribe(self) -> Iterator[AsyncIterator[Unit]]:
        viewer = Viewer(self._max_units, self._max_bytes)
        for index, unit in enumerate(self._since_keyframe):
            viewer.offer(unit, index == 0)
        self._viewers.append(viewer)
        try:
            yield viewer.units()
        finally:
            self._viewers.remove(viewer)
            self._dropped_before += viewer.dropped
