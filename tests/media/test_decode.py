"""Packets to frames, on streams a real encoder made."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from redshank.errors import SourceUnusable
from redshank.media.clip import open_clip
from redshank.media.decode import Decoder
from redshank.model import Frame, Packet, StreamFormat
from tests.fakes import AUDIO
from tests.harness.footage import cached_clip, read_number


def packets(seconds: float = 3, **encoding: object) -> list[Packet]:
    return list(open_clip(cached_clip(seconds, **encoding)).packets())


def decoded(decoder: Decoder, given: Sequence[Packet]) -> list[Frame]:
    return [frame for packet in given for frame in decoder.decode(packet)]


def numbers(frames: Sequence[Frame]) -> list[int | None]:
    return [read_number(frame.y) for frame in frames]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_every_frame_comes_out_in_order_with_its_own_packets_identity(codec: str, bframes: int) -> None:
    given = packets(codec=codec, bframes=bframes)
    decoder = Decoder()
    frames = decoded(decoder, given) + decoder.flush()
    assert numbers(frames) == list(range(30))
    by_pts = {p.pts: p for p in given}
    for frame in frames:
        own = by_pts[frame.pts]
        assert (frame.seq, frame.time, frame.mono_ns, frame.camera, frame.keyframe) == (
            own.seq, own.time, own.mono_ns, own.camera, own.keyframe,
        )  # fmt: skip
    assert [f.time for f in frames] == sorted(f.time for f in frames)


def test_planes_are_read_only_views_of_the_right_shape() -> None:
    (frame, *_) = decoded(Decoder(), packets(width=322, height=242))
    assert (frame.width, frame.height) == (322, 242)
    assert [p.shape for p in (frame.y, frame.u, frame.v)] == [(242, 322), (121, 161), (121, 161)]
    for plane in (frame.y, frame.u, frame.v):
        assert plane.dtype == np.uint8
        assert plane.base is not None
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 0


def test_a_frame_outlives_its_decoder() -> None:
    decoder = Decoder()
    frames = decoded(decoder, packets())
    del decoder
    assert numbers(frames[:5]) == [0, 1, 2, 3, 4]


def test_it_starts_at_a_keyframe() -> None:
    decoder = Decoder()
    assert numbers(decoded(decoder, packets()[3:])) == list(range(10, 30))
    assert decoder.skipped == 7


def test_a_new_format_starts_a_new_decoder_and_loses_nothing() -> None:
    """rel:T23."""
    first, second = packets(bframes=2), packets(width=1280, height=720, codec="libx265")
    decoder = Decoder()
    frames = decoded(decoder, [*first, *second]) + decoder.flush()
    assert numbers(frames) == [*range(30), *range(30)]
    assert [f.width for f in frames] == [640] * 30 + [1280] * 30


def test_after_a_reset_it_waits_for_a_keyframe() -> None:
    given = packets()
    decoder = Decoder()
    decoded(decoder, given[:5])
    decoder.reset()
    assert numbers(decoded(decoder, given[5:])) == list(range(10, 30))


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_single_keyframe_is_decoded_alone(bframes: int) -> None:
    given = packets(bframes=bframes)
    decoder = Decoder()
    keys = [p for p in given if p.keyframe]
    frames = [decoder.keyframe(p) for p in keys]
    assert numbers([f for f in frames if f is not None]) == [0, 10, 20]
    # And then the whole GOP again, to catch up.
    tail = [p for p in given if p.seq >= keys[-1].seq]
    decoder.reset()
    assert numbers(decoded(decoder, tail) + decoder.flush()) == list(range(20, 30))


def test_without_reordering_decoding_goes_on_after_a_single_keyframe() -> None:
    given = packets()
    decoder = Decoder()
    assert decoder.keyframe(given[10]) is not None
    assert numbers(decoded(decoder, given[11:15])) == [11, 12, 13, 14]


def test_sound_is_no_business_of_a_decoder() -> None:
    decoder = Decoder()
    sound = replace(packets()[0], format=AUDIO)
    assert decoder.decode(sound) == []


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("kind", ["flip", "drop", "reorder"])
def test_damage_is_over_with_the_next_keyframe(kind: str, share: float) -> None:
    """rel:T18: flip bytes, drop or reorder packets: alive, and whole again from the first undamaged keyframe on."""
    dice = random.Random(18)
    given = packets(6)
    hurt = list(given)
    for n in range(3, 40):
        if kind == "flip":
            data = bytearray(given[n].data)
            for at in range(8, len(data)):
                if dice.random() < share:
                    data[at] ^= 1 << dice.randrange(8)
            hurt[n] = replace(given[n], data=bytes(data))
        elif dice.random() < share * 5:
            hurt[n], hurt[n + 1] = (
                (hurt[n + 1], hurt[n]) if kind == "reorder" else (replace(hurt[n], data=b""), hurt[n + 1])
            )
    decoder = Decoder()
    frames = decoded(decoder, [p for p in hurt if p.data]) + decoder.flush()
    after = [f for f in frames if f.seq >= 50]
    assert numbers(after) == list(range(50, 60))


def test_random_bytes_are_survived() -> None:
    dice = random.Random(5)
    given = packets()
    decoder = Decoder()
    for n in range(300):
        decoder.decode(replace(given[n % 30], data=dice.randbytes(dice.randrange(1, 3000)), keyframe=n % 7 == 0))
    assert decoder.broken > 0
    assert numbers(decoded(decoder, given))[-20:] == list(range(10, 30))


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "full"),
    [
        ("yuv420p", "libx264", False),
        ("yuvj420p", "mjpeg", True),
        ("yuv422p", "libx264", False),
        ("yuvj422p", "mjpeg", True),
        ("yuv444p", "libx264", False),
        ("yuv420p10le", "libx265", False),
        ("rgb24", "png", True),
        ("gray", "png", True),
    ],
)
def test_other_pixel_layouts_become_420(pix_fmt: str, codec: str, full: bool) -> None:
    """A mid grey stays a mid grey: 128 full range, 126 in 16–235."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = 64, 48, pix_fmt, Fraction(1, 25)
    if codec == "libx265":
        context.options = {"x265-params": "log-level=none"}
    grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), "rgb24").reformat(format=pix_fmt)
    grey.pts = 0
    data = b"".join(bytes(p) for p in [*context.encode(grey), *context.encode(None)])
    name = {"libx264": "h264", "libx265": "hevc"}.get(codec, codec)
    format = StreamFormat("video", name, Fraction(1, 25), b"", 64, 48)
    frame = Decoder().keyframe(Packet("c", "main", 1, 0, format, 0, 0, 0, 0, 1, True, data))
    assert frame is not None
    assert (frame.y.shape, frame.u.shape) == ((48, 64), (24, 32))
    assert frame.full_range is full
    assert abs(int(frame.y[24, 32]) - (128 if full else 126)) <= 3
    assert abs(int(frame.u[12, 16]) - 128) <= 2


def test_an_unknown_codec_is_named() -> None:
    odd = StreamFormat("video", "dirac9", Fraction(1, 25))
    with pytest.raises(SourceUnusable, match="dirac9 is not supported"):
        Decoder().decode(Packet("c", "main", 1, 0, odd, 0, 0, 0, 0, 1, True, b"x"))
