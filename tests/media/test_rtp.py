"""What is put into RTP comes out again, bit by bit, and the times are right."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from redshank.media.loop import Clip, read_clip
from redshank.media.rtp import MAX_PAYLOAD, RtpStream, can_send, length_size, nal_units, parameter_sets, payloads, sdp
from redshank.media.source import RawPacket
from redshank.model import StreamFormat
from tests.harness.footage import cached_clip


def busy_clip(codec: str) -> Clip:
    """Big enough that pictures need fragments."""
    return read_clip(cached_clip(2, width=1280, height=720, codec=codec, audio="aac"))


def reassembled(parts: Sequence[bytes], codec: str) -> list[bytes]:
    """NAL units of RTP payloads: RFC 6184 §5.8, RFC 7798 §4.4.3."""
    nals: list[bytes] = []
    for part in parts:
        kind = part[0] & 0x1F if codec == "h264" else part[0] >> 1 & 0x3F
        if kind not in (28, 49):
            nals.append(part)
            continue
        head = 2 if codec == "h264" else 3
        flags = part[head - 1]
        if flags & 0x80:
            first = (
                bytes([part[0] & 0xE0 | flags & 0x1F])
                if codec == "h264"
                else bytes([part[0] & 0x81 | (flags & 0x3F) << 1, part[1]])
            )
            nals.append(first)
        nals[-1] += part[head:]
    return nals


def big(unit: RawPacket) -> RawPacket:
    """The same with a slice of 5,000 bytes in it, as from a better camera."""
    prefix = length_size(unit.format)
    nals = nal_units(unit.data, prefix)
    nals[-1] += bytes(range(1, 251)) * 20
    return replace(unit, data=b"".join(len(nal).to_bytes(prefix, "big") + nal for nal in nals))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_every_nal_unit_comes_out_as_it_went_in(codec: str) -> None:
    clip = busy_clip(codec)
    for unit in [big(unit) for unit in clip.units if unit.format.kind == "video"]:
        made = list(payloads(unit))
        wanted = nal_units(unit.data, 4)
        got = reassembled([payload for payload, _, _ in made], unit.format.codec)
        sets = parameter_sets(unit.format) if unit.keyframe else []
        assert got == sets + wanted
        assert [marker for _, marker, _ in made] == [False] * (len(made) - 1) + [True]
        assert max(len(payload) for payload, _, _ in made) <= MAX_PAYLOAD
        assert len(made) > len(got)


def test_annex_b_and_length_prefixed_data_give_the_same_packets() -> None:
    clip = busy_clip("libx264")
    unit = next(unit for unit in clip.units if unit.keyframe)
    start = b"\0\0\0\1"
    annexb = replace(
        unit,
        format=replace(unit.format, extradata=b"".join(start + one for one in parameter_sets(unit.format))),
        data=b"".join(start + nal for nal in nal_units(unit.data, 4)),
    )
    assert list(payloads(annexb)) == list(payloads(unit))
    assert sdp((annexb.format,)) == sdp((unit.format,))


def test_a_keyframe_that_brings_its_parameters_gets_no_second_ones() -> None:
    unit = next(unit for unit in busy_clip("libx264").units if unit.keyframe)
    sets = b"".join(len(one).to_bytes(4, "big") + one for one in parameter_sets(unit.format))
    assert len(list(payloads(replace(unit, data=sets + unit.data)))) == len(list(payloads(unit)))


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 40, b"\0\0\0\1", b"\0\0\1" * 9, b"\0\0\0\x30abc"])
def test_damaged_access_units_give_no_exception(data: bytes) -> None:
    for codec in ("libx264", "libx265"):
        format = busy_clip(codec).formats[0]
        list(payloads(RawPacket(format, 0, 0, 0, True, data)))
        list(payloads(RawPacket(replace(format, extradata=data), 0, 0, 0, True, data)))
        sdp((replace(format, extradata=format.extradata[:30] + data),))


def test_aac_is_one_unit_a_packet_with_its_size_and_long_ones_are_split() -> None:
    format = StreamFormat("audio", "aac", Fraction(1, 48_000), b"\x11\x90", sample_rate=48_000, channels=2)
    (short,) = payloads(RawPacket(format, 0, 0, 1024, True, b"x" * 300))
    assert short == (struct.pack(">HH", 16, 300 << 3) + b"x" * 300, True, 0)
    made = list(payloads(RawPacket(format, 0, 0, 1024, True, bytes(3000))))
    assert [marker for _, marker, _ in made] == [False, False, True]
    assert b"".join(payload[4:] for payload, _, _ in made) == bytes(3000)


def test_g711_is_cut_with_the_time_of_each_piece() -> None:
    format = StreamFormat("audio", "pcm_alaw", Fraction(1, 8000), sample_rate=8000, channels=1)
    made = list(payloads(RawPacket(format, 0, 0, 3000, True, bytes(3000))))
    assert [(len(payload), at) for payload, _, at in made] == [(1400, 0), (1400, 1400), (200, 2800)]
    assert "m=audio 0 RTP/AVP 8\r\n" in sdp((format,))
    assert "a=rtpmap:97 PCMA/16000/1" in sdp(
        (StreamFormat("video", "h264", Fraction(1, 90_000)), replace(format, sample_rate=16_000))
    )


def test_time_begins_where_told_wraps_and_the_report_agrees_with_it() -> None:
    unit = busy_clip("libx264").units[0]
    stream = RtpStream(96, 7, 2**32 - 100, Fraction(0))
    assert stream.rtp_time(0, unit.format) == 2**32 - 100
    second = unit.format.time_base.denominator
    assert stream.rtp_time(second, unit.format) == 90_000 - 100
    packet = next(stream.packets(replace(unit, pts=second)))
    report = stream.report(second, unit.format, 1_500_000)
    assert struct.unpack(">BBHII", packet[:12]) == (0x80, 96, 7, 89_900, 7)
    _, kind, words, ssrc, whole, part, rtp, packets, size = struct.unpack(">BBHIIIIII", report[:28])
    assert (kind, words, ssrc, whole, part, rtp) == (200, 6, 7, 2_208_988_801, 1 << 31, 89_900)
    assert (packets, size) == (1, len(packet) - 12)
    assert len(report) % 4 == 0
    assert (len(report) - 28) // 4 - 1 == int.from_bytes(report[30:32], "big")


def test_what_has_no_payload_is_left_out() -> None:
    strange = StreamFormat("audio", "opus", Fraction(1, 48_000), sample_rate=48_000, channels=2)
    assert not can_send(strange)
    assert "m=" not in sdp((strange,))
