"""One capture and one vision process: their settings, what they say, and who is left out when the analysis of a camera fails."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from redshank import wiring
from redshank.clock import NS_PER_S
from redshank.pipe import Note
from redshank.process.settings import CaptureSettings, VisionSettings
from redshank.store import still
from redshank.supervisor import Worker, connect

if TYPE_CHECKING:
    from redshank.site import Site

CAPTURE_WAIT_S = 2.0
"""Every second without capture is lost footage: it is started again soon however often it dies."""
FALLS = 3
PAUSE_S = 60.0
MAX_PAUSE_S = 3600.0
_CAPTURE = TypeAdapter(CaptureSettings)
_VISION = TypeAdapter(VisionSettings)


class Pair:
    """One capture and one vision process and the cameras they share."""

    def __init__(self, number: int, cameras: list[str], site: Site) -> None:
        self.cameras = cameras
        self._site = site
        self._falls: dict[str, list[int]] = {}
        """When the analysis of a camera brought the process down."""
        self.capture = Worker(
            f"capture-{number}",
            self._capture_settings,
            self._on_capture,
            self._capture_changed,
            longest_wait_s=CAPTURE_WAIT_S,
        )
        self.vision = Worker(f"vision-{number}", self._vision_settings, self._on_vision, self._changed)
        site.hub.vision |= dict.fromkeys(cameras, self.vision)
        for camera in cameras:
            site.recordings.library.serves(camera, self.capture.tell)

    async def _on_capture(self, note: Note) -> None:
        if not await self._site.recordings.library.on_note(note):
            await self._site.hub.on_capture(note)

    def _capture_changed(self, alive: bool) -> None:
        self._changed(alive)
        if not alive:
            self._site.recordings.library.ended(self.cameras)

    async def _on_vision(self, note: Note) -> None:
        await self._site.hub.on_vision(self.vision, note)

    def _changed(self, alive: bool) -> None:
        if alive:
            connect(self.capture, self.vision)

    async def _capture_settings(self) -> bytes:
        config = self._site.config
        streams = [s for name in self.cameras for s in wiring.streams(config, name)]
        epoch = await self._site.next_epoch()
        self._site.recordings.library.started(self.cameras, epoch)
        return _CAPTURE.dump_json(
            CaptureSettings(
                tuple(streams),
                epoch,
                config.security.allow_targets,
                *self._site.recordings.settings(self.cameras),
                silent=self._site.recordings.library.silent(self.cameras),
            )
        )

    def record_more(self) -> None:
        """A volume can be used after all: capture is told of every recorder, those it has it keeps."""
        records, volumes = self._site.recordings.settings(self.cameras)
        settings = CaptureSettings((), 0, (), records, volumes)
        self.capture.tell(Note("recorders", {}, _CAPTURE.dump_json(settings)))

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
        config, store = self._site.config, self._site.store
        looked_at = self._looked_at()
        registers = {name: await asyncio.to_thread(store.read, partial(still.load, camera=name)) for name in looked_at}
        return _VISION.dump_json(
            VisionSettings(
                model=config.detector.model,
                device=config.detector.device,
                threads=config.detector.threads or None,
                epoch=await self._site.next_epoch(),
                cameras=tuple(wiring.analysis(config, name) for name in looked_at),
                registers=registers,
            )
        )
