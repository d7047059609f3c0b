"""The hub's side of the studio, the sandboxed process that decodes pictures (process/studio.py): started when it is first asked, ended
when nobody has asked for a while. Event loop only.

    ask    a job with one answer
    film   a job that goes on: packets in, pictures out, for as long as somebody watches
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Protocol

from redshank.clock import Clock
from redshank.errors import RedshankError
from redshank.on_demand import OnDemand
from redshank.pipe import MAX_BYTES, Note

WAITING = 16
"""Jobs at once, those that wait included; one more is refused."""
TRANSCODES = 2
"""Of them, at most."""
WAITING_BYTES = 96 << 20
"""Of pictures that wait, or are being made."""
TRANSCODE = "transcode"
JOB_S = 20.0
IDLE_S = 60.0
WINDOW = 2 << 20
"""Bytes of a film that it has not looked at yet; one packet more waits."""
LOST = "the footage could not be decoded: it may be damaged"


class Busy(RedshankError):
    """There is too much to do; trying again in a moment works."""


class Refused(RedshankError):
    """The studio could not do it, and says why."""


class Studio(Protocol):
    """What makes pictures."""

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        """The answer. Raises Busy, or Refused with the reason."""
        ...


class Film:
    """One job that goes on. Its pictures are told as they come, to whom it was opened with."""

    def __init__(self, number: int, tell: Callable[[Note], bool], heard: Callable[[Note], None]) -> None:
        self._number = number
        self._tell = tell
        self._heard = heard
        self._under_way = 0
        self._moved = asyncio.Event()
        self._reason = ""

    async def say(self, kind: str, header: Mapping[str, Any], body: bytes = b"") -> None:
        """Waits while much is under way: whoever feeds it drops what is too old. Raises Refused when it has ended."""
        await self._until(lambda: self._under_way <= WINDOW)
        self._under_way += len(body)
        self._tell(Note(kind, {**header, "number": self._number}, body))

    async def over(self) -> None:
        """Waits until it ends by itself, and raises Refused then."""
        await self._until(lambda: False)

    async def _until(self, true: Callable[[], bool]) -> None:
        while not self._reason and not true():
            self._moved.clear()
            await self._moved.wait()
        if self._reason:
            raise Refused(self._reason)

    def end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._moved.set()

    def on_note(self, note: Note) -> None:
        match note.kind:
            case "taken":
                self._under_way -= note.header["bytes"]
                self._moved.set()
            case "ended":
                self.end(str(note.header["reason"]))
            case _:
                self._heard(note)


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
        self._process = OnDemand(tell, keep, clock, idle_s)
        self._numbers = count(1)
        self._jobs = 0
        """Asked and not answered yet."""
        self._bytes = 0
        """Of those."""
        self._told: dict[int, asyncio.Future[Note]] = {}
        """Those of them that it works at."""
        self._films: dict[int, Film] = {}
        self._transcodes = 0

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        transcodes = job == TRANSCODE
        full = self._jobs >= WAITING or self._bytes + len(body) > WAITING_BYTES
        if full or (transcodes and self._transcodes >= TRANSCODES):
            raise Busy("too many pictures are being made at once: try again in a moment")
        if len(body) > MAX_BYTES - 65_536:
            raise Refused("the pictures are too large to be decoded at once")
        self._jobs += 1
        self._bytes += len(body)
        self._transcodes += transcodes
        try:
            with self._process.used():
                answer = await self._done(job, header, body)
        except TimeoutError:
            raise Refused("the picture could not be made in time") from None
        finally:
            self._jobs -= 1
            self._bytes -= len(body)
            self._transcodes -= transcodes
        if reason := answer.header.get("reason"):
            raise Refused(str(reason))
        return answer

    async def _done(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        number = next(self._numbers)
        await self._process.tell(Note(job, {**header, "number": number}, body))
        future: asyncio.Future[Note] = asyncio.get_running_loop().create_future()
        self._told[number] = future
        try:
            async with asyncio.timeout(JOB_S):
                return await future
        finally:
            del self._told[number]

    @asynccontextmanager
    async def film(self, job: str, header: Mapping[str, Any], heard: Callable[[Note], None]) -> AsyncIterator[Film]:
        """A job that goes on while the context is open; `heard` is called with each of its pictures. Raises Refused."""
        number = next(self._numbers)
        film = Film(number, self._tell, heard)
        self._films[number] = film
        try:
            with self._process.used():
                await self._start(Note(job, {**header, "number": number}))
                yield film
        finally:
            del self._films[number]
            self._tell(Note("end", {"number": number}))

    async def _start(self, note: Note) -> None:
        try:
            await self._process.tell(note)
        except TimeoutError:
            raise Refused("what decodes pictures does not start") from None

    async def on_note(self, note: Note) -> None:
        """From it."""
        number = note.header.get("number", 0)
        if film := self._films.get(number):
            film.on_note(note)
        future = self._told.get(number)
        if future is not None and not future.done():
            future.set_result(note)

    def on_change(self, alive: bool) -> None:
        """It has started, or ended: what it was at is lost with it."""
        self._process.on_change(alive)
        if alive:
            return
        for film in self._films.values():
            film.end(LOST)
        for future in self._told.values():
            if not future.done():
                future.set_result(Note("made", {"reason": LOST}))

    async def stop(self) -> None:
        """End it, if it runs."""
        await self._process.stop()
