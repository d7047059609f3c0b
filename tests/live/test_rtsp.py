"""RTSP out, read back by FFmpeg from a real capture process and a camera whose every picture is numbered."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import av
import pytest

from redshank.live.rtsp import May, RtspOut
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.live.filming import Filming, filming, until
from tests.media.test_rtsp import Client

OPTIONS = {"rtsp_transport": "tcp", "stimeout": "8000000"}


class Desk:
    """ann may watch the yard as long as `open`; bob may watch nothing; nobody else is known."""

    def __init__(self) -> None:
        self.open = True
        self.asked = 0

    async def enter(self, name: str, password: str, address: str) -> May | None:
        self.asked += 1
        cameras = {("ann", "secret ann"): {"yard"}, ("bob", "secret bob"): set[str]()}.get((name, password))
        if cameras is None:
            return None

        async def may(camera: str) -> bool:
            return self.open and camera in cameras

        return may


@asynccontextmanager
async def out(film: Filming, desk: Desk) -> AsyncIterator[RtspOut]:
    cameras = {"yard": ("main", "sub"), "door": ("main",)}
    made = RtspOut(film.room, desk.enter, lambda: cameras, port=0)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def read(url: str, pictures: int) -> list[int | None]:
    """The numbers of so many pictures."""
    with av.open(url, "r", options=OPTIONS, timeout=15) as container:
        shown: list[int | None] = []
        for frame in container.decode(video=0):
            shown.append(read_number(luma_of(frame)))
            if len(shown) == pictures:
                break
        return shown


async def asked(server: RtspOut, path: str, login: str = "") -> tuple[int, str]:
    """What a DESCRIBE is answered; login: name:password."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    client = Client(reader, writer, f"rtsp://127.0.0.1:{server.port}")
    lines = (f"Authorization: Basic {base64.b64encode(login.encode()).decode()}",) if login else ()
    status, _, body = await client.ask("DESCRIBE", path, *lines)
    writer.close()
    return status, body


@pytest.mark.parametrize("clip", [{}, {"codec": "libx265"}, {"audio": "aac"}, {"audio": "pcm_alaw"}], ids=str)
async def test_what_a_camera_sends_comes_out_as_it_was(clip: dict[str, str]) -> None:
    with FakeCamera(cached_clip(20, **clip)) as camera:
        async with filming({("yard", "main"): camera.url}) as film, out(film, Desk()) as server:
            await until(lambda: film.states)
            shown = await asyncio.to_thread(read, f"rtsp://ann:secret%20ann@127.0.0.1:{server.port}/yard", 20)
    assert shown[0] is not None
    assert shown == list(range(shown[0], shown[0] + 20))


async def test_nothing_is_said_to_who_is_not_logged_in_and_a_foreign_camera_is_not_there() -> None:
    with FakeCamera() as camera:
        async with (
            filming({("yard", "main"): camera.url, ("door", "main"): camera.url}) as film,
            out(film, Desk()) as server,
        ):
            refused = [
                await asked(server, path, login) for path in ("/yard", "/none") for login in ("", "ann:wrong", "x:y")
            ]
            absent = [
                await asked(server, path, "ann:secret ann") for path in ("/none", "/door", "/door_sub", "/yard/..", "/")
            ]
            absent.append(await asked(server, "/yard", "bob:secret bob"))
            assert set(refused) == {(401, "")}
            assert set(absent) == {(404, "")}
            assert film.room.viewers("door", "main") == 0


async def test_who_may_no_longer_watch_is_cut_off() -> None:
    desk = Desk()
    with FakeCamera() as camera:
        async with filming({("yard", "main"): camera.url}) as film, out(film, desk) as server:
            await until(lambda: film.states)
            task = asyncio.ensure_future(
                asyncio.to_thread(read, f"rtsp://ann:secret%20ann@127.0.0.1:{server.port}/yard", 100_000)
            )
            await until(lambda: film.room.viewers("yard", "main") == 1 and server.viewers == 1)
            desk.open = False
            await until(lambda: not server.viewers, 5)
            shown = await task
    assert shown


async def test_viewers_share_one_connection_to_the_camera() -> None:
    with FakeCamera() as camera:
        async with filming({("yard", "main"): camera.url}) as film, out(film, Desk()) as server:
            await until(lambda: film.states)
            url = f"rtsp://ann:secret%20ann@127.0.0.1:{server.port}/yard"
            shown = await asyncio.gather(*[asyncio.to_thread(read, url, 10) for _ in range(3)])
            assert camera.viewers == 1
    assert all(len(one) == 10 for one in shown)
