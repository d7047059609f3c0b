"""RTSP and FLV from a camera that breaks in every way, through the reader, measured on packets behind the fan-out."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from redshank.clock import US_PER_S, SystemClock
from redshank.errors import SourceDenied, SourceError, SourceMissing, SourceUnusable, TargetRefused
from redshank.media.connect import open_source
from redshank.media.settings import SourceSettings
from redshank.media.source import Source
from redshank.model import CameraStatus
from redshank.targets import Targets
from tests.harness.fake_camera import CameraSettings, FakeCamera, Faults
from tests.harness.footage import cached_clip, read_number
from tests.harness.stamp import read_sei
from tests.media.watch import Watch, watching

MORE_DAMAGE = (("flip", 0.001), ("flip", 0.05), ("drop", 0.01), ("reorder", 0.01), ("reorder", 0.05))
ODD = "p@:/#ss%? ü"


FRAMES = 200
FPS = 50


def quick(**encoding: object) -> Path:
    """Four seconds with a keyframe every 0.2 s, so that connecting is fast."""
    return cached_clip(4, fps=FPS, gop_s=0.2, **encoding)


@pytest.fixture
def camera() -> Iterator[FakeCamera]:
    with FakeCamera(quick(audio="aac")) as running:
        yield running


def opened(url: str, *ports: int, **fields: object) -> Source:
    settings = SourceSettings(url, **fields)  # type: ignore[arg-type]
    return open_source(settings, Targets([f"127.0.0.1:{port}" for port in ports]), 5)


def time_errors(watch: Watch) -> list[float]:
    """Seconds from when the camera sent each picture to the time it was given."""
    stamps = [(p, read_sei(p.data)) for p in watch.video]
    return [(p.time - stamp.wall_us) / US_PER_S for p, stamp in stamps if stamp is not None]


def consecutive(watch: Watch) -> bool:
    """Whether no frame of the camera is missing."""
    stamps = [stamp for p in watch.video if (stamp := read_sei(p.data)) is not None]
    counted = [stamp.round * FRAMES + stamp.number for stamp in stamps]
    return all(b == a + 1 for a, b in pairwise(counted))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pictures_and_sound_come_over_rtsp(camera: FakeCamera, transport: str) -> None:
    with watching(SourceSettings(camera.url, transport=transport), [camera.port]) as watch:  # type: ignore[arg-type]
        watch.until_packets(15)
    video, audio = watch.fanout.formats
    assert (video.codec, video.width, video.height, video.declared_fps) == ("h264", 640, 360, FPS)
    assert (audio.codec, audio.sample_rate, audio.channels) == ("aac", 48_000, 2)
    assert consecutive(watch)
    assert None not in watch.numbers()
    assert all(abs(e) <= 0.2 for e in time_errors(watch))
    # Sound and pictures lie on one line: the sound of a second is there with its pictures.
    sound = [p.time for p in watch.packets if p.format.kind == "audio"]
    assert abs(sound[-1] - watch.video[-1].time) < 0.5 * US_PER_S


@pytest.mark.parametrize(("codec", "bframes"), [("libx264", 2), pytest.param("libx265", 0, marks=pytest.mark.slow)])
def test_codecs_and_reordering_come_through_whole(codec: str, bframes: int) -> None:
    with FakeCamera(quick(codec=codec, bframes=bframes)) as camera, watching(camera.url, [camera.port]) as watch:
        watch.until_packets(30)
    frames = watch.frames()[:-3]  # the last ones may lack the picture they refer to
    numbers = [read_number(f.y) or 0 for f in frames]
    assert numbers == [(numbers[0] + n) % FRAMES for n in range(len(numbers))]
    assert len(numbers) >= 25
    assert all(0.01 * US_PER_S < b.time - a.time < 0.04 * US_PER_S for a, b in pairwise(frames))


def test_each_thing_that_can_be_wrong_has_its_own_line() -> None:
    with FakeCamera(settings=CameraSettings(user="admin", password=ODD)) as camera:
        port = camera.port
        url = f"rtsp://127.0.0.1:{port}/cam"
        opened(url, port, user="admin", password=ODD).close()
        opened(camera.url, port).close()
        for fields in ({}, {"user": "admin", "password": "wrong"}, {"user": "who", "password": ODD}):
            with pytest.raises(SourceDenied, match="refuses the login; check user name and password"):
                opened(url, port, **fields)
        with pytest.raises(SourceMissing, match="has no such stream; check the path"):
            opened(f"rtsp://127.0.0.1:{port}/nothing", port, user="admin", password=ODD)
        with pytest.raises(TargetRefused, match=r"security\.allow_targets"):
            opened(url)
    with pytest.raises(SourceMissing, match="refuses the connection; check the port"):
        opened(url, port, user="admin", password=ODD)
    with pytest.raises(SourceMissing, match="no such name"):
        opened("rtsp://camera.invalid/cam", user="admin", password=ODD)
    with pytest.raises(SourceUnusable, match="gopher is not supported"):
        opened("gopher://127.0.0.1/cam")


@pytest.mark.parametrize("password", [ODD, "a:b@c/d#e", "x" * 60])
def test_no_error_gives_the_password_away(password: str) -> None:
    """rel:S12, for what a camera's address can hold."""
    said: list[str] = []
    with FakeCamera(settings=CameraSettings(user="admin", password="other")) as camera:
        for url in (f"rtsp://admin:{password}@127.0.0.1:{camera.port}/cam", f"rtsp://127.0.0.1:{camera.port}/cam"):
            with pytest.raises((SourceError, TargetRefused)) as caught:
                opened(url, camera.port, user="admin", password=password)
            said.append(f"{caught.value!r} {caught.value.__cause__!s}")
    assert all(password not in text for text in (s.split(" [Errno")[0] for s in said))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_redirect_is_not_followed(camera: FakeCamera, transport: str) -> None:
    """rel:S08: the other address sees no connection."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        camera.faults.redirect = f"rtsp://127.0.0.1:{other.getsockname()[1]}/elsewhere"
        with pytest.raises(SourceUnusable, match="redirects to another address, which is not followed"):
            opened(camera.url, camera.port, transport=transport)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()


def test_a_camera_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    clock = SystemClock()
    with FakeCamera(faults=Faults(half_open=True)) as camera:
        begun_ns = clock.mono_ns()
        with pytest.raises(SourceMissing, match="gives no answer within 1 s"):
            open_source(SourceSettings(camera.url), Targets([f"127.0.0.1:{camera.port}"]), 1)
        assert clock.mono_ns() - begun_ns < 3e9


@pytest.mark.parametrize("how", ["reset", "off"])
def test_a_camera_that_breaks_off_is_found_again(camera: FakeCamera, how: str) -> None:
    """rel:T14, one cycle; the fake clock does 200, tests/slow does 200 real ones."""
    with watching(camera.url, [camera.port]) as watch:
        watch.until_packets(5)
        if how == "reset":
            camera.reset()
        else:
            camera.refuse()
            watch.until_status(CameraStatus.OFFLINE)
            camera.answer()
        back_us = watch.clock.now()
        watch.until(lambda: watch.reader.state.connects == 2)
        watch.until_packets(5)
        assert watch.clock.now() - back_us < 5 * US_PER_S
    assert consecutive(watch) is False
    assert None not in watch.numbers()


def test_many_connections_leave_no_thread_and_no_descriptor_behind(camera: FakeCamera) -> None:
    """rel:T14."""
    opened(camera.url, camera.port).close()
    camera.wait_viewers(0)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(10):
        source = opened(camera.url, camera.port)
        next(iter(source.packets()))
        source.close()
        source.close()
    camera.wait_viewers(0)
    after = len(os.listdir("/proc/self/fd")), threading.active_count()
    assert abs(after[0] - before[0]) <= 2
    assert abs(after[1] - before[1]) <= 2


def test_jumps_of_the_cameras_clock_cost_nothing(camera: FakeCamera) -> None:
    """rel:T19: timeline error <= 0.2 s, no reconnect, no unit longer than its time, at most one GOP lost (here: nothing)."""
    with watching(camera.url, [camera.port]) as watch:
        for jump_s in (0, -3600, -5, 5, 3600, 3 * 86400):
            camera.jump(jump_s)
            watch.until_packets(15)
        assert watch.reader.state.connects == 1
    assert max(map(abs, time_errors(watch))) <= 0.2
    assert all(0 < b.dts - a.dts < 0.3 * 90_000 for a, b in pairwise(watch.video))
    assert consecutive(watch)
    assert None not in watch.numbers()


@pytest.mark.parametrize("fault", ["same_time", "no_time"])
def test_ten_timestamps_without_meaning_cost_nothing(camera: FakeCamera, fault: str) -> None:
    """rel:T19."""
    with watching(camera.url, [camera.port]) as watch:
        watch.until_packets(10)
        setattr(camera.faults, fault, 10)
        watch.until_packets(20)
        assert watch.reader.state.connects == 1
    assert max(map(abs, time_errors(watch))) <= 0.2
    assert consecutive(watch)


@pytest.mark.parametrize("before_s", [0.5, 0])
def test_the_rtp_counter_may_wrap_even_at_the_first_packet(before_s: float) -> None:
    """rel:T20: 0 frames lost, no seam in the timeline."""
    first = 2**32 - max(1, round(before_s * 90_000))
    with FakeCamera(quick(), CameraSettings(first_time=first)) as camera, watching(camera.url, [camera.port]) as watch:
        watch.until_packets(50)
    assert consecutive(watch)
    assert max(map(abs, time_errors(watch))) <= 0.2
    assert all(0.003 < (b.dts - a.dts) / 90_000 < 0.05 for a, b in pairwise(watch.video))
    assert len({id(p.format) for p in watch.video}) == 1


def test_a_change_of_resolution_is_a_new_format_with_its_first_keyframe() -> None:
    """rel:T23: 0 s lost, both halves decode."""
    small, large = quick(), quick(width=960, height=540)
    with FakeCamera(small) as camera, watching(camera.url, [camera.port]) as watch:
        watch.until_packets(10)
        camera.switch(large)
        watch.until(lambda: watch.video[-1].format.width == 960)
        watch.until_packets(10)
        assert watch.reader.state.connects == 1
        assert (watch.reader.state.width, watch.reader.state.height) == (960, 540)
    changes = [b for a, b in pairwise(watch.video) if a.format is not b.format]
    assert len(changes) == 1
    assert changes[0].keyframe
    assert changes[0].format.extradata != watch.video[0].format.extradata
    frames = watch.frames()
    assert {f.width for f in frames} == {640, 960}
    assert len(frames) == len(watch.video)
    assert None not in watch.numbers()


@pytest.mark.parametrize(
    "fault",
    [
        {"flip": 0.01},
        {"drop": 0.05},
        *(pytest.param({kind: share}, marks=pytest.mark.slow) for kind, share in MORE_DAMAGE),
    ],
    ids=lambda fault: "-".join(map(str, *fault.items())),
)
def test_damage_on_the_way_is_over_within_a_gop(camera: FakeCamera, fault: dict[str, float]) -> None:
    """rel:T18: the process lives, and every frame from the first whole keyframe on decodes again."""
    with watching(camera.url, [camera.port]) as watch:
        watch.until_packets(5)
        for name, share in fault.items():
            setattr(camera.faults, name, share)
        begun_us = watch.clock.now()
        watch.until(lambda: watch.clock.now() - begun_us > 0.6 * US_PER_S)
        for name in fault:
            setattr(camera.faults, name, 0)
        mended_us = watch.clock.now()
        watch.until_packets(25)
    after = [f for f in watch.frames() if f.time > mended_us + 0.3 * US_PER_S]
    whole = [p for p in watch.video if p.time > mended_us + 0.3 * US_PER_S]
    assert len(after) == len(whole) > 3
    assert None not in [read_number(f.y) for f in after]


def test_a_camera_that_delivers_less_than_it_claims_keeps_true_time() -> None:
    """rel:T22 over RTSP for a few seconds; test_stamp has the ten minutes."""
    settings = CameraSettings(delivered_fps=Fraction(42))
    with FakeCamera(quick(), settings) as camera, watching(camera.url, [camera.port]) as watch:
        watch.until_packets(60)
    assert max(map(abs, time_errors(watch))) <= 0.2
    steps = [b.time - a.time for a, b in pairwise(watch.video)]
    assert max(steps) < 0.1 * US_PER_S
    assert watch.video[0].format.declared_fps == 50


def test_no_such_device_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="no such device: /dev/video97"):
        opened("usb:97")
    with pytest.raises(SourceMissing, match="no such device"):
        opened(f"v4l2:{tmp_path}/video0")
    (tmp_path / "video1").write_bytes(b"not a device")
    with pytest.raises(SourceError, match="video1"):
        opened(f"v4l2:{tmp_path}/video1")
