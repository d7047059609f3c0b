"""One movie fragment of our own segment files: read, moved in time in place, cut. Pure.

The layout is fixed (`media.segment`): mfhd, then per track traf{tfhd with a sample description index, tfdt of 64 bits, trun with
offset, duration, size, flags and signed composition offset of every sample}. So the numbers that make a fragment belong to another
file stand at known places and can be changed without changing a size. Boxes: ISO/IEC 14496-12 §8.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from struct import Struct

from redshank.errors import StoreError
from redshank.media.segment import AUDIO, SAMPLE, VIDEO

HEAD = Struct(">I4s")
_U32, _U64 = Struct(">I"), Struct(">Q")
_TFHD_FLAGS = b"\x00\x02\x00\x02"
_TRUN_FLAGS = b"\x01\x00\x0f\x01"
TRUN_AT = 48
"""Where the trun begins in its traf."""


class Damaged(StoreError):
    """The bytes are not a fragment of ours."""


MAX_TICKS = 1 << 40
"""Four months: no file has such a time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One coded unit. Times are ticks of its track; `data_at` counts from the start of its moof."""

    dts: int
    pts: int
    duration: int
    size: int
    flags: int
    data_at: int

    @property
    def keyframe(self) -> bool:
        return not self.flags & 0x10000


@dataclass(frozen=True, slots=True)
class Run:
    """The samples of one track in one fragment, in decode order."""

    track: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What makes a fragment belong to another file."""

    number: int = 0
    """Put before the fragment's own number."""
    shift: Mapping[int, int] = field(default_factory=dict)
    """By track: ticks added to its times. A track that is missing here is left out (its box becomes free space)."""
    description: Mapping[int, int] = field(default_factory=dict)
    """By track: which sample entry, from 1."""


def patch(block: bytearray, at: int, change: Change) -> None:
    """Change the moof at `at`, whole in the block. Raises Damaged."""
    end = at + HEAD.unpack_from(block, at)[0]
    if end - at < 24 or block[at + 12 : at + 16] != b"mfhd":
        raise Damaged("a fragment's header is damaged")
    own = _U32.unpack_from(block, at + 20)[0]
    _U32.pack_into(block, at + 20, change.number + own & 0xFFFFFFFF)
    for traf, track in trafs(block, at + 24, end):
        if track not in change.shift:
            block[traf + 4 : traf + 8] = b"free"
            continue
        _U32.pack_into(block, traf + 24, change.description[track])
        (time,) = _U64.unpack_from(block, traf + 40)
        _U64.pack_into(block, traf + 40, max(0, time + change.shift[track]))


def patched(block: bytes, most: int, change: Change) -> tuple[bytes, int]:
    """The whole boxes at the beginning of the block, every fragment changed, and where the next box begins: beyond the block when the
    last one is larger. Stops before what is damaged or cut off; nothing and 0 when that is the first. `most`: all boxes together.
    """
    parts: list[bytes | memoryview] = []
    view = memoryview(block)
    at = done = 0
    while at + HEAD.size <= len(block):
        size, kind = HEAD.unpack_from(block, at)
        if size < HEAD.size or at + size > most or kind not in (b"moof", b"mdat", b"free"):
            break
        if kind == b"moof":
            if at + size > len(block):
                break
            moof = bytearray(view[at : at + size])
            try:
                patch(moof, 0, change)
            except Damaged:
                break
            parts += [view[done:at], memoryview(moof)]
            done = at + size
        at += size
    parts.append(view[done : min(at, len(block))])
    return b"".join(parts), at


def trafs(block: bytes | bytearray, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Place and track of each traf up to `end`. Raises Damaged."""
    while at < end:
        if end - at < TRUN_AT + 20:
            raise Damaged("a fragment's header is damaged")
        size, kind = HEAD.unpack_from(block, at)
        marks = block[at + 12 : at + 20] + block[at + 32 : at + 36] + block[at + 52 : at + 60]
        if kind != b"traf" or at + size > end or marks != b"tfhd" + _TFHD_FLAGS + b"tfdt" + b"trun" + _TRUN_FLAGS:
            raise Damaged("a fragment's header is damaged")
        (track,) = _U32.unpack_from(block, at + 20)
        if track not in (VIDEO, AUDIO):
            raise Damaged("a fragment's header is damaged")
        yield at, track
        at += size


def runs(block: bytes | bytearray, at: int = 0, end: int | None = None) -> list[Run]:
    """The samples named by the moof at `at`, whose data ends at `end`. Raises Damaged."""
    size, kind = HEAD.unpack_from(block, at) if at + HEAD.size <= len(block) else (0, b"")
    if kind != b"moof" or size < 24 or at + size > len(block) or block[at + 12 : at + 16] != b"mfhd":
        raise Damaged("a fragment is missing")
    found = [Run(track, tuple(_samples(block, traf))) for traf, track in trafs(block, at + 24, at + size)]
    ends = [at + run.samples[-1].data_at + run.samples[-1].size for run in found]
    if not found or (end is not None and max(ends) > end):
        raise Damaged("a fragment's samples are not its data")
    return found


def _samples(block: bytes | bytearray, traf: int) -> Iterator[Sample]:
    (dts,) = _U64.unpack_from(block, traf + 40)
    trun = traf + TRUN_AT
    size, count, data_at = (_U32.unpack_from(block, trun + place)[0] for place in (0, 12, 16))
    if size != 20 + 16 * count or not count or trun + size > len(block) or dts > MAX_TICKS:
        raise Damaged("a fragment's header is damaged")
    for entry in range(trun + 20, trun + size, 16):
        duration, length, flags, offset = SAMPLE.unpack_from(block, entry)
        yield Sample(dts, dts + offset, duration, length, flags, data_at)
        dts += duration
        data_at += length


def fragments(block: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Place of each whole fragment's moof and where its data ends. Ends at the first that is not whole. Raises Damaged."""
    at, moof = 0, -1
    while at + 8 <= len(block):
        size, kind = HEAD.unpack_from(block, at)
        if size < 8 or kind not in (b"moof", b"mdat", b"free"):
            raise Damaged("between fragments there is something else")
        if at + size > len(block):
            return
        if kind == b"moof":
            moof = at
        elif kind == b"mdat" and moof >= 0:
            yield moof, at + size
            moof = -1
        at += size


def make(number: int, tracks: Sequence[tuple[Run, Sequence[bytes]]], description: Mapping[int, int]) -> bytes:
    """A fragment of these samples with their data, in the fixed layout; a track without samples is left out."""
    kept = [(run, data) for run, data in tracks if run.samples]
    length = 24 + sum(TRUN_AT + 20 + 16 * len(run.samples) for run, _data in kept)
    data_at = length + 8
    boxes = [HEAD.pack(length, b"moof"), HEAD.pack(16, b"mfhd"), bytes(4), _U32.pack(number)]
    for run, data in kept:
        boxes.append(_traf(run, data_at, description[run.track]))
        data_at += sum(map(len, data))
    return b"".join([*boxes, HEAD.pack(data_at - length, b"mdat"), *(unit for _run, data in kept for unit in data)])


def _traf(run: Run, data_at: int, description: int) -> bytes:
    entries = b"".join(SAMPLE.pack(s.duration, s.size, s.flags, s.pts - s.dts) for s in run.samples)
    head = traf_head(TRUN_AT + 20 + len(entries), run.track, description, run.samples[0].dts)
    return head + trun(entries, data_at)


def trun(entries: bytes, data_at: int) -> bytes:
    """`entries`: of its samples, as SAMPLE packs them."""
    head = HEAD.pack(20 + len(entries), b"trun") + _TRUN_FLAGS
    return head + _U32.pack(len(entries) // SAMPLE.size) + _U32.pack(data_at) + entries


def traf_head(size: int, track: int, description: int, dts: int) -> bytes:
    """What stands before the runs of a traf of this size."""
    parts = [
        HEAD.pack(size, b"traf"),
        HEAD.pack(20, b"tfhd") + _TFHD_FLAGS + _U32.pack(track) + _U32.pack(description),
        HEAD.pack(20, b"tfdt") + b"\x01\x00\x00\x00" + _U64.pack(dts),
    ]
    return b"".join(parts)


def cut(block: bytes, starts: Mapping[int, int], ends: Mapping[int, int]) -> bytes:
    """Whole fragments without what is shown at or after `ends`, and without sound before `starts` (ticks, by track; a track that is
    missing keeps everything).

    Pictures needed to decode one that is kept stay. Those before the one that is shown at the start pass in a tick each right before
    it: also a player that knows no edit list begins within a moment of the start. Raises Damaged.
    """
    found = [(moof, end, runs(block, moof, end)) for moof, end in fragments(block)]
    if not all(_filled(block, moof, end, tracks) for moof, end, tracks in found):
        raise Damaged("a fragment's samples are not its data")
    hurried = _hurried([run for _moof, _end, tracks in found for run in tracks], starts.get(VIDEO, 0))
    last = _last_needed(found, ends)
    made: list[bytes] = []
    for moof, end, tracks in found:
        kept = [_kept(run, last.get(run.track), starts.get(run.track, 0), ends.get(run.track)) for run in tracks]
        kept = [_moved(run, hurried) if run.track == VIDEO else run for run in kept]
        if kept == tracks:
            made.append(block[moof:end])
        elif any(run.samples for run in kept):
            data = [[block[moof + s.data_at : moof + s.data_at + s.size] for s in run.samples] for run in kept]
            (number,) = _U32.unpack_from(block, moof + 20)
            made.append(make(number, list(zip(kept, data, strict=True)), {VIDEO: 1, AUDIO: 1}))
    return b"".join(made)


def _filled(block: bytes, moof: int, end: int, tracks: Sequence[Run]) -> bool:
    """Whether the samples are all of the fragment's data, one behind the other."""
    at = HEAD.unpack_from(block, moof)[0] + HEAD.size
    for sample in (sample for run in tracks for sample in run.samples):
        if sample.data_at != at:
            return False
        at += sample.size
    return bool(moof + at == end)


def _last_needed(found: Sequence[tuple[int, int, list[Run]]], ends: Mapping[int, int]) -> dict[int, int]:
    """By track: the dts of the last sample, in decode order, that is shown before its end; -1 when there is none."""
    last: dict[int, int] = {track: -1 for track in ends}
    for _moof, _end, tracks in found:
        for run in tracks:
            shown = [s.dts for s in run.samples if run.track in ends and s.pts < ends[run.track]]
            last.update({run.track: shown[-1]} if shown else {})
    return last


def _kept(run: Run, last: int | None, start: int, end: int | None) -> Run:
    """The samples up to the last one needed, which lasts no longer than to the end."""
    samples = [s for s in run.samples if (last is None or s.dts <= last) and (run.track == VIDEO or s.pts >= start)]
    if samples and end is not None and samples[-1].dts == last:
        final = samples[-1]
        samples[-1] = replace(final, duration=max(1, min(final.duration, end - final.pts)))
    return Run(run.track, tuple(samples))


def _hurried(tracks: Sequence[Run], start: int) -> dict[int, tuple[int, int, int]]:
    """New dts, pts and duration, by old dts, of the pictures before the one that is shown at `start`."""
    samples = [sample for run in tracks if run.track == VIDEO for sample in run.samples]
    shown = max((s.pts for s in samples if s.pts <= start), default=None)
    hidden = sorted(s.pts for s in samples if shown is not None and s.pts < shown)
    if shown is None or not hidden:
        return {}
    first = next(number for number, s in enumerate(samples) if s.pts >= shown)
    places = {pts: shown - len(hidden) + number for number, pts in enumerate(hidden)}
    new: dict[int, tuple[int, int, int]] = {}
    for number, s in enumerate(samples):
        early = number < first
        dts = samples[first].dts - first + number if early else s.dts
        new[s.dts] = dts, places.get(s.pts, s.pts), 1 if early else s.duration
    return new


def _moved(run: Run, times: Mapping[int, tuple[int, int, int]]) -> Run:
    samples = [
        replace(s, dts=times[s.dts][0], pts=times[s.dts][1], duration=min(s.duration, times[s.dts][2]))
        if s.dts in times
        else s
        for s in run.samples
    ]
    return Run(run.track, tuple(samples))


def first_dts(block: bytes) -> int:
    """Of the pictures of whole fragments, in ticks; 0 when there are none."""
    for moof, _end in fragments(block):
        for run in runs(block, moof):
            if run.track == VIDEO:
                return run.samples[0].dts
    return 0
