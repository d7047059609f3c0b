"""Recorded files read again: what is in them, how far they are whole, their packets. Pure but for `read`; any thread.

Nothing a file says is trusted: a size counts only when the file has the bytes. Every function raises StoreError, and nothing else, for
bytes that are not what media/segment.py writes. See docs/design/segments.md.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.media.box import HEAD, SEAL_MARK, SEAL_SIZE, box_at, boxes, checksum_of, exactly, inner, seal_of
from redshank.media.box import Read as Read
from redshank.media.codec_config import VIDEO_SCALE, format_of_entry, setup_of
from redshank.media.segment import (
    AUDIO,
    FRAGMENT_FLAGS,
    KEY,
    LEADS_PER_S,
    RUN_FLAGS,
    SAMPLE,
    UUID,
    VERSION,
    VIDEO,
    SegmentHead,
    index_of,
    lead_ticks,
    micros,
    tail_of,
)
from redshank.model import Packet, Segment, StreamFormat

MAX_HEAD = 1 << 20
"""Bytes of a moov or moof that are believed."""
MAX_TICKS = 1 << 40
_TYPES: Mapping[str, type] = {
    "site": str, "camera": str, "stream": str, "seq": int, "epoch": int, "volume": str, "start": int, "mono_ns": int, "boot": str,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FragmentInfo:
    """One fragment. Times are UTC µs at which its pictures are shown, gapless from one to the next."""

    offset: int
    size: int
    """Seal included."""
    start: int
    end: int
    keyframe: bool
    frames: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One packet of a file, where it lies in it. Times and duration are ticks of its track; 0 is when the first picture is shown."""

    kind: Literal["video", "audio"]
    offset: int
    size: int
    dts: int
    pts: int
    duration: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """What is whole of a file."""

    head: SegmentHead
    formats: tuple[StreamFormat, ...]
    """Video, then audio if there is one; extradata is avcC, hvcC or AudioSpecificConfig."""
    lead: int
    """1/100 s from media time 0, when the first picture is decoded, to when it is shown."""
    setup: str
    media_from: int
    media_to: int
    fragments: tuple[FragmentInfo, ...]
    """At least one."""
    tail: bool
    """Whether it was closed: nothing but a right index follows the fragments."""
    index: bytes
    """As in `Segment`."""

    @property
    def start(self) -> int:
        return self.head.start

    @property
    def end(self) -> int:
        return self.fragments[-1].end

    @property
    def frames(self) -> int:
        return sum(fragment.frames for fragment in self.fragments)

    def row(self, path: str, size: int, sha256: str, motion: float | None = None) -> Segment:
        """`size`: of the whole file."""
        video, head = self.formats[0], self.head
        sound = self.formats[1].codec if len(self.formats) > 1 else ""
        lies = (head.camera, head.stream, head.seq, head.volume, path, self.start, self.end, size)
        shows = (self.media_from, self.media_to, self.frames, video.codec, video.width, video.height)
        rest = (head.epoch, self.setup, self.index, sound, head.boot, head.mono_ns, sha256, motion)
        return Segment(*(*lies, *shows, *rest))


@dataclass(frozen=True, slots=True)
class _Run:
    """The samples of one track in one fragment. `base`: media time; `data`: where the first lies, from the fragment's beginning."""

    base: int
    data: int
    entries: Sequence[tuple[int, int, int, int]]
    """Duration, size, flags, composition offset."""

    @property
    def end(self) -> int:
        return self.base + sum(entry[0] for entry in self.entries)


@dataclass(frozen=True, slots=True)
class _Fragment:
    offset: int
    size: int
    video: _Run


def inspect(read: Read, size: int, deep: bool = False) -> SegmentFile:
    """What the file holds, up to the first thing that is not whole; `deep`: every checksum is tried as well, which reads all of it.

    Raises StoreError when not even its beginning and one fragment are whole, or when the disk cannot read it (`unread`).
    """
    head, formats, lead, media_from = _beginning(read, size)
    found = list(_fragments(read, media_from, size, deep))
    if not found:
        raise StoreError("the file has no whole fragment")
    shown = lead_ticks(lead, formats[0].time_base.denominator)
    keyframes = [(f.video.base + f.video.entries[0][3], f.offset) for f in found if f.video.entries[0][2] == KEY]
    if any(offset >= 1 << 32 or micros(ticks) >= 1 << 32 or ticks < 0 for ticks, offset in keyframes):
        raise StoreError("the file is longer than any that is written here")
    media_to = found[-1].offset + found[-1].size
    tail = tail_of(keyframes)
    infos = tuple(_info(fragment, head.start, shown) for fragment in found)
    closed = size - media_to == len(tail) and read(media_to, len(tail)) == tail
    index = index_of(keyframes, shown)
    return SegmentFile(head, formats, lead, setup_of(formats, lead), media_from, media_to, infos, closed, index)


def head_of(read: Read, size: int) -> SegmentHead:
    """Whose footage it is, from its beginning alone. Raises StoreError."""
    return _beginning(read, size)[0]


def whole(read: Read, size: int) -> int:
    """How long the file is up to the end of its last fragment whose checksum, like all before it, is right; 0: none is.

    Raises StoreError when the disk cannot read it, which says nothing about the file.
    """
    try:
        _, at = _sealed_beginning(read, size)
    except StoreError as error:
        if unread(error):
            raise
        return 0
    return max((fragment.offset + fragment.size for fragment in _fragments(read, at, size, deep=True)), default=0)


def unread(error: StoreError) -> bool:
    """Whether the disk failed; else the bytes are not what was written."""
    return isinstance(error.__cause__, OSError)


def reaches(read: Read, size: int) -> float:
    """Seconds of media at which the last fragment begins that is whole in itself, whatever is before it. Reads the file into memory."""
    data, at, begin, last = read(0, size), 0, size, 0
    while (found := data.find(SEAL_MARK, at)) >= 0:
        number, _ = seal_of(data[found:]) or (0, 0)
        with suppress(StoreError):
            last = _fragment(lambda at, size: data[at : at + size], begin, size, number, deep=True).video.base
        at, begin = found + len(SEAL_MARK), found + SEAL_SIZE
    return last / VIDEO_SCALE


def samples(read: Read, fragment: FragmentInfo, file: SegmentFile) -> list[Sample]:
    """Of all tracks: pictures in decode order, then sound."""
    runs, _ = _moof(read, fragment.offset, fragment.size)
    made: list[Sample] = []
    for track, format in zip((VIDEO, AUDIO), file.formats, strict=False):
        if track not in runs:
            continue
        run = runs[track]
        at, dts = fragment.offset + run.data, run.base - lead_ticks(file.lead, format.time_base.denominator)
        for duration, size, flags, shift in run.entries:
            made.append(Sample(format.kind, at, size, dts, dts + shift, duration, flags == KEY))
            at, dts = at + size, dts + duration
    return made


def packets(read: Read, file: SegmentFile, start: int | None = None, end: int | None = None) -> Iterator[Packet]:
    """Packets that decode, as `media.decode` takes them: from the keyframe at or before `start`, up to the fragment that holds `end`.

    UTC µs. Times of a packet are ticks since the file's first picture was shown; `seq` counts from the first one given.
    """
    begin = next((f for f in reversed(file.fragments) if start is None or (f.keyframe and f.start <= start)), None)
    first = file.fragments[0] if begin is None or start is None else begin
    rates = {format.kind: format for format in file.formats}
    head, seq = file.head, 0
    for fragment in file.fragments:
        if fragment.offset < first.offset:
            continue
        if end is not None and fragment.start >= end:
            return
        found = samples(read, fragment, file)
        data = exactly(read, fragment.offset, fragment.size)
        for sample in sorted(found, key=lambda s: s.dts * rates[s.kind].time_base):
            format = rates[sample.kind]
            since = round(sample.pts * US_PER_S * format.time_base)
            at = sample.offset - fragment.offset
            yield Packet(
                head.camera,
                head.stream,
                head.epoch,
                seq,
                format,
                head.start + since,
                head.mono_ns + since * 1000,
                sample.pts,
                sample.dts,
                sample.duration,
                sample.keyframe,
                data[at : at + sample.size],
            )
            seq += 1


# -- the beginning


def _beginning(read: Read, size: int) -> tuple[SegmentHead, tuple[StreamFormat, ...], int, int]:
    """`ftyp moov seal`: whose it is, its tracks, its lead, and where it ends."""
    moov, media_from = _sealed_beginning(read, size)
    tracks = [payload for kind, payload in boxes(moov) if kind == b"trak"]
    formats = tuple(_format(track) for track in tracks)
    if [format.kind for format in formats] not in (["video"], ["video", "audio"]):
        raise StoreError("the file has other tracks than those that are written here")
    return _head(inner(moov, b"uuid")), formats, _lead(tracks[0], formats[0]), media_from


def _sealed_beginning(read: Read, size: int) -> tuple[bytes, int]:
    """The payload of its moov, and where the first fragment belongs."""
    _, moov_at = box_at(read, 0, size, b"ftyp")
    _, end = box_at(read, moov_at, size, b"moov")
    if end > MAX_HEAD:
        raise StoreError("the file's beginning is larger than any that is written here")
    data = exactly(read, 0, end)
    if seal_of(read(end, SEAL_SIZE)) != (0, zlib.crc32(data)):
        raise StoreError("the file's beginning is damaged")
    return data[moov_at + HEAD.size :], end + SEAL_SIZE


def _head(payload: bytes) -> SegmentHead:
    try:
        said = json.loads(payload.removeprefix(UUID))
    except (ValueError, RecursionError) as error:
        raise StoreError("the file does not say whose footage it is") from error
    if not isinstance(said, dict) or not payload.startswith(UUID):
        raise StoreError("the file does not say whose footage it is")
    if said.get("v") != VERSION:
        raise StoreError("the file was written by a newer version of Redshank")
    known: dict[str, Any] = {name: said.get(name) for name in _TYPES}
    if any(type(value) is not _TYPES[name] or not _sane(value) for name, value in known.items()):
        raise StoreError("the file does not say whose footage it is")
    return SegmentHead(**known)


def _sane(value: object) -> bool:
    """Whether a database and a log can hold it."""
    if isinstance(value, int):
        return 0 <= value < 1 << 62
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _format(track: bytes) -> StreamFormat:
    table = inner(track, b"mdia", b"minf", b"stbl", b"stsd")
    media = inner(track, b"mdia", b"mdhd")
    if len(media) < 24:
        raise StoreError("the file's description of its tracks is damaged")
    entry = next(boxes(table[8:]), None)
    if entry is None:
        raise StoreError("the file does not describe its tracks")
    return format_of_entry(*entry, struct.unpack_from(">I", media, 20)[0])


def _lead(track: bytes, format: StreamFormat) -> int:
    """As the edit list has it."""
    edit = inner(track, b"edts", b"elst")
    if len(edit) != 28:
        raise StoreError("the file does not say when its first picture is shown")
    ticks = int.from_bytes(edit[16:24], "big")
    lead, rest = divmod(ticks * LEADS_PER_S, format.time_base.denominator)
    if rest or ticks >= MAX_TICKS or format.time_base.denominator != VIDEO_SCALE:
        raise StoreError("the file's first picture is shown at an impossible time")
    return lead


# -- the fragments


def _fragments(read: Read, at: int, size: int, deep: bool) -> Iterator[_Fragment]:
    """Whole ones, up to the first that is not."""
    number = 0
    end = 0
    while at < size:
        number += 1
        try:
            fragment = _fragment(read, at, size, number, deep)
        except StoreError as error:
            if unread(error):
                raise
            return
        if fragment.video.base < end:
            return
        yield fragment
        end = fragment.video.end
        at += fragment.size


def _fragment(read: Read, at: int, size: int, number: int, deep: bool) -> _Fragment:
    """The one that begins there. Raises StoreError."""
    runs, mdat_at = _moof(read, at, size - at)
    _, end = box_at(read, mdat_at, size, b"mdat")
    sealed = seal_of(read(end, SEAL_SIZE))
    if sealed is None or sealed[0] != number or (deep and sealed[1] != checksum_of(read, at, end)):
        raise StoreError("the fragment is not whole")
    data = mdat_at + HEAD.size - at
    for track in sorted(runs):
        if runs[track].data != data:
            raise StoreError("the fragment's samples do not lie where it says")
        data += sum(entry[1] for entry in runs[track].entries)
    if VIDEO not in runs or data != end - at:
        raise StoreError("the fragment's samples are not its data")
    return _Fragment(at, end + SEAL_SIZE - at, runs[VIDEO])


def _info(fragment: _Fragment, start: int, lead: int) -> FragmentInfo:
    video = fragment.video
    keyframe = video.entries[0][2] == KEY
    since = video.base + (video.entries[0][3] - lead if keyframe else 0)
    begin, end = start + micros(since), start + micros(video.end)
    return FragmentInfo(fragment.offset, fragment.size, begin, end, keyframe, len(video.entries))


def _moof(read: Read, at: int, size: int) -> tuple[dict[int, _Run], int]:
    """The runs of a fragment by track, and where its moof ends. `size`: bytes there are."""
    length, end = box_at(read, at, at + size, b"moof")
    if length > MAX_HEAD:
        raise StoreError("the fragment's head is larger than any that is written here")
    runs: dict[int, _Run] = {}
    for kind, payload in boxes(exactly(read, at, length)[HEAD.size :]):
        if kind == b"traf":
            track, run = _run(payload)
            if track in runs or track not in (VIDEO, AUDIO):
                raise StoreError("the fragment has other tracks than the file")
            runs[track] = run
    return runs, end


def _run(traf: bytes) -> tuple[int, _Run]:
    found = dict(boxes(traf))
    try:
        flags, track, _ = struct.unpack(">III", found[b"tfhd"])
        version, base = struct.unpack(">IQ", found[b"tfdt"])
        run_flags, count, data = struct.unpack_from(">IIi", found[b"trun"])
        entries = list(SAMPLE.iter_unpack(found[b"trun"][12:]))
    except (struct.error, KeyError) as error:
        raise StoreError("the fragment's head is damaged") from error
    written = (FRAGMENT_FLAGS, 1 << 24, 1 << 24 | RUN_FLAGS)
    if (flags, version, run_flags) != written or not 0 < count == len(entries) or not 0 <= base < MAX_TICKS:
        raise StoreError("the fragment's head is not as it is written here")
    return track, _Run(base, data, entries)
