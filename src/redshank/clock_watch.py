"""A wall clock that is set while we run, or was since the last start: what was recorded under the wrong one is put right (rel:T30).

A board without a battery starts in 1970 and is set when the network is there. What is set by a minute or less is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial

from redshank.clock import US_PER_S, Clock
from redshank.errors import StoreError
from redshank.store import ledger
from redshank.store.base import Store

log = logging.getLogger(__name__)


class ClockWatch:
    """`look` about once a second, on the event loop."""

    def __init__(self, store: Store, clock: Clock, boot: str) -> None:
        self._store = store
        self._clock = clock
        self._boot = boot
        self._told_us: int | None = None
        """How far the wall clock was ahead of the monotonic one when the database heard it last."""

    async def look(self) -> None:
        offset_us = self._clock.now() - self._clock.mono_ns() // 1000
        if self._told_us is not None and abs(offset_us - self._told_us) < ledger.STEP_US:
            return
        # A database that refuses is told again in a second.
        with contextlib.suppress(StoreError):
            told = partial(ledger.clock_set, boot=self._boot, offset_us=offset_us)
            shift = await asyncio.wrap_future(self._store.write(told))
            self._told_us = offset_us
            if shift:
                log.warning("the clock was set; footage of before is moved: seconds=%.1f", shift / US_PER_S)
