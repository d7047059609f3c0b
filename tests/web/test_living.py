"""Live pictures through a real server: what a browser gets by WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import av
from websockets.asyncio.client import ClientConnection, connect

from redshank.web.app import listen, serve
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import luma_of, read_number
from tests.live.filming import Filming, filming, until
from tests.web.serving import Place, place


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
async def page(folder: Path, camera: FakeCamera) -> AsyncIterator[tuple[str, Filming]]:
    with place(folder) as here:
        async with filming({("yard", "main"): camera.url}) as film, served(here, film) as address:
            yield address, film


async def said(socket: ClientConnection) -> dict[str, Any]:
    """The next text; pictures before it are passed over."""
    async with asyncio.timeout(15):
        while True:
            message = await socket.recv()
            if isinstance(message, str):
                found: dict[str, Any] = json.loads(message)
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
                first = await said(socket)
                movie = b"".join([await given(socket) for _ in range(12)])
    assert first["mime"] == f'video/mp4; codecs="{first["codecs"]}"'
    assert first["codecs"].startswith("avc1.64")
    assert (first["stream"], first["width"], first["height"], first["transcoded"]) == ("main", 640, 360, False)
    shown = numbers(movie)
    assert shown[0] is not None
    assert shown == list(range(shown[0], shown[0] + len(shown)))
