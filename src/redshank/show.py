"""Everything the web works with of a running site: accounts, news, live view, the studio, WebRTC, tries, the configuration's editor.

Made once; `run` until cancelled, then `stop`. On the event loop.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from redshank import apply, certificates, wiring
from redshank.access.desk import Desk
from redshank.archive.orders import Orders
from redshank.blobs.base import Blobs
from redshank.clock import Clock
from redshank.config.editor import Editor, Outcome
from redshank.config.schema import Camera, Config
from redshank.hub import Hub
from redshank.live.film import Films
from redshank.live.pictures import Stills
from redshank.live.rtc import Links, Rtc
from redshank.living import Living
from redshank.model import Detection
from redshank.news import News
from redshank.on_demand import OnDemand
from redshank.onvif.finder import Finder
from redshank.pipe import Note
from redshank.playback.footage import Footage
from redshank.playback.studio import StudioProcess
from redshank.probing import Prober
from redshank.recordings import Recordings
from redshank.rules.rule import default_rule
from redshank.site_models import Models
from redshank.store.base import Store
from redshank.supervisor import Supervisor, Worker
from redshank.telling import SHOWN, Teller
from redshank.trail.trails import Trails
from redshank.trying import ChannelTests, Examiner
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from redshank.web.site import WebCamera, WebSite

RTC_IDLE_S = 600.0
"""Its start takes a second, which a viewer would wait."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is shown."""

    config: Callable[[], Config]
    """As it is now."""
    given: Path | None
    """`--config`."""
    folder: Path
    """Of the data."""
    store: Store
    clock: Clock
    hub: Hub
    recordings: Recordings
    living: Living
    trails: Trails
    pictures: Blobs
    """Of alerts."""
    status: Callable[[], Mapping[str, Any]]
    reload: Callable[[], Any]
    """Makes the site use its configuration file again: an awaitable `Outcome`."""


class Show:
    """One per site."""

    def __init__(self, subject: Subject, supervisor: Supervisor) -> None:
        s = self._subject = subject
        self.desk = Desk(s.store, s.clock)
        self.news = News()
        self.teller = Teller(self.news, s.clock, s.status, self._title)
        self.living = s.living
        self._studio_worker = Worker("studio-0", _nothing, self._on_studio, lambda alive: self.studio.on_change(alive))
        self.studio = StudioProcess(self._studio_worker.tell, lambda: supervisor.keep(self._studio_worker), s.clock)
        self.films = Films(s.living.room, self.studio, s.clock, self._masks, self._seen)
        s.living.room.transcode = self.films.relay
        self.stills = Stills(s.living.room, self.studio, s.clock, self._why)
        self._rtc_worker = Worker("rtc-0", _nothing, self._on_rtc, lambda alive: self.rtc.on_change(alive))
        process = OnDemand(self._rtc_worker.tell, lambda: supervisor.keep(self._rtc_worker), s.clock, RTC_IDLE_S)
        self.rtc = Rtc(Links(s.living.room, self.films, process, self._rtc_worker.tell, self._rtc_waiting, s.clock))
        # A camera that becomes private is forgotten by whoever may still hold a picture of it.
        s.living.room.forgets += [self.films.forget, self.stills.forget, self.rtc.forget]
        s.recordings.library.on_private = s.living.room.forget
        self.orders = Orders(s.store, s.clock, s.folder / "exports", self._export)
        self.prober = Prober(supervisor, self.studio, lambda: s.config().security.allow_targets)
        self.examiner = Examiner(s.hub.vision.values, self._no_model, s.config)
        s.hub.on_tried = self.examiner.on_note
        self.channels = ChannelTests(self.studio, s.config, s.clock)
        self.models = Models(lambda: s.hub.model, lambda: s.config().detector.model)
        self.finder = Finder(s.clock, lambda: s.config().security.allow_targets, certificates.local_names)

    def _export(self) -> list[str]:
        """The command that exports of this site, in a process of its own."""
        s = self._subject
        config = ["--config", str(s.given)] if s.given is not None and s.given.exists() else []
        return [sys.executable, "-m", "redshank", "export", "--data", str(s.folder), *config]

    @property
    def workers(self) -> list[Worker]:
        """Its processes that run at the moment."""
        return [one for one in (self._studio_worker, self._rtc_worker, *self.prober.workers) if one.pid is not None]

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.orders.run())
            group.create_task(self.desk.run())
            group.create_task(self.teller.run())

    async def stop(self) -> None:
        """Ends whoever watches. Idempotent."""
        await self.rtc.stop()
        await self.films.stop()
        await self.living.stop()
        await self.studio.stop()
        self.desk.close()

    def site(self) -> WebSite:
        s = self._subject
        return WebSite(
            s.store,
            Footage(lambda: {id: volume.disk for id, volume in s.recordings.volumes.open.items()}, s.recordings.lost),
            s.recordings.unfinished,
            lambda: {name: _camera(name, camera) for name, camera in s.config().cameras.items()},
            s.clock,
            s.recordings.sprites,
            self.studio,
            s.status,
            lambda: s.recordings.keeper.status,
        )

    def rooms(self, names: Callable[[], frozenset[str]], authority: Callable[[], bytes]) -> Rooms:
        """names, authority: see `Rooms`."""
        s = self._subject
        return Rooms(
            access=self.desk,
            news=self.news,
            prober=self.prober,
            finder=self.finder,
            examiner=self.examiner,
            channels=self.channels,
            models=self.models,
            log=s.folder / "redshank.log",
            zone=lambda: s.config().timezone,
            version=version("redshank"),
            names=names,
            authority=authority,
            review=Review(
                s.pictures,
                s.trails,
                lambda: {rule.name: rule for rule in wiring.rules(s.config()) or [default_rule()]},
                lambda: ZoneInfo(s.config().timezone),
                self.orders,
            ),
            stills=self.stills,
            films=self.films,
            rtc=self.rtc,
            live=s.living.room,
            live_hls=s.living.hls,
            editor=Editor(s.given, os.environ, s.folder, s.clock, apply.difference, self._reload),
        )

    async def _reload(self) -> Outcome:
        done: Outcome = await self._subject.reload()
        return done

    def _why(self, camera: str) -> str:
        """What a camera that gives no picture suffers from."""
        state = self._subject.hub.states.get((camera, "main"))
        return f"{state.status}: {state.reason}" if state is not None and state.reason else ""

    def _seen(self, camera: str) -> list[Detection]:
        """What is in front of it, as it was looked at last."""
        known = self._subject.hub.analysed.get(camera)
        tracks = known.recent[-1].tracks if known is not None and known.recent else ()
        return [Detection(one.label, one.score, one.box) for one in tracks if one.state in SHOWN]

    def _title(self, camera: str) -> str:
        found = self._subject.config().cameras.get(camera)
        return (found.friendly_name if found is not None else "") or camera

    def _no_model(self) -> str:
        """What keeps the analysis from working."""
        trouble = self._subject.hub.trouble
        return next((why for name, why in trouble.items() if name == "model" or name.startswith("vision-")), "")

    def _masks(self, camera: str) -> tuple[Any, ...]:
        found = self._subject.config().cameras.get(camera)
        return tuple(found.privacy_masks.values()) if found is not None else ()

    def _rtc_waiting(self) -> int:
        return self._rtc_worker.pipe.waiting if self._rtc_worker.pipe is not None else 0

    async def _on_studio(self, note: Note) -> None:
        await self.studio.on_note(note)

    async def _on_rtc(self, note: Note) -> None:
        await self.rtc.on_note(note)


async def _nothing() -> bytes:
    return b"{}"


def _camera(name: str, camera: Camera) -> WebCamera:
    return WebCamera(
        camera.friendly_name or name,
        tuple(camera.streams),
        camera.location,
        camera.enabled,
        tuple(camera.privacy_masks.values()),
        {name: zone.coordinates for name, zone in camera.zones.items()},
        camera.order,
    )
