"""What the doctor says of a camera."""

from __future__ import annotations

import pytest

from redshank.clock import SystemClock
from redshank.media.probe import Probe, probe
from redshank.media.settings import SourceSettings
from redshank.targets import Targets
from tests.harness.fake_camera import CameraSettings, FakeCamera, Faults
from tests.harness.footage import cached_clip
from tests.harness.http_camera import HttpCamera


def asked(url: str, port: int, seconds: float = 2.5, **fields: str) -> Probe:
    return probe(SourceSettings(url, **fields), Targets([f"127.0.0.1:{port}"]), SystemClock(), seconds)  # type: ignore[arg-type]


def said(result: Probe, name: str) -> tuple[str, str]:
    (step,) = [step for step in result.steps if step.name == name]
    return step.verdict, step.found


def test_a_good_camera_passes_every_step() -> None:
    with FakeCamera(cached_clip(4, fps=50, gop_s=0.5, audio="aac")) as camera:
        result = asked(camera.url, camera.port, 1.5)
    assert result.ok
    assert [s.name for s in result.steps] == ["name", "port", "login", "video", "keyframes", "order", "clock", "audio"]
    assert (result.codec, result.width, result.height, result.audio) == ("h264", 640, 360, "aac")
    assert 45 < result.fps < 55
    assert 0.4 <= result.gop_s <= 0.6
    assert 0.95 < result.clock_rate < 1.05
    assert not result.reorders


@pytest.mark.slow
def test_what_could_be_better_is_warned_of() -> None:
    with FakeCamera(cached_clip(20, bframes=2, gop_s=5), CameraSettings()) as camera:
        result = asked(camera.url, camera.port, 6)
    assert result.ok
    assert said(result, "order")[0] == "warn"
    assert said(result, "keyframes")[0] == "warn"


def test_the_first_thing_wrong_is_named_and_nothing_after_it() -> None:
    with FakeCamera(settings=CameraSettings(user="u", password="secret#1")) as camera:
        port = camera.port
        denied = asked(f"rtsp://127.0.0.1:{port}/cam", port, user="u", password="wrong#2")
        assert said(denied, "login")[0] == "bad"
        assert "wrong#2" not in repr(denied)
    closed = asked(f"rtsp://127.0.0.1:{port}/cam", port)
    assert said(closed, "port") == ("bad", f"127.0.0.1:{port}: connection refused")
    nowhere = asked("rtsp://camera.invalid/1", port)
    assert [s.name for s in nowhere.steps] == ["name"]
    assert not nowhere.ok
    garbled = asked("rtsp://u:a/b@127.0.0.1:x/1", port)
    assert said(garbled, "name")[0] == "bad"


@pytest.mark.slow
def test_a_camera_that_sends_nothing_is_told_from_one_that_is_off() -> None:
    with FakeCamera(faults=Faults(stopped=True)) as camera:
        result = asked(camera.url, camera.port)
    assert said(result, "port")[0] == "ok"
    assert said(result, "login")[0] == "ok"
    assert said(result, "video")[0] == "bad"
    assert "stopped sending" in said(result, "video")[1]


def test_mjpeg_is_named_with_its_cost() -> None:
    with HttpCamera(cached_clip(10)) as camera:
        result = asked(camera.mjpeg_url, camera.port, 1)
    assert (result.codec, result.width, result.height) == ("mjpeg", 640, 360)
    assert said(result, "video")[0] == "warn"
    assert said(result, "clock") == ("ok", "the stream carries no clock; arrival is the time")


def test_a_file_and_a_missing_device_can_be_asked_about_too() -> None:
    assert asked(str(cached_clip(3)), 1, 1.5).ok
    assert said(asked("usb:97", 1), "login") == (
        "bad", "no such device: /dev/video97; plug the camera in, or look with `v4l2-ctl --list-devices`",
    )  # fmt: skip
