"""Several fragments of a file as one: a single `moof` that begins with a keyframe, then one `mdat` with all their samples. Pure.

FFmpeg, and with it Chromium, jumps by `sidx`, and takes what an entry names for exactly one `moof` and one `mdat` without anything
between them and the next. A fragment that no entry names it forgets to have read (`headers_read` in libavformat/mov.c): jumping once
more it reads it again, and hands out samples twice or from the middle of a group of pictures. A file has a fragment each half second
and a seal behind each; so those of an entry are put together while they are read. One header takes fewer bytes than many: the rest
is zeros at the end of the `mdat`, and sizes stay what rows tell.

Boxes: ISO/IEC 14496-12 §8.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct, unpack

from redshank.errors import StoreError
from redshank.media.segment import AUDIO, SAMPLE, VIDEO
from redshank.playback.fragment import HEAD, MAX_TICKS, TRUN_AT, Change, Damaged, traf_head, trafs, trun

Read = Callable[[int, int], bytes]
"""Offset, size → exactly so many bytes of a file. Raises StoreError."""
BLOCK = 1 << 20
PEEK = 4096
"""A fragment's header is rarely larger."""
_U32, _U64 = Struct(">I"), Struct(">Q")
_RUN = Struct(">II")
"""Of a trun: how many samples, and where their data lies; of a sample: size and flags."""
_NO_KEYFRAME = 0x10000
_ZEROS = bytes(64 * 1024)


class Window:
    """The bytes of a file up to `high`, read ahead. One thread."""

    def __init__(self, read: Read, high: int, ahead: int = PEEK) -> None:
        self._read, self._high, self._ahead = read, high, ahead
        self._at, self._data = 0, memoryview(b"")

    def some(self, at: int, ahead: int) -> memoryview:
        """What is there from `at` on; when nothing is, `ahead` bytes are read. Raises StoreError."""
        if not self._at <= at < self._at + len(self._data):
            self._data = memoryview(self._read(at, min(ahead, self._high - at)))
            self._at = at
        return self._data[at - self._at :]

    def get(self, at: int, size: int) -> bytes:
        """Exactly these. Raises StoreError."""
        if at + size > self._high:
            raise Damaged("a fragment is cut off")
        found = self.some(at, max(size, self._ahead))
        if len(found) < size:
            self._data = memoryview(b"")
            found = self.some(at, max(size, self._ahead))
        return bytes(found[:size])


@dataclass(slots=True)
class _Track:
    """What a track has in a lump."""

    dts: int
    entries: list[bytearray] = field(default_factory=list)
    """Of its samples, as in a trun."""
    spans: list[bytes | range] = field(default_factory=list)
    """Their data."""

    @property
    def size(self) -> int:
        return sum(map(len, self.spans))


@dataclass(frozen=True, slots=True)
class Lump:
    """Made by `lump`."""

    parts: tuple[bytes | range, ...]
    """Bytes, and between them spans of the file."""
    whole: bool
    """Whether all fragments are in it; otherwise those before the first damaged one."""


def lump(window: Window, low: int, high: int, change: Change, sets: bytes = b"", room: int = 0) -> Lump:
    """The fragments in [low, high) of a file as one, changed; `sets` (parameter sets, lengths before them) before each keyframe that
    begins one. It fills `room` bytes; 0: as many as it needs. Never raises: where nothing is whole it is one `free` box.
    """
    tracks: dict[int, _Track] = {}
    number, whole = 0, True
    try:
        for moof, at, data in _fragments(window, low, high):
            number = number or _U32.unpack_from(moof, 20)[0]
            _gather(tracks, moof, at, data, sets)
    except StoreError:
        whole = False
    # Sound first: there is little of it, so a player that reads both in turn goes back to what it has.
    kept = {track: tracks[track] for track in (AUDIO, VIDEO) if track in tracks and track in change.shift}
    head = _moof(change.number + number, kept, change)
    size = sum(one.size for one in kept.values())
    left = room - len(head) - HEAD.size - size if room else 0
    if kept and left >= 0:
        parts = [span for one in kept.values() for span in one.spans]
        return Lump((head, HEAD.pack(HEAD.size + size + left, b"mdat"), *parts, *_zeros(left)), whole)
    return Lump((HEAD.pack(room, b"free"), *_zeros(room - HEAD.size)) if room else (), whole)


def _zeros(size: int) -> Iterator[bytes]:
    for at in range(0, size, len(_ZEROS)):
        yield _ZEROS[: min(size - at, len(_ZEROS))]


def together(data: bytes, change: Change, sets: bytes = b"") -> bytes:
    """Whole fragments as one. Raises Damaged."""
    if not data:
        return b""
    window = Window(lambda at, size: data[at : at + size], len(data), len(data))
    made = lump(window, 0, len(data), change, sets)
    if not made.whole:
        raise Damaged("a fragment is cut off")
    return b"".join(part if isinstance(part, bytes) else data[part.start : part.stop] for part in made.parts)


def _fragments(window: Window, low: int, high: int) -> Iterator[tuple[bytes, int, range]]:
    """moof, where it lies, and where its data does. Raises StoreError."""
    at, moof, begins = low, b"", 0
    while at < high:
        size, kind = HEAD.unpack(window.get(at, HEAD.size))
        if size < HEAD.size or at + size > high or kind not in (b"moof", b"mdat", b"free"):
            raise Damaged("between fragments there is something else")
        if kind == b"moof":
            moof, begins = window.get(at, size), at
        elif kind == b"mdat" and moof:
            window.get(at + size - 1, 1)
            yield moof, begins, range(at + HEAD.size, at + size)
            moof = b""
        at += size
    if moof:
        raise Damaged("a fragment is cut off")


def _gather(tracks: dict[int, _Track], moof: bytes, at: int, data: range, sets: bytes) -> None:
    """The samples of a fragment to what there is. `at`: where its moof lies. Raises Damaged, and then nothing is changed."""
    found: list[tuple[int, int, bytearray, list[bytes | range]]] = []
    begin = data.start
    for traf, track in trafs(moof, 24, len(moof)):
        run = traf + TRUN_AT
        count, place = _RUN.unpack_from(moof, run + 12)
        entries = bytearray(moof[run + 20 : traf + _U32.unpack_from(moof, traf)[0]])
        (dts,) = _U64.unpack_from(moof, traf + 40)
        if not count or len(entries) != SAMPLE.size * count or dts > MAX_TICKS or at + place != begin:
            raise Damaged("a fragment's header is damaged")
        end = begin + sum(unpack(f">{4 * count}I", entries)[1::4])
        spans: list[bytes | range] = [range(begin, end)]
        size, flags = _RUN.unpack_from(entries, 4)
        if sets and track == VIDEO and not flags & _NO_KEYFRAME:
            _U32.pack_into(entries, 4, size + len(sets))
            spans.insert(0, sets)
        found.append((track, dts, entries, spans))
        begin = end
    if begin != data.stop:
        raise Damaged("a fragment's samples are not its data")
    for track, dts, entries, spans in found:
        one = tracks.setdefault(track, _Track(dts))
        one.entries.append(entries)
        one.spans += spans


def _moof(number: int, tracks: Mapping[int, _Track], change: Change) -> bytes:
    """Of these tracks, whose samples follow in one `mdat` in this order. A run for each: of several FFmpeg knows only the last."""
    lengths = {track: TRUN_AT + 20 + sum(map(len, one.entries)) for track, one in tracks.items()}
    length = 24 + sum(lengths.values())
    boxes = [HEAD.pack(length, b"moof"), HEAD.pack(16, b"mfhd"), bytes(4), _U32.pack(number & 0xFFFFFFFF)]
    place = length + HEAD.size
    for track, one in tracks.items():
        entries = b"".join(one.entries)
        dts = max(0, one.dts + change.shift[track])
        boxes += [traf_head(lengths[track], track, change.description[track], dts), trun(entries, place)]
        place += one.size
    return b"".join(boxes)
