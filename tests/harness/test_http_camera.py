"""The HTTP camera is readable by FFmpeg and by a plain HTTP client, and asks for a login when told to."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import av
import httpx
import pytest

from tests.harness.footage import cached_clip, luma_of, read_number
from tests.harness.http_camera import HttpCamera, HttpFaults, HttpSettings
from tests.harness.stamp import read_sei


def numbers_of(container: av.container.InputContainer, count: int) -> list[int | None]:
    return [read_number(luma_of(frame)) for frame, _ in zip(container.decode(video=0), range(count), strict=False)]


def in_order(numbers: list[int | None], modulo: int) -> bool:
    assert None not in numbers
    return all((later or 0) == ((sooner or 0) + 1) % modulo for sooner, later in pairwise(numbers))


def test_mjpeg_shows_every_frame_in_order() -> None:
    with HttpCamera(cached_clip(1, fps=50, gop_s=0.2)) as camera:
        options = {"fpsprobesize": "0"}
        with av.open(camera.mjpeg_url, format="mpjpeg", options=options, timeout=(5, 3)) as container:
            assert in_order(numbers_of(container, 70), 50)


def test_flv_carries_the_clips_own_packets_with_stamps_and_sound() -> None:
    with (
        HttpCamera(cached_clip(1, fps=50, gop_s=0.2, audio="aac")) as camera,
        av.open(camera.flv_url, timeout=(5, 3)) as container,
    ):
        kinds = {stream.type for stream in container.streams}
        stamps = []
        for packet in container.demux(video=0):
            stamp = read_sei(bytes(packet))
            assert stamp is not None
            stamps.append(stamp)
            if len(stamps) == 70:
                break
    assert kinds == {"video", "audio"}
    assert stamps == camera.journal[camera.journal.index(stamps[0]) :][:70]


@pytest.mark.parametrize("login", ["digest", "basic"])
def test_a_snapshot_needs_the_right_login(login: str) -> None:
    settings = HttpSettings("admin", "p@ss:/#", login)
    with HttpCamera(settings=settings) as camera:
        bare = f"http://127.0.0.1:{camera.port}/snapshot.jpg"
        auth = httpx.DigestAuth if login == "digest" else httpx.BasicAuth
        assert httpx.get(bare).status_code == 401
        assert httpx.get(bare, auth=auth("admin", "wrong")).status_code == 401
        good = httpx.get(bare, auth=auth("admin", "p@ss:/#"))
    with av.open(io.BytesIO(good.content), "r") as picture:
        assert None not in numbers_of(picture, 1)


def test_a_stopped_camera_keeps_the_connection_and_sends_nothing() -> None:
    with HttpCamera() as camera, httpx.stream("GET", camera.mjpeg_url, timeout=0.5) as stream:
        parts = stream.iter_bytes()
        assert b"image/jpeg" in next(parts)
        camera.faults.stopped = True
        with pytest.raises(httpx.ReadTimeout):
            for _ in parts:
                pass


def test_a_refusing_camera_comes_back_on_the_same_port() -> None:
    with HttpCamera(faults=HttpFaults(status=503)) as camera:
        url = camera.snapshot_url
        assert httpx.get(url).status_code == 503
        camera.refuse()
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        camera.faults = replace(camera.faults, status=0)
        camera.accept()
        assert httpx.get(url).status_code == 200
