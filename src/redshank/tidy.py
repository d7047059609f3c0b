"""What else grows for ever and must not: pictures of alerts, trails, and verdicts on which nothing fired. Once an hour, in a thread."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from redshank.blobs.base import Blobs
from redshank.clock import Clock, rfc3339
from redshank.errors import StoreError
from redshank.retain import DAY_US
from redshank.store import verdicts
from redshank.store.base import Store
from redshank.trail.trails import Trails

log = logging.getLogger(__name__)

EVERY_S = 3600.0
VERDICTS_US = 30 * DAY_US
"""Why nothing fired is asked about days later, hardly ever months. Those that fired stay with their alert."""
ALERTS = "alerts/"


class Tidy:
    """`run` until cancelled. `picture_days`: as long as footage of alerts stays; None: for ever. Trails stay as long."""

    def __init__(
        self, store: Store, blobs: Blobs, clock: Clock, picture_days: float | None, trails: Trails | None = None
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self.picture_days = picture_days
        self._trails = trails

    async def run(self) -> None:
        while True:
            try:
                await self.step()
            except StoreError as error:
                log.warning("old pictures, trails and verdicts stay for now: %s", error)
            await self._clock.sleep(EVERY_S)

    async def step(self) -> None:
        now = self._clock.now()
        if now < 365 * DAY_US:
            return  # a clock that has not been set yet says nothing about ages
        await asyncio.wrap_future(self._store.write(partial(verdicts.prune, before=now - VERDICTS_US)))
        if self.picture_days is not None:
            await asyncio.to_thread(self._let_pictures_go, now - round(self.picture_days * DAY_US))

    def _let_pictures_go(self, before: int) -> None:
        """Of whole days: their folders are named after them."""
        day = rfc3339(before)[:10]
        for name in list(self._blobs.names(ALERTS)):
            if name.split("/")[1] < day:
                self._blobs.delete(name)
        if self._trails is not None:
            self._trails.forget(day)
