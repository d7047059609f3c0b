"""Exports people ordered: made one after the other by our own command, `redshank export`, in processes of their own.

So whatever footage does to a decoder or a disk does not happen in the hub. A row says how far each is; a start goes on with what was
being made, from where it was. Files lie in `<folder>/<id>/`, and go after some days. Everything runs on the event loop; disk and
database in the pool.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from redshank.clock import US_PER_S, Clock, rfc3339
from redshank.errors import RedshankError, StoreError
from redshank.store import exports
from redshank.store.base import Store
from redshank.store.exports import Export

log = logging.getLogger(__name__)

AT_ONCE = 2
MOST, WAITING = 200, 20
"""Exports that are there; of them one owner's that are still to be made."""
KEPT_US = 7 * 24 * 3600 * US_PER_S
TICK_S = 1.0
"""How often it is looked how far one is."""
TIDY_S = 600.0
STOP_S = 5.0
SPEED = 60
"""Of a time-lapse."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TooMany(RedshankError):
    """There are so many exports already."""


class Orders:
    """One per site. `run` until cancelled; the rest from the event loop while it runs."""

    def __init__(self, store: Store, clock: Clock, folder: Path, command: Callable[[], Sequence[str]]) -> None:
        """command: `redshank export --data … --config …` as words."""
        self._store = store
        self._clock = clock
        self._folder = folder
        self._command = command
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Makes what is ordered, AT_ONCE at most, oldest first."""
        await asyncio.wrap_future(self._store.write(exports.again))
        try:
            while True:
                self._wake.clear()
                await self._tidy()
                await self._begin()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TIDY_S):
                        await self._wake.wait()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def order(self, one: Export) -> None:
        """Raises TooMany, StoreError."""
        known = await asyncio.to_thread(self._store.read, exports.every)
        if len(known) >= MOST:
            raise TooMany(f"there are {MOST} exports already: delete some first")
        if sum(it.owner == one.owner and it.status in ("queued", "running") for it in known) >= WAITING:
            raise TooMany(f"{WAITING} exports of yours are still to be made: wait for some, or delete some")
        await asyncio.wrap_future(self._store.write(partial(exports.add, one=one)))
        self._wake.set()

    async def remove(self, id: str) -> None:
        """Also one that is being made."""
        task = self._running.get(id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        await asyncio.wrap_future(self._store.write(partial(exports.remove, id=id)))
        await asyncio.to_thread(shutil.rmtree, self._folder / id, ignore_errors=True)
        self._wake.set()

    def path(self, one: Export) -> Path:
        """Of a finished one."""
        return self._folder / one.id / one.file

    async def _begin(self) -> None:
        known = await asyncio.to_thread(self._store.read, exports.every)
        waiting = [one for one in reversed(known) if one.status == "queued" and one.id not in self._running]
        for one in waiting[: AT_ONCE - len(self._running)]:
            task = asyncio.create_task(self._make(one), name=f"export-{one.id}")
            self._running[one.id] = task
            task.add_done_callback(partial(self._ended, one.id))

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        del self._running[id]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an export ended: %s", error)

    async def _tidy(self) -> None:
        """What is old goes, and folders of what is not there any more: a removal was cut short."""
        before = self._clock.now() - KEPT_US
        there = await asyncio.to_thread(self._folders)
        known = await asyncio.to_thread(self._store.read, exports.every)
        for folder in there - {one.id for one in known}:
            await asyncio.to_thread(shutil.rmtree, self._folder / folder, ignore_errors=True)
        for one in known:
            if one.updated < before and one.status in ("done", "failed"):
                await self.remove(one.id)

    def _folders(self) -> set[str]:
        """Ours: of an id."""
        with contextlib.suppress(OSError):
            return {path.name for path in self._folder.iterdir() if _ID.fullmatch(path.name) and path.is_dir()}
        return set()

    async def _make(self, one: Export) -> None:
        await self._say(one, status="running")
        try:
            await self._made(one)
        except OSError as error:
            log.error("an export cannot be made: %s", error)
            await self._say(one, status="failed", error=f"it cannot be written: {error.strerror}")

    async def _made(self, one: Export) -> None:
        """Raises OSError."""
        folder = self._folder / one.id
        await asyncio.to_thread(partial(folder.mkdir, mode=0o700, parents=True, exist_ok=True))
        file = "export.zip" if one.kind == "evidence" or len(one.cameras) > 1 else "export.mp4"
        words = [*self._command(), "--from", rfc3339(one.start), "--to", rfc3339(one.end), "--json"]
        words += ["-o", str(folder / file), *(["--zip"] if file.endswith(".zip") else [])]
        words += ["--timelapse", f"{SPEED}x"] if one.kind == "timelapse" else []
        words += ["--", *one.cameras]  # a camera may be called -o
        process = await asyncio.create_subprocess_exec(*words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
        watching = asyncio.create_task(self._watch(one, folder / f"{file}.part"))
        try:
            out, told = await process.communicate()
        finally:
            watching.cancel()
            await asyncio.shield(_end(process))
        if (folder / file).is_file():
            size = (await asyncio.to_thread((folder / file).stat)).st_size
            await self._say(one, status="done", file=file, bytes=size, done=1.0, error=_missing(out))
        else:
            await self._say(one, status="failed", error=_reason(out, told))

    async def _watch(self, one: Export, part: Path) -> None:
        """How far it is, by what is written of what there is."""
        total = await asyncio.to_thread(self._store.read, partial(exports.footage_bytes, one=one))
        before = 0.0
        while total and one.kind != "timelapse":
            await self._clock.sleep(TICK_S)
            size = (await asyncio.to_thread(part.stat)).st_size if await asyncio.to_thread(part.is_file) else 0
            share = min(0.99, size / total)
            if share > before + 0.01:
                await self._say(one, done=share)
                before = share

    async def _say(self, one: Export, **values: object) -> None:
        """Where the database refuses, the next start makes it again."""
        change = partial(exports.change, id=one.id, values={**values, "updated": self._clock.now()})
        try:
            await asyncio.wrap_future(self._store.write(change))
        except StoreError as error:
            log.warning("an export's state is not kept: %s", error)


async def _end(process: Process) -> None:
    """As Ctrl-C does: what is made so far stays, and the same command goes on from there."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _missing(out: bytes) -> str:
    """What a finished export lacks; empty when it lacks nothing."""
    try:
        said = json.loads(out)
        damaged = sum(len(clip["damaged"]) for clip in said["clips"])
        without = ", ".join(said["without_footage"])
    except (ValueError, KeyError, TypeError):
        return ""
    parts = [f"no footage of {without}"] if without else []
    parts += [f"{damaged} damaged files are left out"] if damaged else []
    return "; ".join(parts)


def _reason(out: bytes, told: bytes) -> str:
    lines = told.decode(errors="replace").strip().splitlines()
    return _missing(out) or (lines[-1][:500] if lines else "it could not be made, and the log says why")
