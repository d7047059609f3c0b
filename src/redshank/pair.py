"""One capture and one vision process: their settings, what they say, and who is left out when the analysis of a camera fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from redshank import wiring
from redshank.clock import NS_PER_S
from redshank.errors import StoreError
from redshank.pipe import Note
from redshank.process.settings import CaptureSettings, VisionSettings
from redshank.store import still
from redshank.supervisor import Supervisor, Worker, connect

if TYPE_CHECKING:
    from redshank.site import Site

log = logging.getLogger(__name__)

CAPTURE_WAIT_S = 2.0
"""Every second without capture is lost footage: it is started again soon however often it dies."""
FALLS = 3
PAUSE_S = 60.0
MAX_PAUSE_S = 3600.0
AGAIN_S = 5.0
"""While the database refuses what vision is to be told."""
_CAPTURE = TypeAdapter(CaptureSettings)
_VISION = TypeAdapter(VisionSettings)


class Pair:
    """One capture and one vision process and the cameras they share. `change` them, then `tell` both."""

    def __init__(self, number: int, cameras: Sequence[str], site: Site) -> None:
        self.number = number
        self.cameras: list[str] = []
        self._site = site
        self._epoch = 0
        """Of the capture process."""
        self._had: set[str] = set()
        """Cameras that may still have an open file in the capture process."""
        self._watched: set[str] = set()
        """Cameras that can be watched live through the capture process there is."""
        self._told: dict[str, int] = {}
        """By process: the configuration it was started with, or told."""
        self._telling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._falls: dict[str, list[int]] = {}
        """When the analysis of a camera brought the process down."""
        self.capture = Worker(
            f"capture-{number}",
            self._capture_settings,
            self._on_capture,
            self._capture_changed,
            longest_wait_s=CAPTURE_WAIT_S,
        )
        self.vision = Worker(f"vision-{number}", self._vision_settings, self._on_vision, self._vision_changed)
        self.change(cameras)

    def change(self, cameras: Sequence[str]) -> None:
        """Which they are from now on; neither process has been told yet."""
        hub, library = self._site.hub, self._site.recordings.library
        for name in self.cameras:
            if name not in cameras:
                hub.vision.pop(name, None)
                hub.trouble.pop(f"analysis of {name}", None)
                self._falls.pop(name, None)
        fresh = [name for name in cameras if name not in self.cameras]
        for name in fresh:
            hub.vision[name] = self.vision
            library.serves(name, self.capture.tell)
        self.cameras = list(cameras)
        if self._epoch:
            library.started(fresh, self._epoch)
            self._had |= set(fresh)

    async def tell(self) -> None:
        """Both processes hear how cameras are now: what is as it was goes on untouched. One that is not there hears it at its start."""
        async with self._telling:  # what was found out last is told last
            await self._tell()

    async def _tell(self) -> None:
        generation = self._site.generation
        if self.capture.tell(Note("cameras", {}, _CAPTURE.dump_json(self._for_capture()))):
            self._told[self.capture.name] = generation
            self._can_be_watched([name for name in self.cameras if name not in self._watched])
        try:
            settings = await self._for_vision()
        except StoreError as error:
            log.warning("analysis goes on as it was: %s", error, extra={"worker": self.vision.name})
            self._soon(AGAIN_S)
            return
        if self.vision.tell(Note("cameras", {}, _VISION.dump_json(settings))):
            self._told[self.vision.name] = generation

    def _can_be_watched(self, cameras: Sequence[str]) -> None:
        if self.capture.hand is not None and cameras:
            self._watched |= set(cameras)
            self._site.living.upstream.started(cameras, self.capture.hand)

    def _soon(self, seconds: float) -> None:
        async def later() -> None:
            await self._site.clock.sleep(seconds)
            await self.tell()

        task = asyncio.get_running_loop().create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _on_capture(self, note: Note) -> None:
        if not await self._site.recordings.library.on_note(note):
            await self._site.hub.on_capture(note)

    def _capture_changed(self, alive: bool) -> None:
        self._changed(self.capture, alive)
        self._watched = set()
        if alive:
            self._can_be_watched(self.cameras)
        else:
            self._site.recordings.library.ended(self._had)

    async def _on_vision(self, note: Note) -> None:
        await self._site.hub.on_vision(self.vision, note)

    def _vision_changed(self, alive: bool) -> None:
        self._changed(self.vision, alive)

    def _changed(self, worker: Worker, alive: bool) -> None:
        if not alive:
            return
        connect(self.capture, self.vision)
        if self._told[worker.name] != self._site.generation:
            # The configuration changed while it was being started.
            self._soon(0.0)

    async def _capture_settings(self) -> bytes:
        self._epoch = await self._site.next_epoch()
        self._told[self.capture.name] = self._site.generation
        self._had = set(self.cameras)
        self._site.recordings.library.started(self.cameras, self._epoch)
        return _CAPTURE.dump_json(self._for_capture())

    def _for_capture(self) -> CaptureSettings:
        config = self._site.config
        return CaptureSettings(
            tuple(stream for name in self.cameras for stream in wiring.streams(config, name)),
            self._epoch,
            config.security.allow_targets,
            *self._site.recordings.settings(self.cameras),
            silent=self._site.recordings.library.silent(self.cameras),
        )

    def _looked_at(self) -> list[str]:
        """Cameras to analyse: one that brings the process down again and again is left out for a while, the others go on."""
        blamed, self.vision.blamed = self.vision.blamed, ""
        if blamed:
            self._falls.setdefault(blamed, []).append(self._site.clock.mono_ns())
        left_out = {name for name, falls in self._falls.items() if self._is_out(name, falls)}
        config = self._site.config
        return [name for name in self.cameras if config.cameras[name].detect.enabled and name not in left_out]

    def _is_out(self, name: str, falls: list[int]) -> bool:
        """After the third fall for 1 min, then 2, 4 … up to an hour."""
        pause_s = min(MAX_PAUSE_S, PAUSE_S * 2 ** (len(falls) - FALLS)) if len(falls) >= FALLS else 0.0
        out = self._site.clock.mono_ns() - falls[-1] < pause_s * NS_PER_S
        key = f"analysis of {name}"
        if out:
            self._site.hub.trouble[key] = (
                f"it failed {len(falls)} times and rests for {pause_s / 60:.0f} min; the log says why"
            )
        else:
            self._site.hub.trouble.pop(key, None)
        return out

    async def _vision_settings(self) -> bytes:
        self._told[self.vision.name] = self._site.generation
        return _VISION.dump_json(await self._for_vision())

    async def _for_vision(self) -> VisionSettings:
        """With an epoch of its own: tracks of a camera that is looked at anew get numbers nobody had."""
        epoch, store = await self._site.next_epoch(), self._site.store
        looked_at = self._looked_at()
        registers = {name: await asyncio.to_thread(store.read, partial(still.load, camera=name)) for name in looked_at}
        config = self._site.config
        return VisionSettings(
            model=config.detector.model,
            device=config.detector.device,
            threads=config.detector.threads or None,
            epoch=epoch,
            cameras=tuple(wiring.analysis(config, name) for name in looked_at if name in config.cameras),
            registers=registers,
        )


class Pairs:
    """All of a site, at most `most`. `spread` cameras over them; `settle` makes the processes follow."""

    def __init__(self, site: Site, supervisor: Supervisor, most: int) -> None:
        self._site = site
        self._supervisor = supervisor
        self._most = most
        self._pairs: list[Pair] = []
        self._kept: dict[str, asyncio.Task[None]] = {}
        """By process: what keeps it alive."""

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    @property
    def workers(self) -> list[Worker]:
        return [worker for pair in self._pairs for worker in (pair.capture, pair.vision)]

    def spread(self, names: Sequence[str]) -> None:
        """These cameras are there now. One that stays stays where it is; a new one goes where there are fewest."""
        for pair in self._pairs:
            pair.change([name for name in pair.cameras if name in names])
        for name in names:
            if any(name in pair.cameras for pair in self._pairs):
                continue
            pair = self._emptiest()
            pair.change([*pair.cameras, name])

    def _emptiest(self) -> Pair:
        found = min(self._pairs, key=lambda pair: len(pair.cameras), default=None)
        if found is None or (found.cameras and len(self._pairs) < self._most):
            number = next(i for i in count() if all(pair.number != i for pair in self._pairs))
            found = Pair(number, (), self._site)
            self._pairs.append(found)
        return found

    async def settle(self, group: asyncio.TaskGroup, vision_anew: bool = False) -> None:
        """Processes of new pairs are started, those without a camera end, the others are told. vision_anew: they take another model."""
        empty = [pair for pair in self._pairs if not pair.cameras]
        self._pairs = [pair for pair in self._pairs if pair.cameras]
        for pair in self._pairs:
            if pair.capture.name in self._kept:
                await pair.tell()
            if vision_anew:
                await self._end(pair.vision)
            for worker in (pair.capture, pair.vision):
                if worker.name not in self._kept:
                    self._kept[worker.name] = group.create_task(self._supervisor.keep(worker))
        for pair in empty:
            await self._end(pair.vision, pair.capture)

    async def _end(self, *workers: Worker) -> None:
        """Returns when they are gone."""
        tasks = [self._kept.pop(worker.name) for worker in workers if worker.name in self._kept]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in workers:
            self._site.hub.trouble.pop(worker.name, None)
