"""One site, running: the hub with its store, bus, channels, judge and workers, wired together and watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from redshank import plugs, status, wiring
from redshank.alert.base import Channel
from redshank.alert.broken import BrokenChannel
from redshank.alert.compose import Composer
from redshank.backup import heal
from redshank.backup.snapshot import Snapshots
from redshank.blobs.disk import DiskBlobs
from redshank.bus.base import Bus
from redshank.check.rebuild import rebuild
from redshank.check.rows import Rows
from redshank.clock import NS_PER_S, Clock, boot_id
from redshank.config import schema
from redshank.config.load import Loaded
from redshank.errors import ChannelError, StoreError, TargetRefused
from redshank.hub import Hub, Links
from redshank.judge import Judge, JudgeSettings
from redshank.keep import Keeper
from redshank.keep import Links as KeepLinks
from redshank.library import Library, Plan
from redshank.names import last_epoch
from redshank.notify import Notifier, Route
from redshank.pipe import Note
from redshank.process.settings import CaptureSettings, VisionSettings
from redshank.record_settings import RecordSettings, VolumeSettings
from redshank.report import Reporter, Subject
from redshank.storage import Kept
from redshank.store import still
from redshank.store.base import Store
from redshank.supervisor import Supervisor, Worker, connect, guard
from redshank.targets import Targets, redact
from redshank.volumes import Volumes

if TYPE_CHECKING:
    from redshank.app import View

log = logging.getLogger(__name__)

CAPTURE_WAIT_S = 2.0
"""Every second without capture is lost footage: it is started again soon however often it dies."""
STATUS_S = 1.0
FALLS = 3
PAUSE_S = 60.0
MAX_PAUSE_S = 3600.0
STATUS_GAP_S = 0.1
MODEL_RETRY_S = 30.0
STOP_S = 3.0
SEND_GRACE_S = 4.0
"""At a stop, a send under way may end; what does not is sent again after the start, with the same id."""
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
            site.library.serves(camera, self.capture.tell)

    async def _on_capture(self, note: Note) -> None:
        if not await self._site.library.on_note(note):
            await self._site.hub.on_capture(note)

    def _capture_changed(self, alive: bool) -> None:
        self._changed(alive)
        if not alive:
            self._site.library.ended(self.cameras)

    async def _on_vision(self, note: Note) -> None:
        await self._site.hub.on_vision(self.vision, note)

    def _changed(self, alive: bool) -> None:
        if alive:
            connect(self.capture, self.vision)

    async def _capture_settings(self) -> bytes:
        config = self._site.config
        streams = [s for name in self.cameras for s in wiring.streams(config, name)]
        epoch = await self._site.next_epoch()
        return _CAPTURE.dump_json(
            CaptureSettings(
                tuple(streams),
                epoch,
                config.security.allow_targets,
                *self._site.recording(self.cameras),
                silent=self._site.library.silent(self.cameras),
            )
        )

    def record_more(self) -> None:
        """A volume can be used after all: capture is told of every recorder, those it has it keeps."""
        records, volumes = self._site.recording(self.cameras)
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


class Site:
    """Everything of one site on this machine. `run` returns when it is cancelled and everything has stopped."""

    def __init__(self, loaded: Loaded, folder: Path, clock: Clock, view: View | None, workers: int = 1) -> None:
        self.config = loaded.config
        self.clock = clock
        self._folder = folder
        self._view = view
        self._problems = [str(problem) for problem in loaded.problems]
        self.store = Store(f"sqlite:///{folder / 'redshank.db'}", clock)
        targets = Targets(self.config.security.allow_targets)
        self.bus = self._open_bus(targets)
        self._routes = self._open_channels(targets)
        judge_settings = JudgeSettings(
            channels={route.channel.name: route.channel.can_update for route in self._routes},
            zones=wiring.zones(self.config),
            zone_labels=wiring.zone_labels(self.config),
            cameras=list(self.config.cameras),
        )
        names = wiring.active(self.config)
        self.judge = Judge(wiring.rules(self.config), self.store, clock, judge_settings, lambda c: self.hub.heard(c))
        links = Links(
            self.judge,
            self.store,
            self.bus,
            clock,
            lambda: self.notifier.wake(),
            lambda a: composer.keep(a),
            lambda seen: self.library.seen(seen),
            lambda alert: self.library.alerted(alert),
        )
        self.hub = Hub(links, [wiring.watched(self.config, name) for name in names])
        self._boot = boot_id()
        self.library = Library(self.store, clock, self.hub.states, self._boot)
        self._least_epoch = 1
        self.volumes = Volumes(wiring.volume_paths(self.config, folder), self.store, clock, self.config.site)
        blobs = DiskBlobs(folder / "pictures")
        self._blobs = blobs
        composer = Composer(wiring.words(self.config), blobs, self.hub.picture, self.hub.seen)
        self.notifier = Notifier(self.store, self._routes, clock, composer, grace_s=SEND_GRACE_S)
        self._keeper = Keeper(
            wiring.retention(self.config), KeepLinks(self.store, clock, self._kept, self._note_trouble)
        )
        self._snapshots = Snapshots(folder, clock, self.config.backup.every) if self.config.backup.enabled else None
        self._supervisor = Supervisor(clock)
        shares = [share for i in range(workers) if (share := names[i::workers])]
        self._pairs = [Pair(i, share, self) for i, share in enumerate(shares)]
        running = [worker for pair in self._pairs for worker in (pair.capture, pair.vision)]
        subject = Subject(
            self.config,
            str(folder),
            self.hub,
            self.judge,
            self.notifier,
            running,
            self._problems,
            loaded,
            self.library,
            self.volumes,
            self._keeper,
        )
        self._reporter = Reporter(subject, clock)

    def recording(self, cameras: Sequence[str]) -> tuple[tuple[RecordSettings, ...], tuple[VolumeSettings, ...]]:
        """What a capture process records, and where: as user, schedule and disks have it now."""
        records = tuple(self.library.settings(cameras))
        site, buffer = self.config.site, self.config.storage.buffer
        used = sorted({record.volume for record in records})
        return records, tuple(VolumeSettings(id, str(self.volumes.open[id].root), site, buffer) for id in used)

    def _kept(self) -> list[Kept]:
        """The volumes as the keeper sees them; in its thread."""
        reserves = wiring.reserves(self.config)
        return [
            Kept(id, name, self.volumes.open[id].disk, reserves.get(name), partial(self._volume_trouble, name))
            for name, id in list(self.volumes.ids.items())
        ]

    def _volume_trouble(self, name: str) -> str:
        return self.volumes.trouble.get(name, "")

    def _note_trouble(self, who: str, trouble: str) -> None:
        self._reporter.note(who, trouble)

    async def _rebuild_index(self) -> None:
        """Footage the database does not know (it is new, or an older one was put back) comes into it while everything runs."""
        wanted = heal.wanted(self._folder)
        disks = {id: self.volumes.open[id].disk for id in (self.volumes.open if wanted else self.volumes.taken_over)}
        if disks:
            found = await asyncio.to_thread(rebuild, Rows(self.store, self.config.site), disks)
            log.info("the index of the footage was made again: files=%d added=%d", found.files, found.added)
        if wanted:
            await asyncio.to_thread(heal.rebuilt, self._folder)
        self.volumes.taken_over.clear()

    async def _open_library(self) -> None:
        await self.volumes.start()
        if new := [self.volumes.open[id].disk for id in self.volumes.taken_over]:
            # A database made anew counts from 1; the files of its predecessor must not get namesakes.
            self._least_epoch = 1 + await asyncio.to_thread(lambda: max(map(last_epoch, new)))
        await self.library.start(self._plans(), self.volumes.open, self._least_epoch)

    def _plans(self) -> dict[str, Plan]:
        return {
            name: wiring.plan(self.config, name, self.volumes.ids, self._boot) for name in wiring.active(self.config)
        }

    async def _volume_opened(self, _name: str) -> None:
        self.library.plan(self._plans())
        for pair in self._pairs:
            pair.record_more()

    async def next_epoch(self) -> int:
        return await asyncio.to_thread(self.store.next_epoch, self.config.site, self._least_epoch)

    def _open_bus(self, targets: Targets) -> Bus:
        """A broker we may not talk to is a problem shown; everything else works without it."""
        try:
            return plugs.open_bus(self.config.bus, self._folder, self.clock, targets)
        except TargetRefused as error:
            self._problems.append(f"bus: {error}")
            return plugs.open_bus(schema.Bus(), self._folder, self.clock, targets)

    def _open_channels(self, targets: Targets) -> list[Route]:
        """A channel with unusable settings is a problem shown; the others work."""
        routes = []
        for name, settings in self.config.channels.items():
            if not settings.enabled or (self._view is not None and settings.type == "console"):
                # A live view shows the alerts itself; lines printed into it would tear it apart.
                continue
            channel: Channel
            try:
                channel = plugs.open_channel(name, settings, targets.check, self.clock)
            except ChannelError as error:
                self._problems.append(f"channel {name}: {error}")
                channel = BrokenChannel(name, str(error))
            shows_pictures = getattr(settings, "picture", settings.type != "console")
            routes.append(Route(channel, settings.dry_run, shows_pictures))
        return routes

    async def run(self) -> None:
        try:
            await asyncio.to_thread(self._blobs.sweep)
            await self._open_library()
            await self.judge.start()
            await self.bus.start()
            await self.hub.say_again()
            async with asyncio.TaskGroup() as group:
                group.create_task(self.hub.run())
                parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                    ("notifier", self.notifier.run),
                    ("status", self._tell_status),
                    ("model", self._have_model),
                    ("library", self.library.run),
                    ("volumes", partial(self.volumes.run, self._volume_opened)),
                    ("keeper", self._keeper.run),
                    ("index", self._rebuild_index),
                ]
                if self._snapshots is not None:
                    parts.append(("backup", self._snapshots.run))
                for name, part in parts:
                    group.create_task(guard(name, part, self.clock))
                for pair in self._pairs:
                    group.create_task(self._supervisor.keep(pair.capture))
                    group.create_task(self._supervisor.keep(pair.vision))
        finally:
            # What is left to do must not be cut short by a second Ctrl-C's cancellation.
            await asyncio.shield(self._stop())

    async def _have_model(self) -> None:
        """When vision lacks its model, fetch it with our own command, in a process of its own; vision is tried again meanwhile.

        Capture runs all the time. Without a network: again every MODEL_RETRY_S, and the status says why.
        """
        command = [sys.executable, "-m", "redshank", "models", "pull", self.config.detector.model]
        while True:
            await self.clock.sleep(1.0)
            if not any(pair.vision.name in self.hub.trouble for pair in self._pairs):
                continue
            pull = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=PIPE, stdin=DEVNULL)
            _out, told = await pull.communicate()
            if pull.returncode == 0:
                self.hub.trouble.pop("model", None)
            else:
                self.hub.trouble["model"] = redact(_last_line(told))
            await self.clock.sleep(MODEL_RETRY_S)

    async def _tell_status(self) -> None:
        """Once a second, and when a camera's status changes: the status file and the live view. A disk that refuses stops neither."""
        told = ""
        while True:
            now = self._reporter.report()
            if self._view is not None:
                self._view.show(now)
            try:
                await asyncio.to_thread(status.write, self._folder, now)
                told = ""
            except StoreError as error:
                if str(error) != told:
                    told = str(error)
                    log.error("status not written: %s", error)
            self._reporter.note("status", told)
            self._reporter.note("backup", self._snapshots.trouble if self._snapshots is not None else "")
            await self.clock.sleep(STATUS_GAP_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_S - STATUS_GAP_S):
                    await self.hub.changed.wait()
            self.hub.changed.clear()

    async def _stop(self) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self.library.drain()
                    await self.hub.drain()
        finally:
            await self.judge.stop()
            self.notifier.stop()
            await self.notifier.close()
            await self.bus.stop()
            if self._snapshots is not None:
                self._snapshots.close()
            await asyncio.to_thread(self.store.close)
            for volume in self.volumes.open.values():
                volume.close()
            log.info("stopped")


def _last_line(told: bytes) -> str:
    lines = told.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "the model could not be fetched"
