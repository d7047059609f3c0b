"""A whole house for the page: cameras that run, real capture, live view by every method, accounts and news, as one server on loopback.

    with house(folder) as here, browsing() as browser:
        page = here.enter(browser)            # logged in as the administrator

`python -m tests.page.house FOLDER` keeps one up to look at.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from redshank.access.desk import Desk
from redshank.access.password import Passwords
from redshank.blobs.disk import DiskBlobs
from redshank.bus.messages import encode
from redshank.clock import SystemClock, rfc3339
from redshank.live.film import Films
from redshank.live.hls import LiveHls
from redshank.live.pictures import Stills
from redshank.live.rtc import Links, Rtc
from redshank.news import News
from redshank.on_demand import OnDemand
from redshank.playback.studio import StudioProcess
from redshank.store import ledger
from redshank.store.base import Store
from redshank.supervisor import Supervisor, Worker
from redshank.telling import Teller
from redshank.web.app import listen, make_app, serve
from redshank.web.rooms import Rooms
from redshank.web.shell import PAGE
from redshank.web.site import WebCamera, WebSite
from tests.access.people import CHEAP, PASSWORD, admin
from tests.harness.browser import Browser, Page
from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.loop_thread import LoopThread
from tests.live.filming import Filming, filming
from tests.playback.recording import Recording

CLOCK = SystemClock()
needs_page = pytest.mark.skipif(not PAGE, reason="the page is not built: `make page` (needs Node 20)")
ZONES = {"path": ((0.1, 0.5), (0.6, 0.5), (0.6, 0.95), (0.1, 0.95))}


@dataclass
class House:
    """`cameras` are the ones that run, by name; the page calls them `The yard`."""

    folder: Path
    cameras: Mapping[str, FakeCamera]
    loop: LoopThread = field(default_factory=lambda: LoopThread("house"))
    port: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(f"sqlite:///{self.folder}/redshank.db", CLOCK)
        self.recording = Recording(self.folder / "volume")
        self.news = News()
        self.film: Filming | None = None
        self._running: asyncio.Task[None] | None = None
        self._up = asyncio.Event()

    # -- for the test's thread

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Also again after `stop`: on the same port, with the same accounts."""
        self.loop.call(self._start(), 60)

    def stop(self) -> None:
        self.loop.call(self._stop(), 60)

    def set_up(self) -> None:
        """The administrator, so that the page asks for the log-in."""
        desk = Desk(self.store, CLOCK, Passwords(CHEAP))
        self.loop.call(admin(desk))
        desk.close()

    def client(self) -> httpx.Client:
        """Logged in as the administrator. Close it."""
        made = httpx.Client(base_url=self.address, timeout=15, trust_env=False)
        made.post("/api/login", json={"name": "admin", "password": PASSWORD}).raise_for_status()
        return made

    def enter(self, browser: Browser, path: str = "/", likes: Mapping[str, object] | None = None) -> Page:
        """A new page with cookies of its own, logged in as the administrator, who likes this (`/api/preferences`)."""
        with closing(self.client()) as client:
            client.put("/api/preferences", json=dict(likes or {})).raise_for_status()
            secret = client.cookies["redshank"]
        page = browser.page(fresh=True)
        page.call(
            "Network.setCookie", name="redshank", value=secret, url=self.address, httpOnly=True, sameSite="Strict"
        )
        page.open(f"{self.address}{path}")
        return page

    # -- on the loop

    async def _start(self) -> None:
        self._up = asyncio.Event()
        self._running = asyncio.ensure_future(self._run())
        up = asyncio.ensure_future(self._up.wait())
        await asyncio.wait({up, self._running}, return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            self._running.result()

    async def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        self._running = None

    async def _run(self) -> None:
        streams = {(name, "main"): camera.url for name, camera in self.cameras.items()}
        async with filming(streams) as self.film:
            film = self.film
            studio = StudioProcess(lambda note: workers[0].tell(note), lambda: _kept(workers[0]), CLOCK, 60)
            films = Films(film.room, studio, CLOCK, lambda _camera: ())
            film.room.transcode = films.relay
            process = OnDemand(lambda note: workers[1].tell(note), lambda: _kept(workers[1]), CLOCK, 60)
            rtc = Rtc(
                Links(
                    film.room, films, process, lambda note: workers[1].tell(note), lambda: _waiting(workers[1]), CLOCK
                )
            )
            workers = (
                Worker("studio-0", _settings, studio.on_note, studio.on_change),
                Worker("rtc-0", _settings, rtc.on_note, rtc.on_change),
            )
            hls = LiveHls(film.room, CLOCK)
            desk = Desk(self.store, CLOCK, Passwords(CHEAP))
            rooms = Rooms(
                access=desk,
                news=self.news,
                stills=Stills(film.room, studio, CLOCK),
                films=films,
                rtc=rtc,
                live=film.room,
                live_hls=hls,
            )
            listening = listen("127.0.0.1", self.port)
            self.port = listening.getsockname()[1]
            teller = Teller(self.news, CLOCK, self.status)
            tasks = [
                asyncio.ensure_future(one)
                for one in (serve(make_app(self._site(studio), rooms), listening), teller.run(), desk.run())
            ]
            self._up.set()
            try:
                # Not `gather`: what it cancels would be cancelled twice.
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await rtc.stop()
                await hls.stop()
                await films.stop()
                await studio.stop()
                desk.close()

    def _site(self, studio: StudioProcess) -> WebSite:
        cameras = {
            name: WebCamera(f"The {name}", ("main",), "Home", zones=ZONES, order=number)
            for number, name in enumerate(self.cameras)
        }
        return WebSite(
            self.store,
            self.recording.footage,
            lambda _camera, _stream: [],
            lambda: cameras,
            CLOCK,
            DiskBlobs(self.folder / "blobs"),
            studio,
            self.status,
            lambda: {"volumes": [], "cameras": [], "warnings": [], "alarms": {}, "stopped": ""},
        )

    def status(self) -> dict[str, Any]:
        """As of a running site (report.py), as far as the page asks."""
        private = self.store.read(partial(ledger.private, now=CLOCK.now()))
        states = self.film.states if self.film is not None else {}
        cameras = [
            {
                **encode(state),
                "recording": {
                    "mode": "continuous",
                    "private": state.camera in private,
                    "recording": True,
                    "until": None,
                    "trouble": "",
                },
                "analysed": {"fps": 5.0, "motion": 0.0, "now": ""},
            }
            for state in states.values()
        ]
        return {
            "ok": True,
            "time": rfc3339(CLOCK.now()),
            "problems": [],
            "cameras": cameras,
            "detector": {},
            "channels": {},
        }


async def _kept(worker: Worker) -> None:
    await Supervisor(CLOCK).keep(worker)


async def _settings() -> bytes:
    return b"{}"


def _waiting(worker: Worker) -> int:
    return worker.pipe.waiting if worker.pipe is not None else 0


@contextmanager
def house(folder: Path, names: tuple[str, ...] = ("yard",), port: int = 0, account: bool = True) -> Iterator[House]:
    """With a camera of each name; `account`: there is an administrator already."""
    with ExitStack() as stack:
        clip = cached_clip(20, gop_s=1, audio="aac")
        cameras = {name: stack.enter_context(FakeCamera(clip, CameraSettings(backlog=True))) for name in names}
        made = House(folder, cameras, port=port)
        stack.callback(made.store.close)
        stack.callback(made.loop.stop)
        if account:
            made.set_up()
        made.start()
        stack.callback(made.stop)
        yield made


if __name__ == "__main__":
    with house(Path(sys.argv[1]), ("yard", "door", "drive"), port=8991) as kept:
        print(f"{kept.address}  admin / {PASSWORD}", flush=True)
        kept.loop.call(asyncio.sleep(7200), 7300)
