"""A process that is there while it is needed, and a while longer. Event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from redshank.clock import Clock
from redshank.pipe import Note

START_S = 10.0


class OnDemand:
    """`say`: tell it something, False when it is not there; `keep`: keep it alive until cancelled."""

    def __init__(
        self,
        say: Callable[[Note], bool],
        keep: Callable[[], Coroutine[Any, Any, None]],
        clock: Clock,
        idle_s: float,
    ) -> None:
        self._say = say
        self._keep = keep
        self._clock = clock
        self._idle_s = idle_s
        self._users = 0
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._rest: asyncio.Task[None] | None = None

    @contextmanager
    def used(self) -> Iterator[None]:
        """It runs at least so long."""
        self._users += 1
        self._wake()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users and self._rest is None:
                self._rest = asyncio.get_running_loop().create_task(self._sleep())

    async def tell(self, note: Note) -> None:
        """Waits until it is there. Raises TimeoutError after START_S."""
        async with asyncio.timeout(START_S):
            await self._ready.wait()
            while not self._say(note):
                # It has just ended, and is about to be started again.
                self._ready.clear()
                await self._ready.wait()

    def on_change(self, alive: bool) -> None:
        """It has started, or ended."""
        if alive:
            self._ready.set()
        else:
            self._ready.clear()

    async def stop(self) -> None:
        """End it, if it runs."""
        for task in (self._rest, self._task):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        self._task = self._rest = None

    def _wake(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self._task is None or self._task.cancelling() or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run_after(self._task))

    async def _run_after(self, last: asyncio.Task[None] | None) -> None:
        """The one before must be gone: they share a name."""
        if last is not None:
            await asyncio.wait({last})
        await self._keep()

    async def _sleep(self) -> None:
        await self._clock.sleep(self._idle_s)
        self._rest = None
        if self._task is not None and not self._users:
            self._task.cancel()
