"""Trails of a site: what is looked at now is written, what was is read.

`offer` takes each observation on the event loop and only queues it; one thread thins, packs and appends. Order of writes: blocks of
at most 15 s are appended whole, a file is synced once a minute and when it is left. A kill loses the looks of the last 15 s, a power
cut at most those of the last 75 s, never what was written before. A disk that refuses costs what it refuses, counted; nobody waits.
"""

from __future__ import annotations

import logging
import os
import queue
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from redshank.clock import NS_PER_S, Clock
from redshank.errors import StoreError
from redshank.model import Observation
from redshank.trail import read
from redshank.trail.pack import (
    BLOCK_US,
    HEAD,
    MOST_LOOKS,
    MOST_POINTS,
    MOST_TRACKS,
    SUM,
    Block,
    Look,
    Point,
    look,
    pack,
    unpack,
)

log = logging.getLogger(__name__)

WAITING = 4000
"""Observations; one more is dropped and counted."""
SYNC_S = 60.0
BAD = (struct.error, ValueError, OverflowError)
"""What a look raises that does not fit what is written."""
IDLE_US = 10_000_000
"""While nothing moves and nothing is there, one look so often says that somebody looked."""
POLL_S = 1.0


@dataclass(slots=True)
class _Open:
    """A camera's block that is being filled, and its file."""

    looks: list[Look] = field(default_factory=list)
    last: dict[str, Point] = field(default_factory=dict)
    """Tracks as last written."""
    begun_ns: int = 0
    points: int = 0
    tracks: set[str] = field(default_factory=set)
    idle: int = 0
    """Time of the last look with nothing in it."""
    path: Path | None = None
    file: int = -1
    synced_ns: int = 0
    dirty: bool = False


class Trails:
    """One per site; `close` when nothing is offered any more. Reading: any thread."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self.dropped = 0
        """Observations that found the queue full."""
        self.lost = 0
        """Looks the disk refused, or that cannot be written down."""
        self._clock = clock
        self._queue: queue.Queue[Observation | None] = queue.Queue(WAITING)
        self._cameras: dict[str, _Open] = {}
        self._lock = threading.Lock()
        """Around the blocks that are being filled."""
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="trails", daemon=True)
        self._thread.start()

    def offer(self, seen: Observation) -> None:
        """Never blocks."""
        try:
            self._queue.put_nowait(seen)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits. Blocks; idempotent."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def settle(self) -> None:
        """Wait until everything offered so far can be read. Blocks."""
        self._queue.join()

    def looks(self, camera: str, start: int, end: int) -> list[Look]:
        """Analysed pictures of [start, end), oldest first, each with every track that was there. Raises StoreError."""
        return read.looks(self._blocks(camera, start, end), start, end)

    def path(self, camera: str, track: str, start: int, end: int) -> list[tuple[int, Point]]:
        """Where one track was: (time, point), oldest first, thinned while it stood still. Raises StoreError."""
        return read.path(self._blocks(camera, start, end), track, start, end)

    def cells(self, camera: str, start: int, end: int, label: str, grid: tuple[int, int]) -> list[int]:
        """How often an object stood in which of (columns, rows), see `read.cells`; exact to a block. Raises StoreError."""
        return read.cells(self._blocks(camera, start, end), label, grid)

    def _blocks(self, camera: str, start: int, end: int) -> Iterator[Block]:
        """Those written, and what is to be one."""
        with self._lock:
            one = self._cameras.get(camera)
            filling = list(one.looks) if one is not None else []
        bases = set()
        for block in read.blocks(self.root, camera, start, end):
            bases.add(block.base)
            yield block
        # It may have been written since.
        if filling and start - read.REACH_US < filling[0].time < end and filling[0].time not in bases:
            yield from filter(None, [unpack(pack(filling)[HEAD.size : -SUM.size])])

    def forget(self, day: str) -> int:
        """Delete files of days before this one, `2026-11-21`. How many. Raises StoreError."""
        try:
            old = [one for one in self.root.glob(f"*/*{read.ENDING}") if one.name[:10] < day]
            for one in old:
                one.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot delete old trails in {self.root}: {error.strerror}") from error
        return len(old)

    # --- the thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                seen = self._queue.get(timeout=POLL_S)
            except queue.Empty:
                self._look_after()
                continue
            if seen is not None:
                self._take(seen)
            self._queue.task_done()
            if seen is None:
                break
        for camera, one in self._cameras.items():
            self._end(camera, one)
            self._leave(one)

    def _take(self, seen: Observation) -> None:
        """One that cannot be written down costs nothing but itself."""
        try:
            self._add(seen)
        except BAD as error:
            self.lost += 1
            log.error("a look is not kept: camera=%s error=%r", seen.camera, error)

    def _add(self, seen: Observation) -> None:
        one = self._cameras.setdefault(seen.camera, _Open())
        if one.looks and not self._fits(one, seen):
            self._end(seen.camera, one)
            self._look_after()
        found, last = look(seen, one.last if one.looks else {})
        nothing = not (seen.tracks or one.last or seen.motion > 0)
        if nothing and 0 <= seen.time - one.idle < IDLE_US:
            return
        with self._lock:
            one.looks.append(found)
        one.last = last
        one.idle = seen.time
        one.points += len(found.points)
        one.tracks.update(point.track for point in found.points)
        one.begun_ns = one.begun_ns or self._clock.mono_ns()

    def _fits(self, one: _Open, seen: Observation) -> bool:
        first, last = one.looks[0].time, one.looks[-1].time
        more = min(len(seen.tracks), MOST_TRACKS) + len(one.last)
        return (
            last <= seen.time < first + BLOCK_US
            and len(one.looks) < MOST_LOOKS
            and one.points + more <= MOST_POINTS
            and len(one.tracks) + more <= MOST_TRACKS
        )

    def _look_after(self) -> None:
        """End blocks nothing is added to any more; sync what was written a while ago."""
        now = self._clock.mono_ns()
        for camera, one in self._cameras.items():
            if one.looks and now - one.begun_ns > BLOCK_US * 1000:
                self._end(camera, one)
            if one.dirty and now - one.synced_ns > SYNC_S * NS_PER_S:
                self._sync(one)

    def _end(self, camera: str, one: _Open) -> None:
        """Append the block. Its last tracks stay known: the next block says them again."""
        if not one.looks:
            return
        try:
            self._append(camera, one, pack(one.looks))
            self._trouble = ""
        except (OSError, *BAD) as error:
            self.lost += len(one.looks)
            if self._trouble != str(error):
                self._trouble = str(error)
                why = error.strerror if isinstance(error, OSError) else repr(error)
                log.error("trails are not kept: camera=%s error=%s", camera, why)
            self._leave(one)
        with self._lock:
            one.looks = []
        one.points, one.begun_ns = 0, 0
        one.tracks = set()

    def _append(self, camera: str, one: _Open, data: bytes) -> None:
        """Raises OSError."""
        path = read.path_of(self.root, camera, one.looks[0].time)
        if path != one.path:
            self._leave(one)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            one.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            one.path, one.synced_ns = path, self._clock.mono_ns()
        size = os.fstat(one.file).st_size
        if os.write(one.file, data) < len(data):
            os.ftruncate(one.file, size)
            raise OSError(28, "no space left")
        one.dirty = True

    def _sync(self, one: _Open) -> None:
        try:
            os.fdatasync(one.file)
        except OSError as error:
            log.error("trails may not be kept: %s", error.strerror)
        one.dirty, one.synced_ns = False, self._clock.mono_ns()

    def _leave(self, one: _Open) -> None:
        if one.file >= 0:
            if one.dirty:
                self._sync(one)
            os.close(one.file)
        one.file, one.path = -1, None
