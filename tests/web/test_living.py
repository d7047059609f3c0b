"""Live pictures through a real server: what a browser gets by WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from redshank.access.who import Who
from redshank.model import Packet
from redshank.web.app import listen, serve
from redshank.web.living import NOT_ANY_MORE, UNPLAYABLE
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.live.filming import CLOCK, Filming, filming, until
from tests.web.serving import Everybody, Place, place


@asynccontextmanager
async def served(here: Place, film: Filming) -> AsyncIterator[str]:
    """The application as a server on this loop; its address."""
    here.rooms = replace(here.rooms, live=film.room)
    listening = listen("127.0.0.1", 0)
    task = asyncio.ensure_future(serve(here.app, listening))
    try:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        await film.room.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def page(folder: Path, camera: FakeCamera, sub: FakeCamera | None = None) -> AsyncIterator[tuple[str, Filming]]:
    streams = {("yard", "main"): camera.url} | ({("yard", "sub"): sub.url} if sub else {})
    with place(folder) as here:
        async with filming(streams) as film, served(here, film) as address:
            yield address, film


@dataclass
class Revoking(Everybody):
    """A door that shuts behind whoever came in."""

    open: bool = True

    def __post_init__(self) -> None:
        super().__init__()

    async def still(self, who: Who) -> bool:
        return self.open


async def said(socket: ClientConnection) -> dict[str, Any]:
    """The next text; pictures before it are passed over."""
    async with asyncio.timeout(15):
        while True:
            message = await socket.recv()
            if isinstance(message, str):
                found: dict[str, Any] = json.loads(message)
                return found


async def told(socket: ClientConnection) -> dict[str, Any]:
    """What the browser must know of the next fragments."""
    found = await said(socket)
    while "mime" not in found:
        assert found == {"state": "waiting"} | found, found
        found = await said(socket)
    return found


async def given(socket: ClientConnection) -> bytes:
    """The next bytes."""
    async with asyncio.timeout(15):
        while True:
            message = await socket.recv()
            if isinstance(message, bytes):
                return message


def numbers(movie: bytes) -> list[int | None]:
    with av.open(BytesIO(movie), "r") as container:
        return [read_number(luma_of(frame)) for frame in container.decode(video=0)]


async def test_a_browser_is_told_what_comes_and_then_gets_it(tmp_path: Path) -> None:
    with FakeCamera() as camera:
        async with page(tmp_path, camera) as (address, film):
            await until(lambda: film.states)
            async with connect(f"{address}/api/live/yard/mse?codecs=h264,aac", proxy=None) as socket:
                first = await told(socket)
                movie = b"".join([await given(socket) for _ in range(12)])
    assert first["mime"] == f'video/mp4; codecs="{first["codecs"]}"'
    assert first["codecs"].startswith("avc1.64")
    assert (first["stream"], first["width"], first["height"], first["transcoded"]) == ("main", 640, 360, False)
    shown = numbers(movie)
    assert shown[0] is not None
    assert shown == list(range(shown[0], shown[0] + len(shown)))


async def test_a_browser_that_plays_no_h265_gets_the_sub_stream(tmp_path: Path) -> None:
    with (
        FakeCamera(cached_clip(10, codec="libx265")) as main,
        FakeCamera(cached_clip(10, width=320, height=192)) as sub,
    ):
        async with page(tmp_path, main, sub) as (address, film):
            # Also while nobody knows yet what the camera sends.
            async with connect(f"{address}/api/live/yard/mse?codecs=h264", proxy=None) as socket:
                first = await told(socket)
                assert (first["stream"], first["width"]) == ("sub", 320)
            async with connect(f"{address}/api/live/yard/mse?codecs=h264,hevc,aac", proxy=None) as socket:
                second = await told(socket)
                assert (second["stream"], second["codecs"][:4]) == ("main", "hvc1")
            await until(lambda: film.states["yard", "main"].codec)
            async with connect(f"{address}/api/live/yard/mse?codecs=h264&stream=main", proxy=None) as socket:
                assert await said(socket) == {"error": "codec", "codecs": ["hevc"]}
                assert await closed(socket) == UNPLAYABLE


async def test_what_no_browser_plays_is_transcoded_where_that_can_be(tmp_path: Path) -> None:
    with (
        FakeCamera(cached_clip(10, codec="libx265")) as main,
        FakeCamera(cached_clip(10, width=320, height=192)) as sub,
    ):
        async with page(tmp_path, main, sub) as (address, film):
            # What a transcoder would give is here another stream of the camera, which is H.264.
            film.room.transcode = partial(other_stream, film)
            async with connect(f"{address}/api/live/yard/mse?codecs=h264&stream=main", proxy=None) as socket:
                first = await told(socket)
                movie = b"".join([await given(socket) for _ in range(5)])
    assert (first["stream"], first["transcoded"], first["codecs"][:4]) == ("main", True, "avc1")
    assert None not in numbers(movie)


@asynccontextmanager
async def other_stream(film: Filming, camera: str, _stream: str) -> AsyncIterator[AsyncIterator[Packet]]:
    async with film.room.packets(camera, "sub") as packets:
        yield aiter(packets)


async def test_a_camera_that_goes_away_and_comes_back_is_told(tmp_path: Path) -> None:
    with FakeCamera() as camera:
        async with (
            page(tmp_path, camera) as (address, film),
            connect(f"{address}/api/live/yard/mse", proxy=None) as socket,
        ):
            await told(socket)
            assert film.room.viewers("yard", "main") == 1
            await asyncio.to_thread(camera.refuse)
            gone = await said(socket)
            while gone["state"] != "offline":
                gone = await said(socket)
            assert gone["since"].startswith("20")
            assert gone["reason"]
            await asyncio.to_thread(camera.answer)
            back = await said(socket)
            while back.get("state") != "live":
                back = await said(socket)
            assert await given(socket)


async def test_a_browser_that_pauses_costs_nothing_and_goes_on_at_a_keyframe(tmp_path: Path) -> None:
    with FakeCamera() as camera:
        async with (
            page(tmp_path, camera) as (address, film),
            connect(f"{address}/api/live/yard/mse", proxy=None) as socket,
        ):
            await given(socket)
            await socket.send('{"pause": true}')
            await until(lambda: not film.room.viewers("yard", "main"))
            await socket.send('{"pause": false}')
            await told(socket)
            assert (await given(socket))[4:8] == b"ftyp"
            assert None not in numbers(await again(socket))


async def again(socket: ClientConnection) -> bytes:
    """From the next init segment on."""
    await socket.send('{"pause": true}')
    await socket.send('{"pause": false}')
    head = await given(socket)
    while head[4:8] != b"ftyp":
        head = await given(socket)
    return head + b"".join([await given(socket) for _ in range(4)])


async def closed(socket: ClientConnection) -> int | None:
    """The code the server closes with; pictures before it are passed over."""
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code


async def test_whose_rights_end_is_cut_off_within_five_seconds(tmp_path: Path) -> None:
    door = Revoking()
    with FakeCamera() as camera, place(tmp_path) as here:
        here.rooms = replace(here.rooms, access=door)
        async with filming({("yard", "main"): camera.url}) as film, served(here, film) as address:
            async with connect(f"{address}/api/live/yard/mse", proxy=None) as socket:
                await given(socket)
                door.open = False
                async with asyncio.timeout(5):
                    assert await closed(socket) == NOT_ANY_MORE
            await until(lambda: not film.room.viewers("yard", "main"))


@pytest.mark.parametrize("said", ["nonsense", "[1]", '"' + "x" * 2000 + '"', "{" * 500])
async def test_a_browser_that_talks_nonsense_is_left(tmp_path: Path, said: str) -> None:
    with place(tmp_path) as here:
        async with served(here, Filming({})) as address, connect(f"{address}/api/live/yard/mse", proxy=None) as socket:
            await socket.send(said)
            assert await closed(socket) == 1008


@pytest.mark.parametrize("path", ["none/mse", "none/mse?stream=sub", "yard/mse?stream=sub"])
async def test_what_is_not_there_is_refused_before_anything_is_said(tmp_path: Path, path: str) -> None:
    with place(tmp_path) as here:
        here.cameras = {"yard": ("main",)}
        async with served(here, Filming({})) as address:
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{address}/api/live/{path}", proxy=None)
    assert refused.value.response.status_code == 404


async def test_a_page_of_another_site_sees_nothing(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        async with served(here, Filming({})) as address:
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{address}/api/live/yard/mse", proxy=None, origin=Origin("http://evil.example"))
    assert refused.value.response.status_code == 403


async def test_a_server_that_stops_waits_for_nobody_who_waits_for_a_camera(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        async with served(here, Filming({})) as address:
            socket = await connect(f"{address}/api/live/yard/mse", proxy=None)
            assert (await said(socket))["state"] == "waiting"
            begun = CLOCK.mono_ns()
        assert (CLOCK.mono_ns() - begun) / 1e9 < 2
        assert await closed(socket) in (1001, 1012)
