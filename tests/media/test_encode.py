"""MJPEG and raw pictures to H.264, once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from redshank.clock import NS_PER_S
from redshank.errors import SourceUnusable
from redshank.media.decode import Decoder
from redshank.media.encode import Encoded
from redshank.media.pyav import AvSource
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket
from redshank.model import Packet, StreamFormat
from tests.fakes import ScriptedSource, Step, audio_packets
from tests.harness.clocks import FakeClock
from tests.media.test_picture import picture

MJPEG = StreamFormat("video", "mjpeg", Fraction(1, 90_000))


def pictures(clock: FakeClock, count: int, fps: float = 10, data: bytes | None = None) -> Iterator[Step]:
    raw = RawPacket(MJPEG, None, None, 0, True, picture("mjpeg") if data is None else data)
    for _ in range(count):
        yield lambda: clock.advance(1 / fps)
        yield raw


def test_each_picture_comes_out_at_once_with_its_time() -> None:
    clock = FakeClock()
    encoded = Encoded(ScriptedSource(pictures(clock, 50), (MJPEG,)), SourceSettings("http://cam/"), clock)
    seen: list[int] = []
    for raw in encoded.packets():
        seen.append(clock.mono_ns())
        assert raw.dts is not None
        assert raw.pts == raw.dts
    assert len(seen) == encoded.pictures == 50
    assert all(b - a == NS_PER_S // 10 for a, b in pairwise(seen))
    assert encoded.formats[0].codec == "h264"
    assert (encoded.formats[0].width, encoded.formats[0].height) == (66, 50)


@pytest.mark.parametrize("fps", [2, 10, 30])
def test_keyframes_come_by_time_whatever_the_rate(fps: float) -> None:
    clock = FakeClock()
    source = ScriptedSource(pictures(clock, round(fps * 10), fps), (MJPEG,))
    raws = list(Encoded(source, SourceSettings("http://cam/", keyframe_s=2), clock).packets())
    keys = [(raw.pts or 0) / 90_000 for raw in raws if raw.keyframe]
    assert raws[0].keyframe
    assert len(keys) == 5
    assert all(1.9 < b - a < 2.6 for a, b in pairwise(keys))


def test_what_comes_out_decodes_from_every_keyframe() -> None:
    clock = FakeClock()
    raws = list(Encoded(ScriptedSource(pictures(clock, 50), (MJPEG,)), SourceSettings("x"), clock).packets())
    start = next(i for i, raw in enumerate(raws) if raw.keyframe and i)
    decoder = Decoder()
    frames = [
        frame
        for n, raw in enumerate(raws[start:])
        for frame in decoder.decode(
            Packet("c", "main", 1, n, raw.format, n, n, raw.pts or 0, raw.dts or 0, 0, raw.keyframe, raw.data)
        )
    ]
    assert len(frames) == len(raws) - start
    assert frames[0].y.shape == (50, 66)
    assert 50 < frames[0].y[20, 20] < 80


def test_a_new_picture_size_is_a_new_format() -> None:
    clock = FakeClock()
    steps = [*pictures(clock, 5), *pictures(clock, 5, data=picture("mjpeg", 128, 96))]
    raws = list(Encoded(ScriptedSource(steps, (MJPEG,)), SourceSettings("x"), clock).packets())
    assert [raw.format.width for raw in raws] == [66] * 5 + [128] * 5
    assert raws[5].keyframe
    assert len({id(raw.format) for raw in raws}) == 2


def test_sound_passes_unchanged() -> None:
    clock = FakeClock()
    sound = audio_packets(3)
    source = ScriptedSource([*sound, *pictures(clock, 3)], (MJPEG, sound[0].format))
    encoded = Encoded(source, SourceSettings("x"), clock)
    assert [raw for raw in encoded.packets() if raw.format.kind == "audio"] == sound
    assert encoded.formats[1] is sound[0].format


def test_single_broken_pictures_are_left_out_and_endless_ones_given_up() -> None:
    clock = FakeClock()
    noise = bytes(range(256)) * 4
    some = [*pictures(clock, 5), *pictures(clock, 5, data=noise), *pictures(clock, 5)]
    encoded = Encoded(ScriptedSource(some, (MJPEG,)), SourceSettings("x"), clock)
    assert len(list(encoded.packets())) == 10
    endless = Encoded(ScriptedSource(pictures(clock, 200, data=noise), (MJPEG,)), SourceSettings("x"), clock)
    with pytest.raises(SourceUnusable, match="mjpeg pictures cannot be decoded"):
        list(endless.packets())


def test_its_cost_is_counted() -> None:
    clock = FakeClock()
    big = picture("mjpeg", 640, 360)
    encoded = Encoded(ScriptedSource(pictures(clock, 50, data=big), (MJPEG,)), SourceSettings("x"), clock)
    assert encoded.spent_s == 0
    list(encoded.packets())
    assert 0.01 < encoded.spent_s < 5


def test_its_cost_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "redshank.media.encode")
    clock = FakeClock()
    source = ScriptedSource(pictures(clock, 150, fps=1), (MJPEG,))
    encoded = Encoded(source, SourceSettings("http://me:geheim@cam/"), clock)
    list(encoded.packets())
    lines = [vars(record) for record in caplog.records]
    assert [line["pictures"] for line in lines] == [60, 120]
    assert 0 < lines[0]["cpu_s"] <= lines[1]["cpu_s"] <= encoded.spent_s + 0.01
    assert "geheim" not in lines[0]["url"]


def test_raw_pictures_use_the_demuxers_own_decoder(tmp_path: object) -> None:
    """What a USB camera without MJPEG gives; here from an AVI file, since no camera is plugged in."""
    path = f"{tmp_path}/raw.avi"
    with av.open(path, "w") as out:
        stream = out.add_stream("rawvideo", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuyv422"
        for n in range(10):
            grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 100 + n, np.uint8), "rgb24").reformat(
                format="yuyv422"
            )
            grey.pts, grey.time_base = n, Fraction(1, 10)
            out.mux(stream.encode(grey))
        out.mux(stream.encode(None))
    clock = FakeClock()
    source = AvSource(av.open(path), "raw.avi")
    assert source.formats[0].codec == "rawvideo"
    raws = list(Encoded(source, SourceSettings("usb:0"), clock, source.video_decoder).packets())
    assert len(raws) == 10
    assert replace(raws[0].format, extradata=b"").width == 64
