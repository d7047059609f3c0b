"""Privacy over the whole of live view: every way of looking at once, at a real capture process, a real studio and one camera."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from redshank.clock import US_PER_S
from redshank.live.film import Films
from redshank.live.hls import LiveHls
from redshank.live.pictures import NoPicture, Stills, Subject
from redshank.live.rtc import Links, Rtc, Wanted
from redshank.live.rtsp import Stream
from redshank.on_demand import OnDemand
from redshank.pipe import Note
from redshank.playback.studio import StudioProcess
from redshank.supervisor import Supervisor, Worker
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.live.filming import CLOCK, Filming, filming, until
from tests.live.test_rtc import Process, always

YARD = ("yard", "main")


@dataclass
class Looking:
    """`seen`: by way of looking, when each thing that was shown had been taken (wall, µs; 0: it does not say)."""

    film: Filming
    seen: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        room = self.film.room
        self.studio = StudioProcess(lambda note: self.worker.tell(note), self._keep, CLOCK, 60)
        self.worker = Worker(
            "studio-0", _nothing, self.studio.on_note, self.studio.on_change, "tests.process.studio_child"
        )
        self.films = Films(room, self.studio, CLOCK, lambda _camera: ())
        self.stills = Stills(room, self.studio, CLOCK, wait_s=1)
        self.hls = LiveHls(room, CLOCK)
        self.process = Process()
        on_demand = OnDemand(self._say, _forever, CLOCK, 60)
        self.rtc = self.process.rtc = Rtc(Links(room, self.films, on_demand, self._say, lambda: 0, CLOCK))
        self.rtc.on_change(True)
        room.transcode = self.films.relay
        room.forgets += [self.films.forget, self.stills.forget, self.rtc.forget]

    async def _keep(self) -> None:
        await Supervisor(CLOCK).keep(self.worker)

    def note(self, way: str, time: int = 0) -> None:
        self.seen.setdefault(way, []).append(time)

    def _say(self, note: Note) -> bool:
        if note.kind == "packet":
            self.note("webrtc")
        return self.process.say(note)

    def ways(self) -> list[Coroutine[Any, Any, None]]:
        return [self.mse(), self.transcoded(), self.index(), self.latest(), self.mjpeg(), self.webrtc(), self.rtsp()]

    async def mse(self) -> None:
        async with self.film.room.watch(*YARD) as viewer:
            async for fragment in viewer:
                self.note("mse", fragment.time)

    async def transcoded(self) -> None:
        async with self.film.room.transcoded(*YARD) as viewer:
            async for fragment in viewer:
                self.note("transcoded", fragment.time)

    async def index(self) -> None:
        while True:
            window = await self.hls.window(*YARD)
            if window is not None and window.segments:
                self.note("hls", window.segments[-1].parts[-1].time)
            await CLOCK.sleep(0.1)

    async def latest(self) -> None:
        while True:
            with suppress(NoPicture):
                self.note("latest", (await self.stills.latest(Subject("yard", ("main",)), 320, 60 * US_PER_S)).time)
            await CLOCK.sleep(0.1)

    async def mjpeg(self) -> None:
        async with self.films.shots(*YARD, 320, 10) as viewer:
            async for shot in viewer:
                self.note("mjpeg", shot.time)

    async def webrtc(self) -> None:
        await self.rtc.offer(Wanted("yard", ("main",), always, "ann", True), "v=0")

    async def rtsp(self) -> None:
        async def may(_camera: str) -> bool:
            return True

        with Stream(self.film.room, may, YARD, ()).subscribe() as units:
            async for _unit in units:
                self.note("rtsp")

    async def stop(self) -> None:
        await self.rtc.stop()
        await self.films.stop()
        await self.hls.stop()
        await self.studio.stop()


async def _nothing() -> bytes:
    return b"{}"


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_a_camera_that_becomes_private_while_it_is_watched_is_shown_no_more_in_any_way() -> None:
    """Nothing that was taken after the moment it was forgotten, and 1 s later nothing at all."""
    with FakeCamera(cached_clip(60, gop_s=1)) as camera:
        async with filming({YARD: camera.url}) as film, AsyncExitStack() as stack:
            looking = Looking(film)
            stack.push_async_callback(looking.stop)
            tasks = [asyncio.ensure_future(way) for way in looking.ways()]
            stack.callback(lambda: [task.cancel() for task in tasks])
            await until(lambda: len(looking.seen) == len(tasks) and min(map(len, looking.seen.values())) > 3, 30)
            moments = list[int]()
            film.room.forgets.append(lambda _camera: moments.append(CLOCK.now()))
            film.capture.tell(Note("record", {"camera": "yard", "mode": "continuous", "private": True}))
            await until(lambda: moments)
            await CLOCK.sleep(1)
            before = {way: len(times) for way, times in looking.seen.items()}
            await CLOCK.sleep(2)
            assert {way: len(times) for way, times in looking.seen.items()} == before
            late = {way: times[-1] for way, times in looking.seen.items() if times[-1] > moments[0]}
            assert not late
