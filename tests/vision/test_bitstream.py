"""Headers of real x264 streams, made on the spot, held against what the decoder and the encoder say."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from redshank.vision.bitstream import Coded, H264Headers


def pictures(count: int) -> list[NDArray[np.uint8]]:
    """A small box walking over noise; planes of 160x96 stacked as PyAV wants yuv420p."""
    random = np.random.default_rng(3)
    result = []
    for index in range(count):
        y = random.normal(100, 3, (96, 160))
        y[40:60, 8 * index : 8 * index + 10] += 60
        result.append(np.vstack([y, np.full((48, 160), 128)]).clip(0, 255).astype(np.uint8))
    return result


def encode(options: dict[str, str], count: int = 8, b_frames: int = 0) -> tuple[bytes, list[bytes]]:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 160, 96, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 15), Fraction(15)
    encoder.max_b_frames, encoder.thread_count = b_frames, 1
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


@pytest.mark.parametrize("options", PROFILES[:3])
def test_the_quantiser_and_kind_of_every_picture_are_those_the_encoder_used(options: dict[str, str]) -> None:
    extradata, packets = encode(options)
    headers = H264Headers(extradata)
    coded = [headers.read(data) for data in packets]
    assert all(isinstance(picture, Coded) for picture in coded)
    assert [picture.kind for picture in coded if picture] == ["I"] + ["P"] * 7
    assert {picture.qp for picture in coded if picture} == {30}


def test_parameter_sets_inside_the_stream_are_enough() -> None:
    extradata, packets = encode(PROFILES[0])
    headers = H264Headers()
    assert headers.read(packets[1]) is None
    first = headers.read(extradata + packets[0])
    assert first is not None
    assert first.kind == "I"


def test_filler_and_side_messages_do_not_count_as_bits() -> None:
    extradata, packets = encode(PROFILES[0])
    headers = H264Headers(extradata)
    filler, sei = b"\0\0\0\1\x0c" + b"\xff" * 400 + b"\x80", b"\0\0\0\1\x06\x05\x01\x00\x80"
    plain, padded = headers.read(packets[3]), headers.read(sei + packets[3] + filler)
    assert plain is not None
    assert padded == plain


def test_length_prefixed_packets_read_like_start_codes() -> None:
    extradata, packets = encode(PROFILES[0])
    annex, mp4 = H264Headers(extradata), H264Headers(configuration(extradata))
    assert [mp4.read(prefixed(data)) for data in packets] == [annex.read(data) for data in packets]


def test_b_frames_are_named() -> None:
    extradata, packets = encode({"preset": "fast"}, count=16, b_frames=2)
    headers = H264Headers(extradata)
    kinds = {coded.kind for data in packets if (coded := headers.read(data))}
    assert "B" in kinds


@pytest.mark.parametrize("options", PROFILES[:3])
def test_a_renumbered_picture_decodes_without_its_predecessors(options: dict[str, str]) -> None:
    extradata, packets = encode(options)
    headers = H264Headers(extradata)
    first, last = headers.read(packets[0]), headers.read(packets[7])
    assert first is not None
    assert last is not None
    assert last.movable
    alone = headers.renumber(packets[7], first.number + 1, first.order + 2)
    moved = headers.read(alone)
    assert moved is not None
    assert (moved.number, moved.qp) == (1, last.qp)
    whole, sparse = decode(extradata, packets), decode(extradata, [packets[0], alone])
    assert len(sparse) == 2
    still = np.abs(whole[7][:30].astype(int) - sparse[1][:30]).mean()
    assert still < 3  # the part of the scene where nothing moved is nearly right


def test_renumbering_with_its_own_numbers_changes_nothing() -> None:
    extradata, packets = encode(PROFILES[1], count=30)
    headers = H264Headers(extradata)
    for data in packets[1:]:
        coded = headers.read(data)
        assert coded is not None
        assert headers.renumber(data, coded.number, coded.order) == data


def test_emulation_bytes_are_put_back_where_the_new_numbers_need_them() -> None:
    extradata, packets = encode(PROFILES[0])
    headers = H264Headers(extradata)
    for number in range(16):
        for order in range(0, 64, 2):
            moved = headers.read(headers.renumber(packets[5], number, order))
            assert moved is not None
            assert moved.number == number


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1", b"\0\0\0\1\x41", b"\0\0\0\1\x65\xff\xff", b"nonsense", b"\0" * 50])
def test_bytes_that_are_no_picture_are_none(data: bytes) -> None:
    assert H264Headers(encode(PROFILES[0], count=1)[0]).read(data) is None


def test_damaged_parameter_sets_never_raise() -> None:
    extradata, packets = encode(PROFILES[1])
    random = np.random.default_rng(5)
    for _ in range(300):
        damaged = bytearray(extradata)
        damaged[random.integers(5, len(damaged))] ^= int(random.integers(1, 256))
        H264Headers(bytes(damaged)).read(packets[2])
        torn = bytearray(packets[2])
        torn[random.integers(0, 12)] ^= int(random.integers(1, 256))
        H264Headers(extradata).read(bytes(torn))
