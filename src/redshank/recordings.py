"""Everything of a site about footage: its volumes, the library, the keeper, the copies of the database, and their settings."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from redshank import wiring
from redshank.backup import heal
from redshank.backup.snapshot import Snapshots
from redshank.blobs.disk import DiskBlobs
from redshank.check.rebuild import rebuild
from redshank.check.rows import Rows
from redshank.clock import Clock, boot_id
from redshank.config.schema import Config
from redshank.errors import StoreError
from redshank.keep import Keeper, Links
from redshank.library import Library, Plan
from redshank.model import CameraState, Segment
from redshank.names import last_epoch
from redshank.playback.sprite import forget
from redshank.record_settings import RecordSettings, VolumeSettings
from redshank.storage import Kept
from redshank.store import unindexed
from redshank.store.base import Store
from redshank.volumes import Volumes

log = logging.getLogger(__name__)

MAX_DAMAGED = 1000
INDEX_AGAIN_S = 60.0
Part = tuple[str, Callable[[], Awaitable[None]]]


class Recordings:
    """One per site. `start`, then run its `parts`, then `close`."""

    def __init__(
        self,
        config: Config,
        folder: Path,
        store: Store,
        clock: Clock,
        states: Mapping[tuple[str, str], CameraState],
        judge_fails: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config = config
        self._folder = folder
        self._store = store
        self._boot = boot_id()
        self._told: dict[str, str] = {}
        """Trouble of the keeper."""
        self.library = Library(store, clock, states, self._boot, judge_fails)
        self.volumes = Volumes(wiring.volume_paths(config, folder), store, clock, config.site)
        self.sprites = DiskBlobs(folder / "sprites")
        """Sheets of small pictures: they go with the footage they were made of."""
        self._damaged: dict[str, str] = {}
        links = Links(store, clock, self._kept, self._told.__setitem__, site=config.site, gone=self._gone)
        self.keeper = Keeper(wiring.retention(config), links)
        kept = config.backup
        self.snapshots = Snapshots(folder, clock, kept.every, kept.keep, kept.keep_daily) if kept.enabled else None
        self._late: list[str] = []
        """Ids of volumes that could be used only after the start, and are to be looked at."""
        self._opened = asyncio.Event()
        self.least_epoch = 1
        """A database made anew counts from 1; the files of its predecessor must not get namesakes."""

    async def start(self) -> None:
        await self.volumes.start()
        if heal.wanted(self._folder):
            # Into the database, where it stays until each volume was looked through, also one that is away now.
            await asyncio.wrap_future(self._store.write(partial(unindexed.everything, site=self._config.site)))
            await asyncio.to_thread(heal.rebuilt, self._folder)
        wanted = await asyncio.to_thread(self._store.read, partial(unindexed.wanted, site=self._config.site))
        for id in wanted & self.volumes.open.keys():
            with contextlib.suppress(StoreError):  # the disk's trouble is told by those who use it
                self.least_epoch = max(self.least_epoch, 1 + await self._last_epoch(id))
        await self.library.start(self._plans(), self.volumes.open, self.least_epoch)

    async def _last_epoch(self, volume: str) -> int:
        return await asyncio.to_thread(last_epoch, self.volumes.open[volume].disk)

    def parts(self, opened: Callable[[], Awaitable[None]]) -> list[Part]:
        """What runs as long as the site does. `opened`: a volume can be used after all."""

        async def on_opened(name: str) -> None:
            self.library.plan(self._plans())
            await opened()
            self._late.append(self.volumes.ids[name])
            self._opened.set()

        found: list[Part] = [
            ("library", self.library.run),
            ("volumes", partial(self.volumes.run, on_opened)),
            ("keeper", self.keeper.run),
            ("index", self._index),
        ]
        return found if self.snapshots is None else [*found, ("backup", self.snapshots.run)]

    def change(self, config: Config) -> None:
        """How cameras are recorded, and how long that stays, from now on. Storage and backup are as they were at the start."""
        self._config = config
        self.keeper.rules = wiring.retention(config)
        self.library.plan(self._plans())

    def settings(self, cameras: Iterable[str]) -> tuple[tuple[RecordSettings, ...], tuple[VolumeSettings, ...]]:
        """What a capture process records, and where: as user, schedule and disks have it now."""
        records = tuple(self.library.settings(cameras))
        site, buffer = self._config.site, self._config.storage.buffer
        used = sorted({record.volume for record in records})
        return records, tuple(VolumeSettings(id, str(self.volumes.open[id].root), site, buffer) for id in used)

    def troubles(self) -> list[str]:
        """What is wrong, one line each."""
        found = [f"volume {name}: {why}" for name, why in self.volumes.trouble.items()]
        found += [f"{what}: {why}" for what, why in {**self.library.trouble, **self._told}.items() if why]
        if self._damaged:
            path, why = next(iter(self._damaged.items()))
            found.append(f"{len(self._damaged)} recordings cannot be played ({path}: {why}): redshank verify --repair")
        backup = self.snapshots.trouble if self.snapshots is not None else ""
        return [*found, *([backup] if backup else [])]

    def lost(self, segment: Segment, why: str) -> None:
        """From any thread: a file that somebody wanted to play is missing or damaged."""
        if len(self._damaged) < MAX_DAMAGED:
            self._damaged.setdefault(segment.path, why)

    def _gone(self, segments: Sequence[Segment]) -> None:
        """In the keeper's thread: retention has let them go."""
        forget(self.sprites, segments)
        for segment in segments:
            self._damaged.pop(segment.path, None)

    def unfinished(self, camera: str, stream: str) -> list[Segment]:
        """What the index does not have yet: files that were just closed, and the one being written. From any thread."""
        running = self.library.running.get((camera, stream))
        return [*self.library.closed(camera, stream), *([running] if running is not None else [])]

    def close(self) -> None:
        """After everything has stopped."""
        if self.snapshots is not None:
            self.snapshots.close()
        for volume in self.volumes.open.values():
            volume.close()

    def _plans(self) -> dict[str, Plan]:
        config = self._config
        return {name: wiring.plan(config, name, self.volumes.ids, self._boot) for name in wiring.active(config)}

    def _kept(self) -> list[Kept]:
        """The volumes as the keeper sees them; in its thread."""
        reserves = wiring.reserves(self._config)
        return [
            Kept(id, name, self.volumes.open[id].disk, reserves.get(name), partial(self._volume_trouble, name))
            for name, id in list(self.volumes.ids.items())
        ]

    def _volume_trouble(self, name: str) -> str:
        return self.volumes.trouble.get(name, "")

    async def _index(self) -> None:
        """At the start, and again for each volume that can be used only later: new footage there, and what a crash left."""
        while True:
            self._opened.clear()
            wanted = await asyncio.to_thread(self._store.read, partial(unindexed.wanted, site=self._config.site))
            for id in sorted(wanted & self.volumes.open.keys()):
                await self._index_volume(id)
            while self._late:
                await self.library.adopt_on(self._late[0])
                del self._late[0]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INDEX_AGAIN_S):
                    await self._opened.wait()

    async def _index_volume(self, id: str) -> None:
        """Footage the database does not know (it is new, or an older one was put back) comes into it while everything runs."""
        disk = self.volumes.open[id].disk
        try:
            found = await asyncio.to_thread(rebuild, Rows(self._store, self._config.site), {id: disk})
        except StoreError as error:
            self._told["index"] = f"the footage on {self.volumes.open[id].root} is not indexed yet: {error}"
            return
        for problem in found.problems:
            log.error("not taken into the index: %s", problem)
        log.info("the index of the footage was made again: files=%d added=%d", found.files, found.added)
        await asyncio.wrap_future(self._store.write(partial(unindexed.done, volume=id, site=self._config.site)))
        self._told["index"] = ""
