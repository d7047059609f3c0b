"""The volumes of a running site: opened at the start, watched, and tried again when one could not be used. On the event loop.

A disk that is missing, swapped, read-only or does not answer is refused and told; what should go there goes to the default volume
until the next start, and the other cameras never notice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from redshank.clock import Clock
from redshank.errors import StoreError
from redshank.store import volumes
from redshank.store.base import Store
from redshank.volume import Known, Volume, open_volume, still_there

log = logging.getLogger(__name__)

WATCH_S = 3.0
ANSWER_S = 5.0
"""A file system that does not answer for so long (a network share that is away) counts as missing."""


class Volumes:
    """By name as the user calls them; everything else knows their ids."""

    def __init__(self, paths: Mapping[str, Path], store: Store, clock: Clock, site: str) -> None:
        self.open: dict[str, Volume] = {}
        """Those that can be used, by id."""
        self.ids: dict[str, str] = {}
        """Name → id of those."""
        self.taken_over: set[str] = set()
        """Ids the database did not know: what lies there is to be put into the index."""
        self.trouble: dict[str, str] = {}
        """Name → why it cannot be used."""
        self._paths = paths
        self._store = store
        self._clock = clock
        self._site = site
        self._asked: dict[str, asyncio.Future[Volume]] = {}
        """Answers that are still out: a thread hangs in a file system."""

    async def start(self) -> None:
        for name in self._paths:
            await self._try(name)

    async def run(self, opened: Callable[[str], Awaitable[None]]) -> None:
        """Look every few seconds. `opened` is told the name of one that can be used after all."""
        while True:
            await self._clock.sleep(WATCH_S)
            for name in self._paths:
                if name in self.ids:
                    self._note(name, await self._look(self.open[self.ids[name]]))
                elif await self._try(name):
                    await opened(name)

    async def _look(self, volume: Volume) -> str:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.to_thread(still_there, volume)
        except TimeoutError:
            return f"{volume.root} has not answered for {ANSWER_S:.0f} s"

    async def _try(self, name: str) -> bool:
        path = self._paths[name]
        row = await asyncio.to_thread(self._store.read, partial(volumes.get, path=str(path), site=self._site))
        known = None if row is None else Known(row.id, row.path, row.opened)
        if name not in self._asked:
            self._asked[name] = asyncio.ensure_future(
                asyncio.to_thread(open_volume, path, known, self._clock, self._site)
            )
        try:
            async with asyncio.timeout(ANSWER_S):
                volume = await asyncio.shield(self._asked[name])
        except TimeoutError:
            self._note(name, f"{path} does not answer")
            return False
        except StoreError as error:
            del self._asked[name]
            self._note(name, str(error))
            return False
        del self._asked[name]
        await self._use(name, volume, known is None or known.id != volume.id)
        return True

    async def _use(self, name: str, volume: Volume, unknown: bool) -> None:
        row = volumes.VolumeRow(volume.id, str(self._paths[name]), volume.opened)
        await asyncio.wrap_future(self._store.write(partial(volumes.put, volume=row, site=self._site)))
        self.open[volume.id] = volume
        self.ids[name] = volume.id
        if unknown:
            self.taken_over.add(volume.id)
        self._note(name, "")

    def _note(self, name: str, why: str) -> None:
        before = self.trouble.pop(name, "")
        if why:
            self.trouble[name] = why
            if why != before:
                log.error("volume %s is not used: %s", name, why)
        elif before:
            log.info("volume %s can be used again", name)
