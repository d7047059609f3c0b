"""Trying a camera in a process of its own: real cameras, step by step, up to a picture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from redshank.clock import SystemClock
from redshank.media.settings import SourceSettings
from redshank.playback.studio import Busy, StudioProcess
from redshank.probing import AT_ONCE, Prober
from redshank.supervisor import Supervisor, Worker
from redshank.web.trial import Told
from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import read_number
from tests.playback.decoding import luma_of_jpeg

CLOCK = SystemClock()


@dataclass
class Tried:
    prober: Prober
    allowed: list[str]

    async def all(self, url: str, user: str = "", password: str = "") -> list[Told]:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self.allowed[:] = [host]
        source = SourceSettings(f"{parts.scheme}://{host}{parts.path}", user, password)
        return [told async for told in self.prober.probe(source)]


@pytest.fixture
async def tried() -> AsyncIterator[Tried]:
    supervisor = Supervisor(CLOCK)
    allowed: list[str] = []

    async def settings() -> bytes:
        return b"{}"

    studio = StudioProcess(lambda note: worker.tell(note), lambda: supervisor.keep(worker), CLOCK)
    worker = Worker("studio-0", settings, studio.on_note, studio.on_change)
    yield Tried(Prober(supervisor, studio, lambda: tuple(allowed)), allowed)
    await studio.stop()


async def test_a_camera_that_works_is_told_step_by_step_with_a_picture(tried: Tried) -> None:
    with FakeCamera(settings=CameraSettings(user="me", password="secret")) as camera:
        told = await tried.all(camera.url, "me", "secret")
    steps = [one.about["name"] for one in told if one.kind == "step"]
    assert steps[:3] == ["name", "port", "login"]
    assert {"video", "keyframes", "order", "clock", "audio"} <= set(steps)
    (picture,) = [one for one in told if one.kind == "picture"]
    assert read_number(luma_of_jpeg(picture.jpeg)) is not None
    # The picture is there before the stream has been judged.
    assert told.index(picture) < [one.about.get("name") for one in told].index("video")
    done = told[-1]
    assert done.kind == "done"
    assert done.about["ok"] is True
    assert (done.about["codec"], done.about["width"], done.about["height"]) == ("h264", 640, 360)


async def test_what_is_wrong_has_a_message_of_its_own(tried: Tried) -> None:
    """req:J-21"""
    with FakeCamera(settings=CameraSettings(user="me", password="secret")) as camera:
        login = await tried.all(camera.url, "me", "wrong")
        url = camera.url
    closed = await tried.all(url)
    bad = [[one.about for one in told if one.about.get("verdict") == "bad"] for told in (login, closed)]
    assert [[step["name"] for step in steps] for steps in bad] == [["login"], ["port"]]
    assert "password" in bad[0][0]["found"]
    assert "secret" not in str(login)
    assert login[-1].about["ok"] is False


async def test_an_address_that_is_never_connected_to_is_refused(tried: Tried) -> None:
    """rel:S08: nothing may be reached by trying that a camera could not be."""
    for url in ("rtsp://169.254.169.254/x", "http://127.0.0.1:1/x", "http://[::ffff:127.0.0.1]:1/"):
        told = [told async for told in tried.prober.probe(SourceSettings(url))]
        assert [one.about["name"] for one in told if one.kind == "step"] == ["name"]


async def test_only_so_many_are_tried_at_once_and_the_room_comes_back(tried: Tried) -> None:
    tries = [tried.prober.probe(SourceSettings("rtsp://169.254.169.254/x")) for _ in range(AT_ONCE)]
    for one in tries:
        assert (await anext(one)).kind == "step"
    with pytest.raises(Busy):
        await anext(tried.prober.probe(SourceSettings("rtsp://169.254.169.254/x")))
    await asyncio.gather(*(one.aclose() for one in tries))
    assert (await anext(tried.prober.probe(SourceSettings("rtsp://169.254.169.254/x")))).kind == "step"
