"""The fake camera sends what its journal says, and each knob breaks what it should."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import pytest

from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.harness.stamp import Stamp, read_sei


def opened(camera: FakeCamera, transport: str = "tcp") -> av.container.InputContainer:
    options = {"rtsp_transport": transport, "timeout": "3000000", "fpsprobesize": "0"}
    return av.open(camera.url, options=options, timeout=(5, 3))


def stamps(container: av.container.InputContainer, count: int) -> list[Stamp]:
    found: list[Stamp] = []
    for packet in container.demux(video=0):
        stamp = read_sei(bytes(packet))
        assert stamp is not None, "a frame without a stamp"
        found.append(stamp)
        if len(found) == count:
            return found
    raise AssertionError(f"the stream ended after {len(found)} frames")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_frames_come_stamped_in_order_as_the_journal_says(transport: str) -> None:
    with FakeCamera(cached_clip(2, fps=20)) as camera, opened(camera, transport) as container:
        got = stamps(container, 45)
    sent = [entry.stamp for entry in camera.journal]
    first = sent.index(got[0])
    assert got == sent[first : first + 45]
    assert {stamp.round for stamp in got} >= {0, 1}


def test_the_number_in_the_picture_is_the_number_in_the_stamp_with_b_frames_too() -> None:
    with FakeCamera(cached_clip(2, fps=20, bframes=2)) as camera, opened(camera) as container:
        by_pts: dict[int, int] = {}
        seen: list[tuple[int, int | None]] = []
        for packet in container.demux(video=0):
            stamp = read_sei(bytes(packet))
            if packet.pts is not None and stamp is not None:
                by_pts[packet.pts] = stamp.number
            seen += [(by_pts[f.pts], read_number(luma_of(f))) for f in packet.decode() if f.pts in by_pts]
            if len(seen) > 30:
                break
    assert [stamp for stamp, _ in seen] == [number for _, number in seen]


def test_a_wrong_password_is_refused_and_the_right_one_with_odd_characters_is_not() -> None:
    settings = CameraSettings(user="admin", password="p@ss:/#?%")
    with FakeCamera(settings=settings) as camera:
        with pytest.raises(av.HTTPUnauthorizedError):
            av.open(camera.url.replace("admin", "root"), timeout=(5, 3))
        with opened(camera) as container:
            assert stamps(container, 3)


def test_frames_can_come_slower_than_declared() -> None:
    settings = CameraSettings(delivered_fps=Fraction(8))
    with FakeCamera(settings=settings) as camera, opened(camera) as container:
        assert container.streams.video[0].average_rate == 10
        times = [packet.pts for packet, _ in zip(container.demux(video=0), range(10), strict=False) if packet.pts]
    assert {later - sooner for sooner, later in pairwise(times)} == {90_000 // 8}
