"""The web application over a recording, as a real server on a loopback port or without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from redshank.access.who import ROLE_RIGHTS, Role, Who
from redshank.blobs.disk import DiskBlobs
from redshank.clock import US_PER_S
from redshank.geometry import Polygon
from redshank.model import Segment
from redshank.playback.studio import Studio
from redshank.store import recordings
from redshank.store.base import Store
from redshank.web.app import listen, make_app, serve
from redshank.web.rooms import Rooms
from redshank.web.site import WebCamera, WebSite
from tests.harness.clocks import FakeClock
from tests.harness.loop_thread import LoopThread
from tests.playback.recording import NOON, Recording


class Notes:
    """An audit that only remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str, str]] = []
        """Name, what, camera, detail."""

    def note(self, who: Who, what: str, camera: str = "", detail: str = "") -> None:
        self.lines.append((who.name, what, camera, detail))


class Everybody:
    """A door that lets everybody in, as an administrator; or as whom it is told."""

    def __init__(self, who: Who | None = None) -> None:
        self.audit = Notes()
        self.asker: Who | None = who or Who("user", "u1", "admin", Role.ADMIN, ROLE_RIGHTS[Role.ADMIN])

    async def who(self, cookie: str, bearer: str, address: str) -> Who | None:
        return self.asker

    async def still(self, who: Who) -> bool:
        return self.asker == who


@dataclass
class Place:
    """A site with one camera, `yard`, and a clock that stands at an hour after noon."""

    folder: Path
    studio: Studio | None = None
    masks: tuple[Polygon, ...] = ()
    status: Mapping[str, Any] = field(default_factory=dict)
    cameras: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"yard": ("main", "sub")})
    """Streams of each."""
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON + 3600 * US_PER_S))
    rooms: Rooms = field(default_factory=lambda: Rooms(access=Everybody()))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.recording = Recording(self.folder / "volume")
        self.store = Store(f"sqlite:///{self.folder}/redshank.db", self.clock)
        self.blobs = DiskBlobs(self.folder / "blobs")

    def know(self) -> None:
        """Write the rows of what was recorded so far."""
        for segment in self.recording.segments:
            self.store.write(partial(recordings.add, segment=segment)).result()

    def running(self, camera: str, stream: str) -> list[Segment]:
        return [one for one in self.recording.running if (one.camera, one.stream) == (camera, stream)]

    @property
    def site(self) -> WebSite:
        cameras = {name: WebCamera(f"The {name}", streams, masks=self.masks) for name, streams in self.cameras.items()}
        return WebSite(
            self.store,
            self.recording.footage,
            self.running,
            lambda: cameras,
            self.clock,
            self.blobs,
            self.studio,
            lambda: self.status,
            lambda: {"volumes": []},
        )

    @property
    def app(self) -> FastAPI:
        return make_app(self.site, self.rooms)


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    made = Place(folder)
    try:
        yield made
    finally:
        made.store.close()


@contextmanager
def client(app: FastAPI, loop: LoopThread | None = None) -> Iterator[httpx.Client]:
    """A client of a real server."""
    own = loop or LoopThread("web")
    listening = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"

    async def start() -> asyncio.Task[None]:
        return asyncio.create_task(serve(app, listening))

    own.call(start())
    try:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as session:
            yield session
    finally:
        if loop is None:
            own.stop()
