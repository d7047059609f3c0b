"""The hub's side of the studio, the sandboxed process that decodes recorded pictures (process/studio.py): started when it is first
asked, ended when nobody has asked for a while. Event loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from itertools import count
from typing import Any, Protocol

from redshank.clock import Clock
from redshank.errors import RedshankError
from redshank.pipe import MAX_BYTES, Note

WAITING = 16
"""Jobs at once, those that wait included; one more is refused."""
TRANSCODES = 2
"""Of them, at most."""
TRANSCODE = "transcode"
START_S = 10.0
JOB_S = 20.0
IDLE_S = 60.0


class Busy(RedshankError):
    """There is too much to do; trying again in a moment works."""


class Refused(RedshankError):
    """The studio could not do it, and says why."""


class Studio(Protocol):
    """What makes pictures."""

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        """The answer. Raises Busy, or Refused with the reason."""
        ...


class StudioProcess:
    """The real one. `tell`: say something to it, False when it is not there; `keep`: keep it alive until cancelled."""

    def __init__(
        self,
        tell: Callable[[Note], bool],
        keep: Callable[[], Coroutine[Any, Any, None]],
        clock: Clock,
        idle_s: float = IDLE_S,
    ) -> None:
        self._tell = tell
        self._keep = keep
        self._clock = clock
        self._idle_s = idle_s
        self._numbers = count(1)
        self._jobs: dict[int, asyncio.Future[Note]] = {}
        self._transcodes = 0
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._rest: asyncio.Task[None] | None = None

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        transcodes = job == TRANSCODE
        if len(self._jobs) >= WAITING or (transcodes and self._transcodes >= TRANSCODES):
            raise Busy("too many pictures are being made at once: try again in a moment")
        if len(body) > MAX_BYTES - 65_536:
            raise Refused("the pictures are too large to be decoded at once")
        number = next(self._numbers)
        future: asyncio.Future[Note] = asyncio.get_running_loop().create_future()
        self._jobs[number] = future
        self._transcodes += transcodes
        self._wake()
        try:
            async with asyncio.timeout(START_S):
                await self._ready.wait()
            self._tell(Note(job, {**header, "number": number}, body))
            async with asyncio.timeout(JOB_S):
                answer = await future
        except TimeoutError:
            raise Refused("the picture could not be made in time") from None
        finally:
            del self._jobs[number]
            self._transcodes -= transcodes
            self._sleep_later()
        if reason := answer.header.get("reason"):
            raise Refused(str(reason))
        return answer

    async def on_note(self, note: Note) -> None:
        """From it."""
        future = self._jobs.get(note.header.get("number", 0))
        if future is not None and not future.done():
            future.set_result(note)

    def on_change(self, alive: bool) -> None:
        """It has started, or ended: what it was at is lost with it."""
        if alive:
            self._ready.set()
            return
        self._ready.clear()
        for future in self._jobs.values():
            if not future.done():
                future.set_result(Note("made", {"reason": "the footage could not be decoded: it may be damaged"}))

    async def stop(self) -> None:
        """End it, if it runs."""
        for task in (self._rest, self._task):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._task = self._rest = None

    def _wake(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep())

    def _sleep_later(self) -> None:
        if not self._jobs and self._rest is None:
            self._rest = asyncio.get_running_loop().create_task(self._sleep())

    async def _sleep(self) -> None:
        await self._clock.sleep(self._idle_s)
        if self._task is not None and not self._jobs:
            self._task.cancel()
            self._task = self._rest = None
