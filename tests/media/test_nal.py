"""Parameter sets found in keyframes that a real encoder made."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from redshank.media.nal import is_annexb, parameter_sets, picture_size

NAMES = {"h264": "libx264", "hevc": "libx265"}


@cache
def keyframe(codec: str, width: int, height: int, pix_fmt: str = "yuv420p", interlaced: bool = False) -> bytes:
    context = av.CodecContext.create(NAMES[codec], "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = width, height, pix_fmt, Fraction(1, 25)
    context.options = {
        "preset": "ultrafast",
        "x265-params": "log-level=none",
        "x264-params": f"interlaced={int(interlaced)}",
    }
    frame = av.VideoFrame(width, height, pix_fmt)
    frame.pts = 0
    return b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (322, 242), (2560, 1440), (64, 64)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p"])
def test_the_size_is_read_from_the_sps(codec: str, size: tuple[int, int], pix_fmt: str) -> None:
    data = keyframe(codec, *size, pix_fmt)
    assert is_annexb(data)
    assert picture_size(codec, parameter_sets(codec, data)) == size


def test_an_interlaced_size_is_of_the_frame() -> None:
    sets = parameter_sets("h264", keyframe("h264", 720, 576, interlaced=True))
    assert picture_size("h264", sets) == (720, 576)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_only_the_parameter_sets_are_taken(codec: str) -> None:
    data = keyframe(codec, 640, 360)
    sets = parameter_sets(codec, data)
    assert data.startswith(sets[:8])
    assert 20 < len(sets) < 150
    assert parameter_sets(codec, sets) == sets


def test_a_picture_without_an_sps_has_none() -> None:
    assert parameter_sets("h264", b"\x00\x00\x00\x01\x68\x01\x02\x00\x00\x01\x65\x88") == b""
    assert parameter_sets("h264", b"") == b""
    assert not is_annexb(b"\x00\x00\x00\x20\x65")


@given(st.binary(max_size=200))
def test_nonsense_gives_a_size_or_nothing_but_never_fails(noise: bytes) -> None:
    for codec, start in (("h264", b"\x00\x00\x01\x67"), ("hevc", b"\x00\x00\x01\x42\x01")):
        picture_size(codec, start + noise)
        parameter_sets(codec, start + noise)
