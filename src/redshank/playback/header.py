"""The head of a file of ours read, and the head of one made of several: `ftyp moov` and the index `sidx`. Pure.

Boxes: ISO/IEC 14496-12 §8 (`elst` §8.6.6, `mehd` §8.8.2, `sidx` §8.16.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.media.box import SEAL_SIZE, box, boxes, checksum, full_box, inner, seal_of
from redshank.media.codec_config import VIDEO_SCALE, format_of_entry, sample_entry
from redshank.media.segment import AUDIO, VIDEO
from redshank.model import StreamFormat

_U32, _U64 = Struct(">I"), Struct(">Q")
_MATRIX = b"".join(_U32.pack(n) for n in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
_SECONDS_1904_1970 = 2_082_844_800
_REFERENCE = Struct(">III")


@dataclass(frozen=True, slots=True)
class Timing:
    """How a made file is shown. µs."""

    created: int
    """Wall time of the first picture shown."""
    length: int | None
    """None: the head of a stream whose length nobody knows (HLS)."""
    after: int = 0
    """µs on the pictures' line at which showing begins; sound has a line of its own, which begins there."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the bytes before a segment's first fragment say; the same for all of one `setup`."""

    formats: Mapping[int, StreamFormat]
    """By track."""
    leads: Mapping[int, int]
    """By track: the tick at which the first picture is shown."""

    def scale(self, track: int) -> int:
        """Ticks per second."""
        return self.formats[track].time_base.denominator


def read_head(data: bytes) -> Head:
    """Raises StoreError."""
    if seal_of(data[-SEAL_SIZE:]) != (0, checksum([data[:-SEAL_SIZE]])):
        raise StoreError("the file's beginning is damaged")
    formats: dict[int, StreamFormat] = {}
    leads: dict[int, int] = {}
    try:
        for kind, trak in boxes(inner(data, b"moov")):
            if kind == b"trak":
                (track,) = _U32.unpack_from(inner(trak, b"tkhd"), 20)
                (scale,) = _U32.unpack_from(inner(trak, b"mdia", b"mdhd"), 20)
                name, payload = next(boxes(inner(trak, b"mdia", b"minf", b"stbl", b"stsd")[8:]))
                formats[track] = format_of_entry(name, payload, scale)
                (leads[track],) = _U64.unpack_from(inner(trak, b"edts", b"elst"), 16)
    except (StructError, StopIteration) as error:
        raise StoreError("the file's head is damaged") from error
    if VIDEO not in formats:
        raise StoreError("the file has no pictures")
    return Head(formats, leads)


def make_head(formats: Mapping[int, Sequence[StreamFormat]], timing: Timing) -> bytes:
    """`ftyp moov` of a fragmented file; by track its sample entries, whose time bases agree."""
    brands = b"".join((b"iso5", b"iso6", b"mp41"))
    length = _ticks(timing.length or 0)
    created = _U64.pack(max(0, timing.created // US_PER_S + _SECONDS_1904_1970)) * 2
    mvhd = full_box(
        b"mvhd", 1, 0, created, _U32.pack(VIDEO_SCALE), _U64.pack(length), b"\0\1\0\0\1\0", bytes(10), _MATRIX,
        bytes(24), _U32.pack(max(formats) + 1),
    )  # fmt: skip
    traks = [_trak(track, entries, timing, created) for track, entries in sorted(formats.items())]
    mehd = [full_box(b"mehd", 1, 0, _U64.pack(length))] if timing.length is not None else []
    trex = [full_box(b"trex", 0, 0, *map(_U32.pack, (track, 1, 0, 0, 0))) for track in sorted(formats)]
    moov = box(b"moov", mvhd, *traks, box(b"mvex", *mehd, *trex))
    return box(b"ftyp", b"iso6", bytes(4), brands) + moov


def _trak(track: int, entries: Sequence[StreamFormat], timing: Timing, created: bytes) -> bytes:
    first, sound = entries[0], track == AUDIO
    length = _ticks(timing.length or 0)
    size = b"".join(_U32.pack(side << 16) for side in (first.width, first.height))
    volume = b"\1\0\0\0" if sound else bytes(4)
    tkhd = full_box(
        b"tkhd", 1, 3, created, _U32.pack(track), bytes(4), _U64.pack(length), bytes(8), bytes(3), bytes([sound]),
        volume, _MATRIX, size,
    )  # fmt: skip
    edit = _U64.pack(length) + _U64.pack(0 if sound else _ticks(timing.after)) + b"\0\1\0\0"
    scale = first.time_base.denominator
    mdhd = full_box(b"mdhd", 1, 0, created, _U32.pack(scale), bytes(8), b"\x55\xc4\0\0")
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), b"soun" if sound else b"vide", bytes(12), b"Redshank\0")
    kind = full_box(b"smhd", 0, 0, bytes(4)) if sound else full_box(b"vmhd", 0, 1, bytes(8))
    dinf = box(b"dinf", full_box(b"dref", 0, 0, _U32.pack(1), full_box(b"url ", 0, 1)))
    stsd = full_box(b"stsd", 0, 0, _U32.pack(len(entries)), *map(sample_entry, entries))
    empty = (full_box(b"stts", 0, 0, bytes(4)), full_box(b"stsc", 0, 0, bytes(4)))
    stbl = box(b"stbl", stsd, *empty, full_box(b"stsz", 0, 0, bytes(8)), full_box(b"stco", 0, 0, bytes(4)))
    mdia = box(b"mdia", mdhd, hdlr, box(b"minf", kind, dinf, stbl))
    return box(b"trak", tkhd, box(b"edts", full_box(b"elst", 1, 0, _U32.pack(1), edit)), mdia)


def make_index(pieces: Sequence[tuple[int, int]]) -> bytes:
    """`sidx` right before the first fragment: bytes, and ticks shown, of each piece, which begins with a keyframe; at most 65,535.

    Its times are those of the edit list, so that they begin with 0.
    """
    references = b"".join(_REFERENCE.pack(size, length, 0x90000000) for size, length in pieces)
    head = _U32.pack(VIDEO) + _U32.pack(VIDEO_SCALE) + bytes(16)
    return full_box(b"sidx", 1, 0, head, b"\0\0" + len(pieces).to_bytes(2, "big"), references)


def _ticks(us: int) -> int:
    return us * VIDEO_SCALE // US_PER_S
