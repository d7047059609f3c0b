"""A wall clock that is set while we run, or was since the last start: what was recorded under the wrong one is put right (rel:T30).

A board without a battery starts in 1970 and is set when the network is there. What is set by less than a minute is left alone. About
once a minute the database hears that we live and how far the clocks are apart: the next start knows how long the last life was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial

from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.errors import StoreError
from redshank.store import ledger
from redshank.store.base import Store

log = logging.getLogger(__name__)

TELL_NS = 60 * NS_PER_S


class ClockWatch:
    """`look` about once a second, on the event loop."""

    def __init__(self, store: Store, clock: Clock, boot: str) -> None:
        self._store = store
        self._clock = clock
        self._boot = boot
        self._told: tuple[int, int] | None = None
        """Monotonic time (ns) at which the database heard of us last, and how far (µs) the wall clock was ahead of it."""

    async def look(self) -> None:
        mono_ns, now = self._clock.mono_ns(), self._clock.now()
        offset_us = now - mono_ns // 1000
        if self._told is not None:
            told_ns, told_us = self._told
            if mono_ns - told_ns < TELL_NS and abs(offset_us - told_us) < ledger.STEP_US:
                return
        # A database that refuses is told again in a second.
        with contextlib.suppress(StoreError):
            await asyncio.wrap_future(self._store.write(partial(ledger.alive, now=now)))
            told = partial(ledger.clock_set, boot=self._boot, offset_us=offset_us)
            shift = await asyncio.wrap_future(self._store.write(told))
            self._told = mono_ns, offset_us
            if shift:
                log.warning("the clock was set; footage of before is moved: seconds=%.1f", shift / US_PER_S)
