"""The web of a running site: the application over its store and footage, the process that makes its pictures, its port.

It starts last and stops first; a port that is taken, or a picture that cannot be made, costs nothing else anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redshank.access.desk import Desk
from redshank.clock import Clock
from redshank.config.schema import Camera, Config
from redshank.pipe import Note
from redshank.playback.footage import Footage
from redshank.playback.studio import StudioProcess
from redshank.recordings import Recordings
from redshank.store.base import Store
from redshank.supervisor import Supervisor, Worker
from redshank.web.app import listen, make_app, serve
from redshank.web.rooms import Rooms
from redshank.web.site import WebCamera, WebSite

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is shown."""

    config: Callable[[], Config]
    """As it is now."""
    store: Store
    clock: Clock
    recordings: Recordings
    status: Callable[[], Mapping[str, Any]]


class Page:
    """One per site. `run` until cancelled."""

    def __init__(self, subject: Subject, supervisor: Supervisor) -> None:
        self._subject = subject
        self._supervisor = supervisor
        self._worker = Worker("studio-0", self._settings, self._on_note, self._on_change)
        self._desk = Desk(subject.store, subject.clock)
        self._studio = StudioProcess(self._worker.tell, lambda: supervisor.keep(self._worker), subject.clock)
        self.address = ""
        """Where it is; empty while it is not."""

    async def run(self, listens: Callable[[], None]) -> None:
        """`listens` is called once it does. Raises ConfigError when there is no port."""
        web = self._subject.config().web
        listening = listen(web.host, web.port)
        host = f"[{web.host}]" if ":" in web.host else web.host
        self.address = f"http://{host}:{listening.getsockname()[1]}"
        listens()
        log.info("recordings and the API are at %s/api", self.address)
        desk = asyncio.ensure_future(self._desk.run())
        try:
            await serve(make_app(self._site(), self._rooms()), listening)
        finally:
            self.address = ""
            desk.cancel()
            await asyncio.gather(desk, return_exceptions=True)
            await self._studio.stop()

    def _site(self) -> WebSite:
        s = self._subject
        return WebSite(
            s.store,
            Footage(lambda: {id: volume.disk for id, volume in s.recordings.volumes.open.items()}, s.recordings.lost),
            s.recordings.unfinished,
            lambda: {name: _camera(name, camera) for name, camera in s.config().cameras.items()},
            s.clock,
            s.recordings.sprites,
            self._studio,
            s.status,
            lambda: s.recordings.keeper.status,
        )

    def _rooms(self) -> Rooms:
        return Rooms(access=self._desk)

    async def _settings(self) -> bytes:
        return b"{}"

    async def _on_note(self, note: Note) -> None:
        await self._studio.on_note(note)

    def _on_change(self, alive: bool) -> None:
        self._studio.on_change(alive)


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
