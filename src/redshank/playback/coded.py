"""Coded pictures on their way to the studio, which decodes them: cut out of a segment file, told in one note. Pure but for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from redshank.clock import US_PER_S
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.segment import VIDEO
from redshank.model import Packet, StreamFormat
from redshank.playback.fragment import Sample, fragments, runs


@dataclass(frozen=True, slots=True)
class Coded:
    """Pictures that decode, in decode order, the first a keyframe. Times: ticks of 1/90,000 s as the file has them."""

    format: StreamFormat
    samples: tuple[tuple[int, int, int, bool, int], ...]
    """pts, dts, duration, keyframe, bytes."""
    data: bytes

    def header(self) -> dict[str, Any]:
        """What `coded_of` makes it from again, with `data`."""
        form = self.format
        about = [form.codec, form.extradata.hex(), form.width, form.height]
        return {"format": about, "samples": [list(sample) for sample in self.samples]}

    def packets(self) -> Iterator[Packet]:
        """As a decoder takes them; their `time` is their pts in µs."""
        at = 0
        for seq, (pts, dts, duration, keyframe, size) in enumerate(self.samples):
            time = pts * US_PER_S // VIDEO_SCALE
            data = self.data[at : at + size]
            yield Packet("", "", 0, seq, self.format, time, 0, pts, dts, duration, keyframe, data)
            at += size


def coded_of(header: Mapping[str, Any], data: bytes) -> Coded:
    """The inverse of `Coded.header`."""
    codec, extradata, width, height = header["format"]
    base = Fraction(1, VIDEO_SCALE)
    form = StreamFormat("video", codec, base, bytes.fromhex(extradata), width, height)
    return Coded(form, tuple((s[0], s[1], s[2], bool(s[3]), s[4]) for s in header["samples"]), data)


def coded(block: bytes, format: StreamFormat, until: int | None = None, most: int | None = None) -> Coded:
    """The pictures of whole fragments: up to the last one shown at or before `until`, no more than `most` (of which the data must be
    there). Raises Damaged."""
    found = [
        (sample, moof) for moof, end in fragments(block) for sample in _pictures(block, moof, None if most else end)
    ]
    if until is not None:
        shown = [number for number, (sample, _moof) in enumerate(found) if sample.pts <= until]
        found = found[: shown[-1] + 1 if shown else 1]
    found = found[:most]
    told = tuple((s.pts, s.dts, s.duration, s.keyframe, s.size) for s, _moof in found)
    data = b"".join(block[moof + s.data_at : moof + s.data_at + s.size] for s, moof in found)
    return Coded(format, told, data)


def _pictures(block: bytes, moof: int, end: int | None) -> Sequence[Sample]:
    return [sample for run in runs(block, moof, end) if run.track == VIDEO for sample in run.samples]
