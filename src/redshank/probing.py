"""Trying a camera before it is added: a process of its own for each try, its steps as they are done, and a picture as soon as one came.

On the event loop. At most AT_ONCE at a time, none for longer than LONGEST_S.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from itertools import count

from pydantic import TypeAdapter

from redshank.media.settings import SourceSettings
from redshank.pipe import Note
from redshank.playback.studio import Busy, Refused, Studio
from redshank.process.settings import ProbeSettings
from redshank.supervisor import Supervisor, Worker
from redshank.web.trial import Told

AT_ONCE = 3
LONGEST_S = 40.0
WIDTH = 640
SETTINGS = TypeAdapter(ProbeSettings)


class Prober:
    """One per site."""

    def __init__(self, supervisor: Supervisor, studio: Studio, allowed: Callable[[], tuple[str, ...]]) -> None:
        """allowed: `security.allow_targets` as they are now."""
        self._supervisor = supervisor
        self._studio = studio
        self._allowed = allowed
        self._numbers = count()
        self._room = AT_ONCE
        self.workers: list[Worker] = []
        """That try something now."""

    async def probe(self, source: SourceSettings) -> AsyncGenerator[Told, None]:
        """Ends with `done`, unless it took too long. Raises Busy when too many are tried at once."""
        if not self._room:
            raise Busy("other cameras are being tried just now: try again in a moment")
        self._room -= 1
        heard: asyncio.Queue[Note] = asyncio.Queue()
        worker = self._worker(source, heard)
        self.workers.append(worker)
        keeping = asyncio.ensure_future(self._supervisor.keep(worker))
        try:
            async for told in self._until_done(heard):
                yield told
        except TimeoutError:
            yield Told("step", _step("video", f"nothing more came within {LONGEST_S:.0f} s", "restart the camera"))
            yield Told("done", {"ok": False})
        finally:
            self._room += 1
            self.workers.remove(worker)
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def _until_done(self, heard: asyncio.Queue[Note]) -> AsyncGenerator[Told, None]:
        """Raises TimeoutError when that takes too long, or the process ends."""
        async with asyncio.timeout(LONGEST_S):
            kind = ""
            while kind != "done":
                told = await self._told(await heard.get())
                if told is not None:
                    kind = told.kind
                    yield told

    def _worker(self, source: SourceSettings, heard: asyncio.Queue[Note]) -> Worker:
        async def settings() -> bytes:
            return SETTINGS.dump_json(ProbeSettings(source, self._allowed()))

        def changed(alive: bool) -> None:
            if not alive:
                heard.put_nowait(Note("gone"))

        return Worker(f"probe-{next(self._numbers)}", settings, heard.put, changed)

    async def _told(self, note: Note) -> Told | None:
        match note.kind:
            case "picture":
                return await self._picture(note)
            case "gone":
                raise TimeoutError
            case _:
                return Told(note.kind, note.header)

    async def _picture(self, note: Note) -> Told | None:
        header = {**note.header, "until": 0, "width": WIDTH, "masks": []}
        try:
            made = await self._studio.ask("picture", header, note.body)
        except (Busy, Refused) as error:
            return Told("step", _step("picture", str(error)))
        return Told("picture", {}, made.body)


def _step(name: str, found: str, advice: str = "") -> dict[str, str]:
    return {"name": name, "verdict": "bad", "found": found, "advice": advice}
