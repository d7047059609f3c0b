"""For tests: clips as the packets a recorder gets, and the file they make."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from redshank.clock import US_PER_S
from redshank.media.box import Read
from redshank.media.loop import read_clip
from redshank.media.rtp import length_size, nal_units, parameter_sets
from redshank.media.segment import Made, Muxer, SegmentHead
from redshank.model import Packet, StreamFormat
from tests.harness.stamp import Stamp, add_stamp, read_sei

START = 1_790_000_000_123_457
BEGAN = b"\0\0\0\1"


def packets_of(path: Path, start: int = START) -> list[Packet]:
    """Every packet of a clip, its pictures stamped with their number in the order of showing; the first is shown at `start`."""
    units = read_clip(path).units
    shown = sorted(unit.pts or 0 for unit in units if unit.format.kind == "video")
    zero = shown[0] * next(unit.format.time_base for unit in units if unit.format.kind == "video")
    made: list[Packet] = []
    for seq, unit in enumerate(units):
        pts = unit.pts or 0
        if unit.format.kind == "video":
            unit = add_stamp(unit, Stamp(0, shown.index(pts), 0, 0))
        time = start + round((pts * unit.format.time_base - zero) * US_PER_S)
        dts = pts if unit.dts is None else unit.dts
        made.append(Packet("yard", "main", 3, seq, unit.format, time, 7, pts, dts, 0, unit.keyframe, unit.data))
    return made


def formats_of(packets: Iterable[Packet]) -> list[StreamFormat]:
    """Video first."""
    return sorted({packet.format for packet in packets}, key=lambda format: format.kind, reverse=True)


def head_for(first: Packet) -> SegmentHead:
    return SegmentHead("default", "yard", "main", 3 << 20 | 5, 3, "volume-1", first.time, first.mono_ns, "boot-1")


@dataclass(frozen=True, slots=True)
class Written:
    """A file, and what its muxer said of it."""

    data: bytes
    made: list[Made]
    muxer: Muxer
    tail: bytes

    @property
    def ends(self) -> list[int]:
        """Where each fragment ends."""
        at, found = len(self.muxer.head_bytes), []
        for made in self.made:
            at += len(made.data)
            found.append(at)
        return found


def written(
    packets: Sequence[Packet], end: int | None = None, formats: Sequence[StreamFormat] | None = None
) -> Written:
    """The closed file of these packets, the first a keyframe."""
    muxer = Muxer(head_for(packets[0]), formats_of(packets) if formats is None else formats, packets[0])
    made = [each for packet in packets for each in muxer.add(packet)]
    last, tail = muxer.finish(end)
    made += last
    return Written(b"".join([muxer.head_bytes, *(each.data for each in made), tail]), made, muxer, tail)


def reading(data: bytes) -> Read:
    """Only what is there may be asked for: a size field alone must never make anybody allocate."""

    def read(offset: int, size: int) -> bytes:
        assert 0 <= size <= max(64, len(data)), size
        assert offset >= 0
        return data[offset : offset + size]

    return read


def annexb(
    packets: Sequence[Packet], repeat: bool = True, start_code: bytes = BEGAN, extradata: bool = True
) -> list[Packet]:
    """The same stream as a camera sends it: start codes, a delimiter before each picture, parameter sets before keyframes."""
    formats = {format: _annexb_format(format, extradata) for format in formats_of(packets)}
    return [replace(_annexb(packet, repeat, start_code), format=formats[packet.format]) for packet in packets]


def _annexb_format(format: StreamFormat, extradata: bool) -> StreamFormat:
    if format.kind == "audio":
        return format
    return replace(format, extradata=b"".join(BEGAN + unit for unit in parameter_sets(format)) if extradata else b"")


def _annexb(packet: Packet, repeat: bool, start_code: bytes) -> Packet:
    if packet.format.kind == "audio":
        return packet
    delimiter = b"\x09\xf0" if packet.format.codec == "h264" else b"\x46\x01\x50"
    sets = parameter_sets(packet.format) if packet.keyframe and repeat else []
    nals = [delimiter, *sets, *nal_units(packet.data, length_size(packet.format))]
    return replace(packet, data=b"".join(start_code + nal for nal in nals))


@dataclass(frozen=True, slots=True)
class Played:
    """What FFmpeg makes of a file."""

    numbers: list[int]
    """Of the stamps, in the order of showing."""
    times: list[Fraction]
    """Seconds at which the pictures are shown."""
    length_s: Fraction
    """Of the picture track."""
    tag: str
    sound_s: list[Fraction]
    """When each packet of sound is heard."""


def played(data: bytes) -> Played:
    """Decoded completely. Raises AssertionError or FFmpegError for any error, damaged picture or missing stamp."""
    with av.open(io.BytesIO(data), "r") as file:
        video = file.streams.video[0]
        video.codec_context.options = {"err_detect": "explode"}
        video.codec_context.thread_count = 1
        stamps: dict[int | None, Stamp | None] = {}
        times: list[int | None] = []
        sound: list[Fraction] = []
        for packet in file.demux():
            if packet.size and packet.stream_index == video.index:
                stamps[packet.pts] = read_sei(bytes(packet))
            elif packet.pts is not None:
                sound.append(packet.pts * packet.time_base)
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    assert not frame.is_corrupt
                    times.append(frame.pts)
        assert set(times) == set(stamps), "not every picture was decoded"
        length, base = video.duration or 0, video.time_base or Fraction(0)
        numbers = [stamp.number for pts in times if (stamp := stamps[pts]) is not None]
        tag = video.codec_context.codec_tag
        return Played(numbers, [(pts or 0) * base for pts in times], length * base, tag, sound)
