"""Counters of real streams, made on the spot by x264, and what a decoder makes of changed ones."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from redshank.vision.bitstream import Counters, H264Headers


def pictures(count: int) -> list[NDArray[np.uint8]]:
    """A small box walking over noise, and another that appears in the eighth picture; 160x96 as yuv420p."""
    random = np.random.default_rng(3)
    result = []
    for index in range(count):
        y = random.normal(100, 3, (96, 160))
        y[40:60, 8 * index : 8 * index + 10] += 60
        y[70:90, 120:130] += 60 if index == 7 else 0
        result.append(np.vstack([y, np.full((48, 160), 128)]).clip(0, 255).astype(np.uint8))
    return result


def encode(options: dict[str, str], count: int = 8) -> tuple[bytes, list[bytes]]:
    """Parameter sets apart from the packets, no B-frames."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 160, 96, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 15), Fraction(15)
    encoder.max_b_frames, encoder.thread_count = 0, 1
    encoder.flags |= Flags.global_header
    encoder.options = {"preset": "ultrafast", **options}
    packets: list[bytes] = []
    for index, picture in enumerate(pictures(count)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = index
        packets += [bytes(p) for p in encoder.encode(frame)]
    packets += [bytes(p) for p in encoder.encode(None)]
    return encoder.extradata or b"", packets


def decode(extradata: bytes, packets: list[bytes]) -> list[NDArray[np.uint8]]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = extradata
    decoder.thread_count = 1
    frames = [frame for data in packets for frame in decoder.decode(av.Packet(data))]
    frames += decoder.decode(None)
    return [frame.to_ndarray()[:96].astype(np.uint8) for frame in frames]


def prefixed(data: bytes) -> bytes:
    """Annex B as an MP4 file keeps it: a length of four bytes before each unit."""
    units = [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def configuration(data: bytes) -> bytes:
    """The AVCDecoderConfigurationRecord of Annex B parameter sets."""
    units = [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    sps, pps = (next(unit for unit in units if unit[0] & 31 == kind) for kind in (7, 8))
    head = bytes((1, sps[1], sps[2], sps[3], 0xFF, 0xE1))
    return head + len(sps).to_bytes(2, "big") + sps + b"\1" + len(pps).to_bytes(2, "big") + pps


PROFILES = [
    {"x264-params": "qp=30:ipratio=1:aq-mode=0:keyint=30"},
    {
        "x264-params": "qp=30:ipratio=1:aq-mode=0:cabac=1:weightp=2:ref=3:8x8dct=1:scenecut=0",
        "preset": "fast",
        "tune": "zerolatency",
    },
    {"x264-params": "qp=30:ipratio=1:aq-mode=0:slices=3", "profile": "baseline"},
    {"x264-params": "qp=30:ipratio=1:aq-mode=0:nal-hrd=cbr:bitrate=400:vbv-maxrate=400:vbv-bufsize=400:aud=1"},
]


def test_reference_pictures_count_up_from_the_keyframe() -> None:
    extradata, packets = encode(PROFILES[0])
    counters = [H264Headers(extradata).read(data) for data in packets]
    assert [c.number for c in counters if c] == list(range(8))


def test_parameter_sets_inside_the_stream_are_enough() -> None:
    extradata, packets = encode(PROFILES[0])
    inside = H264Headers(b"")
    assert inside.read(packets[1]) is None
    assert inside.read(extradata + packets[0]) == Counters(0, 0)


def test_length_prefixed_packets_read_and_change_like_start_codes() -> None:
    extradata, packets = encode(PROFILES[0])
    annex, mp4 = H264Headers(extradata), H264Headers(configuration(extradata))
    assert [mp4.read(prefixed(data)) for data in packets] == [annex.read(data) for data in packets]
    changed = annex.renumber(packets[5], Counters(9, 0))
    assert changed is not None
    assert mp4.renumber(prefixed(packets[5]), Counters(9, 0)) == prefixed(changed)


@pytest.mark.parametrize("options", PROFILES)
def test_a_renumbered_picture_decodes_without_its_predecessors(options: dict[str, str]) -> None:
    extradata, packets = encode(options)
    first = H264Headers(extradata).read(packets[0])
    assert first is not None
    alone = H264Headers(extradata).renumber(packets[7], Counters(first.number + 1, first.order + 2))
    assert alone is not None
    whole, sparse = decode(extradata, packets), decode(extradata, [packets[0], alone])
    assert len(sparse) == 2
    assert np.abs(whole[7][:30].astype(int) - sparse[1][:30]).mean() < 3  # where nothing moved it is nearly right
    assert (
        np.abs(whole[7][70:90, 120:130].astype(int) - sparse[1][70:90, 120:130]).mean() < 5
    )  # what has just come shows


def test_renumbering_with_its_own_numbers_changes_nothing() -> None:
    extradata, packets = encode(PROFILES[1], count=30)
    for data in packets[1:]:
        counters = H264Headers(extradata).read(data)
        assert counters is not None
        assert H264Headers(extradata).renumber(data, counters) == data


def test_emulation_bytes_are_put_back_where_the_new_numbers_need_them() -> None:
    extradata, packets = encode(PROFILES[0])
    for number in range(16):
        changed = H264Headers(extradata).renumber(packets[5], Counters(number, 0))
        assert changed is not None
        assert b"\0\0\0" not in changed[4:]
        assert H264Headers(extradata).read(changed) == Counters(number, 0)


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1", b"\0\0\0\1\x41", b"\0\0\0\1\x65\x00\x00", b"nonsense", b"\0" * 50])
def test_bytes_that_are_no_picture_are_none(data: bytes) -> None:
    assert H264Headers(encode(PROFILES[0], count=1)[0]).read(data) is None


def test_damaged_parameter_sets_and_slices_never_raise() -> None:
    extradata, packets = encode(PROFILES[1])
    random = np.random.default_rng(5)
    for _ in range(300):
        damaged = bytearray(extradata)
        damaged[random.integers(5, len(damaged))] ^= int(random.integers(1, 256))
        H264Headers(bytes(damaged)).read(packets[2])
        H264Headers(configuration(extradata)[: random.integers(1, 40)]).read(packets[2])
        torn = bytearray(packets[2])
        torn[random.integers(0, 12)] ^= int(random.integers(1, 256))
        H264Headers(extradata).renumber(bytes(torn), Counters(3, 3))
