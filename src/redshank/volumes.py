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
from redshank.lane import Lane
from redshank.store import unindexed, volumes
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
        self.trouble: dict[str, str] = {}
        """Name → why it cannot be used."""
        self._paths = paths
        self._store = store
        self._clock = clock
        self._site = site
        self._lanes: dict[str, Lane] = {}
        self._asked: dict[str, asyncio.Future[Volume]] = {}
        self._looks: dict[str, asyncio.Future[str]] = {}
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
                    self._note(name, await self._look(name))
                elif await self._try(name):
                    await opened(name)

    async def _look(self, name: str) -> str:
        """A look that hangs is not asked for again before it has answered."""
        volume = self.open[self.ids[name]]
        if name not in self._looks:
            self._looks[name] = self._lane(name).run(partial(still_there, volume))
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await asyncio.shield(self._looks[name])
        except TimeoutError:
            return f"{volume.root} does not answer"
        del self._looks[name]
        return found

    async def _try(self, name: str) -> bool:
        path = self._paths[name]
        try:
            row = await asyncio.to_thread(self._store.read, partial(volumes.get, path=str(path), site=self._site))
            known = None if row is None else Known(row.id, row.path, row.opened)
            if name not in self._asked:
                opening = partial(open_volume, path, known, self._clock, self._site)
                self._asked[name] = self._lane(name).run(opening)
            async with asyncio.timeout(ANSWER_S):
                volume = await asyncio.shield(self._asked[name])
            del self._asked[name]
            await self._use(name, volume, known is None or known.id != volume.id)
        except TimeoutError:
            self._note(name, f"{path} does not answer")
            return False
        except StoreError as error:
            self._asked.pop(name, None)
            self._note(name, str(error))
            return False
        return True

    async def _use(self, name: str, volume: Volume, unknown: bool) -> None:
        """Known to the database first, and with it that its footage is to be indexed; a volume it does not get is given back."""
        row = volumes.VolumeRow(volume.id, str(self._paths[name]), volume.opened)
        put = partial(unindexed.opened, volume=row, unknown=unknown, site=self._site)
        try:
            await asyncio.wrap_future(self._store.write(put))
        except StoreError:
            volume.close()
            raise
        self.open[volume.id] = volume
        self.ids[name] = volume.id
        self._note(name, "")

    def _lane(self, name: str) -> Lane:
        return self._lanes.setdefault(name, Lane(f"volume-{name}"))

    def _note(self, name: str, why: str) -> None:
        before = self.trouble.pop(name, "")
        if why:
            self.trouble[name] = why
            if why != before:
                log.error("volume %s is not used: %s", name, why)
        elif before:
            log.info("volume %s can be used again", name)
