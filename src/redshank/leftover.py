"""Files that lost their writer, and marks of files whose row is committed: what is done to a volume behind the recorder's back.

One lane per volume, so that a disk that hangs holds up nothing but itself. On the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from redshank.clock import Clock, rfc3339
from redshank.errors import RedshankError, StoreError
from redshank.lane import Lane
from redshank.media.adopt import adopt
from redshank.model import Segment
from redshank.names import leftovers, part_of
from redshank.retain import DAY_US
from redshank.volume import Volume

log = logging.getLogger(__name__)

AGAIN_S = (2.0, 15.0, 90.0)
"""After a writer ended its files are looked for so much later: it may still be closing some, and its disk may be away just then."""
STOP_S = 2.0


class Leftovers:
    """`first_seq`: files of a camera with a lower number belong to no living writer. `adopted` gets what was made whole."""

    def __init__(
        self,
        clock: Clock,
        volumes: Mapping[str, Volume],
        first_seq: Mapping[str, int],
        adopted: Callable[[Segment], None],
    ) -> None:
        self._clock = clock
        self._volumes = volumes
        self._first_seq = first_seq
        self._adopted = adopted
        self._lanes: dict[str, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unmarking: set[asyncio.Future[None]] = set()

    def search(self, cameras: Iterable[str]) -> None:
        """Their writer has ended: soon, and again later, in the folders of the last days."""
        task = asyncio.get_running_loop().create_task(self._search_again(list(cameras)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def search_on(self, volume: str, folders: Iterable[str] = ("",)) -> None:
        """Everything a writer left there."""
        for folder in folders:
            try:
                names = await self._lane(volume).run(partial(leftovers, self._volumes[volume].disk, folder))
            except (StoreError, FileNotFoundError) as error:
                log.error("files left by a crash could not be looked for: %s", error)
                continue
            for name in names:
                await self._adopt(volume, name)

    def unmark(self, segments: Iterable[Segment]) -> None:
        """Their rows are committed. A mark that stays only means that the next start looks at the file once more."""
        for segment in segments:
            if segment.volume in self._volumes:
                done = self._lane(segment.volume).run(partial(self._unlink, segment))
                self._unmarking.add(done)
                done.add_done_callback(self._unmarking.discard)

    async def settle(self) -> None:
        """At the end: wait for the marks, unless a disk hangs."""
        for task in self._tasks:
            task.cancel()
        if self._unmarking:
            await asyncio.wait(set(self._unmarking), timeout=STOP_S)

    def _unlink(self, segment: Segment) -> None:
        with contextlib.suppress(StoreError):
            self._volumes[segment.volume].disk.unlink(part_of(segment.path))

    async def _search_again(self, cameras: Iterable[str]) -> None:
        for wait_s in AGAIN_S:
            await self._clock.sleep(wait_s)
            days = [rfc3339(self._clock.now() - ago * DAY_US)[:10] for ago in (0, 1)]
            folders = [f"{camera}/{stream}/{day}" for camera in cameras for stream in ("main", "sub") for day in days]
            for volume in list(self._volumes):
                await self.search_on(volume, folders)

    async def _adopt(self, volume: str, name: str) -> None:
        try:
            segment = await self._lane(volume).run(partial(self._made_whole, volume, name))
        except (RedshankError, FileNotFoundError) as error:
            log.error("a file left by a crash could not be read; it stays: %s", error, extra={"file": name})
            return
        if segment is not None:
            log.info("adopted what a crash left", extra={"file": segment.path})
            self._adopted(segment)

    def _made_whole(self, volume: str, name: str) -> Segment | None:
        disk = self._volumes[volume].disk
        camera, seq = name.split("/", 1)[0], int(name.rpartition("-")[2].removesuffix(".part"))
        if seq >= self._first_seq.get(camera, 1 << 62) or disk.busy(name):
            return None
        return adopt(disk, name)

    def _lane(self, volume: str) -> Lane:
        return self._lanes.setdefault(volume, Lane(f"leftover-{volume[:8]}"))
