"""The fake camera sends what its journal says, and each knob breaks what it should."""

from __future__ import annotations

import socket
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.harness.certificate import certificate
from tests.harness.fake_camera import CameraSettings, FakeCamera, Faults
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.harness.oracle import between, judge
from tests.harness.stamp import Stamp, read_sei

OPTIONS = {"rtsp_transport": "tcp", "timeout": "3000000", "fpsprobesize": "0"}


FPS = 100
STEP = 90_000 // FPS


def quick(**encoding: object) -> Path:
    """A clip that is opened soon: many frames, many keyframes."""
    return cached_clip(1, **({"fps": FPS, "gop_s": 0.1} | encoding))


def opened(camera: FakeCamera, transport: str = "tcp") -> av.container.InputContainer:
    return av.open(camera.url, options=OPTIONS | {"rtsp_transport": transport}, timeout=(5, 3))


def packets(container: av.container.InputContainer, count: int) -> list[av.Packet[av.VideoStream]]:
    found = [packet for packet, _ in zip(container.demux(video=0), range(count), strict=False) if packet.size]
    assert len(found) == count, f"the stream ended after {len(found)} frames"
    return found


def stamps(container: av.container.InputContainer, count: int) -> list[Stamp]:
    found = [read_sei(bytes(packet)) for packet in packets(container, count)]
    assert None not in found, "a frame without a stamp"
    return [stamp for stamp in found if stamp is not None]


def numbers(container: av.container.InputContainer, count: int) -> list[int | None]:
    frames = zip(container.decode(video=0), range(count), strict=False)
    return [read_number(luma_of(frame)) for frame, _ in frames]


@pytest.mark.parametrize(("transport", "codec"), [("tcp", "libx264"), ("udp", "libx265")])
def test_frames_come_stamped_in_order_as_the_journal_says(transport: str, codec: str) -> None:
    with FakeCamera(quick(codec=codec)) as camera, opened(camera, transport) as container:
        got = stamps(container, 120)
    verdict = judge(between(camera.journal, got[0], got[-1]), got)
    assert verdict.clean, str(verdict)
    assert {stamp.round for stamp in got} >= {0, 1}


def test_the_number_in_the_picture_is_the_number_in_the_stamp_with_b_frames_too() -> None:
    with FakeCamera(quick(bframes=2)) as camera, opened(camera) as container:
        by_pts: dict[int, int] = {}
        seen: list[tuple[int, int | None]] = []
        for packet in container.demux(video=0):
            stamp = read_sei(bytes(packet))
            if packet.pts is not None and stamp is not None:
                by_pts[packet.pts] = stamp.number
            seen += [(by_pts[f.pts], read_number(luma_of(f))) for f in packet.decode() if f.pts in by_pts]
            if len(seen) > 60:
                break
    assert [stamp for stamp, _ in seen] == [number for _, number in seen]


def test_a_wrong_password_is_refused_and_the_right_one_with_odd_characters_is_not() -> None:
    settings = CameraSettings(user="admin", password="p@ss:/#?%")
    with FakeCamera(quick(), settings) as camera:
        with pytest.raises(av.HTTPUnauthorizedError):
            av.open(camera.url.replace("admin", "root"), timeout=(5, 3))
        with opened(camera) as container:
            assert stamps(container, 3)


def test_an_encrypted_camera_is_read_with_and_without_checking_its_certificate() -> None:
    with FakeCamera(quick(), CameraSettings(tls=True)) as camera:
        for check in ({}, {"tls_verify": "1", "ca_file": str(certificate().ca_file)}):
            with av.open(camera.url, options=OPTIONS | check, timeout=(5, 3)) as container:
                assert stamps(container, 3)
        with pytest.raises(av.FFmpegError):
            av.open(camera.url, options=OPTIONS | {"tls_verify": "1"}, timeout=(5, 3))


def test_frames_can_come_slower_than_declared() -> None:
    settings = CameraSettings(delivered_fps=Fraction(80))
    with FakeCamera(quick(), settings) as camera, opened(camera) as container:
        assert container.streams.video[0].average_rate == FPS
        times = [packet.pts for packet in packets(container, 10) if packet.pts is not None]
    assert {later - sooner for sooner, later in pairwise(times)} == {90_000 // 80}


def test_a_refusing_camera_ends_its_viewers_and_comes_back_on_the_same_port() -> None:
    with FakeCamera(quick()) as camera:
        with opened(camera) as container:
            packets(container, 3)
            camera.refuse()
            assert len(list(container.demux(video=0))) < 2 * FPS
        with pytest.raises(OSError, match="refused"):
            opened(camera)
        camera.answer()
        with opened(camera) as container:
            packets(container, 3)


def test_a_reset_reaches_the_viewer_as_a_reset() -> None:
    with FakeCamera(quick()) as camera, socket.create_connection(("127.0.0.1", camera.port), 5) as viewer:
        viewer.sendall(b"OPTIONS rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert viewer.recv(1000).startswith(b"RTSP/1.0 200")
        camera.reset()
        with pytest.raises(ConnectionResetError):
            viewer.recv(1000)


def test_a_half_open_camera_takes_the_connection_and_says_nothing() -> None:
    with FakeCamera(quick()) as camera, socket.create_connection(("127.0.0.1", camera.port), 5) as viewer:
        camera.faults.half_open = True
        viewer.settimeout(0.5)
        viewer.sendall(b"OPTIONS rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        with pytest.raises(TimeoutError):
            viewer.recv(1000)


def test_a_stopped_camera_keeps_the_connection_and_goes_on_later() -> None:
    with FakeCamera(quick()) as camera, opened(camera) as container:
        stamps(container, 3)
        camera.faults.stopped = True
        camera.wait_sent(len(camera.journal) + 30)
        missed = [entry for entry in camera.journal if not entry.viewers]
        assert camera.viewers == 1
        camera.faults.stopped = False
        got = stamps(container, 100)
    assert len(missed) >= 25
    assert not {(entry.stamp.round, entry.stamp.number) for entry in missed[2:-2]} & {(s.round, s.number) for s in got}


def test_a_frozen_camera_shows_one_picture_while_time_goes_on() -> None:
    with FakeCamera(quick(), faults=Faults(frozen=True)) as camera, opened(camera) as container:
        got = packets(container, 10)
        assert len({packet.pts for packet in got}) == 10
        assert len(set(numbers(container, 20))) == 1


def test_a_jump_moves_all_later_timestamps() -> None:
    with FakeCamera(quick()) as camera, opened(camera) as container:
        packets(container, 5)
        camera.jump(3600)
        times = [packet.pts for packet in packets(container, 120) if packet.pts is not None]
    steps = [later - sooner for sooner, later in pairwise(times)]
    assert steps.count(STEP) >= 100
    assert [step for step in steps if step != STEP] == [3600 * 90_000 + STEP]


def test_equal_and_missing_timestamps_come_as_often_as_asked() -> None:
    with FakeCamera(quick()) as camera, opened(camera) as container:
        packets(container, 5)
        camera.faults.same_time = 4
        same = [packet.pts for packet in packets(container, 110)]
        camera.faults.no_time = 10
        missing = [packet.pts for packet in packets(container, 110)]
    assert sum(sooner == later for sooner, later in pairwise(same)) >= 1
    assert missing.count(None) >= 1


def test_rtp_time_can_begin_just_below_its_end() -> None:
    settings = CameraSettings(first_time=2**32 - 90_000 // 4)
    with FakeCamera(quick(), settings) as camera, opened(camera) as container:
        times = [packet.pts for packet in packets(container, 60) if packet.pts is not None]
    assert {later - sooner for sooner, later in pairwise(times)} == {STEP}


@pytest.mark.parametrize("fault", ["drop", "reorder", "flip"])
def test_lost_late_and_damaged_packets_show_in_the_verdict(fault: str) -> None:
    with FakeCamera(quick()) as camera, opened(camera) as container:
        packets(container, 3)
        setattr(camera.faults, fault, {"drop": 0.1, "reorder": 0.1, "flip": 0.005}[fault])
        found = [read_sei(bytes(packet)) for packet, _ in zip(container.demux(video=0), range(150), strict=False)]
    got = [stamp for stamp in found if stamp is not None]
    verdict = judge(camera.journal, got)
    assert len(got) > 30
    assert not verdict.clean


def test_it_can_go_on_with_another_resolution() -> None:
    with FakeCamera(quick()) as camera, opened(camera) as container:
        packets(container, 3)
        camera.switch(quick(width=320, height=180))
        sizes = [(f.width, f.height) for f, _ in zip(container.decode(video=0), range(150), strict=False)]
    assert sizes[0] == (640, 360)
    assert sizes[-1] == (320, 180)


@pytest.mark.parametrize(
    "faults", [Faults(head_bytes=100_000), Faults(sdp_bytes=200_000), Faults(redirect="rtsp://127.0.0.1:9/x")]
)
def test_odd_answers_are_given_and_ffmpeg_does_not_play_them(faults: Faults) -> None:
    with FakeCamera(quick(), faults=faults) as camera, pytest.raises((av.FFmpegError, IndexError)):
        packets(opened(camera), 1)
