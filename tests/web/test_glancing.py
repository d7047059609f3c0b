"""Live pictures over the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redshank.access.who import Role, Verb, Who
from redshank.clock import US_PER_S, rfc3339
from redshank.live.film import Films, Running
from redshank.live.pictures import Stills
from redshank.pipe import Note
from tests.harness.footage import cached_clip, read_number
from tests.harness.loop_thread import LoopThread
from tests.live.cameras import Cameras
from tests.playback.decoding import InlineStudio, luma_of_jpeg
from tests.web.serving import Everybody, Place, client, place


@pytest.fixture
def cameras() -> Cameras:
    return Cameras()


@pytest.fixture
def here(tmp_path: Path, cameras: Cameras) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.rooms = replace(made.rooms, stills=Stills(cameras, InlineStudio(), made.clock))
        yield made


def test_the_newest_picture_says_when_it_was(here: Place, cameras: Cameras) -> None:
    cameras.add(cached_clip(1), here.clock.now() - US_PER_S, stream="sub")
    with client(here.app) as session:
        answer = session.get("/api/live/yard/latest.jpg", params={"width": 320})
        again = session.get("/api/live/yard/latest.jpg?width=320", headers={"If-None-Match": answer.headers["etag"]})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["redshank-time"] == rfc3339(here.clock.now() - US_PER_S)
    assert answer.headers["cache-control"] == "private, no-store"
    assert read_number(luma_of_jpeg(answer.content)) == 0
    assert (again.status_code, again.content) == (304, b"")


def test_none_is_said_and_why(here: Place, cameras: Cameras) -> None:
    here.rooms = replace(
        here.rooms, stills=Stills(cameras, InlineStudio(), here.clock, lambda _camera: "it is private")
    )
    with client(here.app) as session:
        answer = session.get("/api/live/yard/latest.jpg")
        wide = session.get("/api/live/yard/latest.jpg?width=9999")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "there is no picture of this camera now: it is private",
    )
    assert wide.status_code == 400


class Making:
    """A studio that makes a numbered JPEG of each packet at once."""

    def __init__(self) -> None:
        self.films = 0

    @asynccontextmanager
    async def film(self, job: str, header: Mapping[str, Any], heard: Callable[[Note], None]) -> AsyncIterator[Running]:
        self.films += 1
        yield _Made(heard)


class _Made:
    def __init__(self, heard: Callable[[Note], None]) -> None:
        self._heard = heard
        self._number = 0

    async def say(self, kind: str, header: Mapping[str, Any], body: bytes = b"") -> None:
        self._number += 1
        self._heard(Note("shot", {"time": header["time"]}, b"picture %d" % self._number))

    async def over(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("end", ["nothing comes", "not allowed any more"])
def test_jpegs_come_one_after_another_until(here: Place, cameras: Cameras, end: str) -> None:
    packets = cameras.add(cached_clip(2), here.clock.now(), stream="sub")
    cameras.given.clear()
    films = Films(cameras, Making(), here.clock, lambda _camera: ())
    door = Everybody()
    here.rooms = replace(here.rooms, films=films, access=door)
    loop = LoopThread("web")
    parts: list[bytes] = []
    with client(here.app, loop) as session:
        loop.call(cameras.give(packets[0]))
        with session.stream("GET", "/api/live/yard/mjpeg?fps=5") as answer:
            assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=redshank-picture"
            for number, chunk in enumerate(answer.iter_raw()):
                parts.append(chunk)
                if number < 9:
                    loop.call(cameras.give(packets[2 * number + 2]))
                elif end == "nothing comes":
                    loop.run(lambda: here.clock.advance(11))
                else:
                    door.asker = None
                    loop.run(lambda: here.clock.advance(3))
                    loop.call(cameras.give(packets[19]))
    loop.stop()
    assert cameras.watching == 0
    times = [line for one in parts for line in one.decode().splitlines() if line.startswith("Redshank-Time: ")]
    assert times == [f"Redshank-Time: {rfc3339(packets[2 * number].time)}" for number in range(10)]


def test_a_foreign_camera_is_not_there(here: Place, cameras: Cameras) -> None:
    cameras.add(cached_clip(1), here.clock.now() - US_PER_S)
    guest = Who("user", "g1", "guest", Role.VIEWER, {Verb.LIVE: frozenset({"drive"})})
    here.rooms = replace(here.rooms, access=Everybody(guest))
    with client(here.app) as session:
        foreign, unknown = (session.get(f"/api/live/{name}/latest.jpg") for name in ("yard", "nowhere"))
    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json()) == (404, unknown.json())
