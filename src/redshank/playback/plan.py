"""A range of time of one stream → the pieces of files that hold it, from their rows alone.

No file is opened here: a row says where its fragments lie and, in `index`, where each keyframe is. So a range costs one query, and
however many files there are only the ends of the range have to be looked into (`movie`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from operator import attrgetter
from struct import Struct

from redshank.model import Segment

JOIN_US = 200_000
"""Files that follow within this time follow each other: the end of a file is told before the next one's first picture is known."""
_KEY = Struct("<II")

Running = Callable[[str, str], Sequence[Segment]]
"""Camera, stream → its files that have no row yet: the one being written, up to its last whole fragment (path ends in .part), and
one that was closed a moment ago. Any thread."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of one file: from a keyframe at or before what is wanted, to a keyframe behind it or to the end."""

    segment: Segment
    offset: int
    """Of the first fragment."""
    to: int
    """Offset where its last fragment ends."""
    key: int
    """Wall time at which the picture at `offset` is shown."""
    start: int
    """Wall time from which on it is wanted; key <= start."""
    end: int
    """Wall time at which what is wanted ends."""
    cut: bool
    """Whether the file goes on: fragments up to `to` hold pictures at or after `end`."""
    joined: bool
    """Whether it follows the piece before without a hole."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is of a range."""

    camera: str
    stream: str
    start: int
    end: int
    pieces: tuple[Piece, ...]

    @property
    def length(self) -> int:
        """µs that can be shown, holes left out."""
        return sum(piece.end - piece.start for piece in self.pieces)

    @property
    def holes(self) -> list[tuple[int, int]]:
        """Spans of the range without footage."""
        found, at = [], self.start
        for piece in self.pieces:
            if not piece.joined and piece.start > at:
                found.append((at, piece.start))
            at = max(at, piece.end)
        return [*found, (at, self.end)] if at < self.end else found

    @property
    def reached(self) -> bool:
        """Whether there is footage up to the end of the range."""
        return bool(self.pieces) and max(piece.end for piece in self.pieces) >= self.end


def keyframes(segment: Segment) -> list[tuple[int, int]]:
    """Wall time and byte offset of each keyframe, in order; the first fragment always counts as one."""
    found = [(segment.start + after, offset) for after, offset in _KEY.iter_unpack(segment.index)]
    return found if found and found[0][1] == segment.media_from else [(segment.start, segment.media_from), *found]


def plan(segments: Iterable[Segment], start: int, end: int) -> Plan:
    """`segments` of one stream, in any order, running ones included; the part of [start, end) that they hold."""
    known: dict[int, Segment] = {}
    for segment in segments:
        if segment.seq not in known or not segment.path.endswith(".part"):
            known[segment.seq] = segment
    ordered = sorted(known.values(), key=attrgetter("start", "seq"))
    pieces: list[Piece] = []
    before: Piece | None = None
    for segment, following in zip_longest(ordered, ordered[1:]):
        if segment.end <= start or segment.start >= end or segment.media_to <= segment.media_from:
            continue
        segment = _ending(segment, following.start if following else None)
        joined = before is not None and not before.cut and abs(max(segment.start, start) - before.end) <= JOIN_US
        before = _piece(segment, start, end, joined)
        pieces.append(before)
    first = ordered[0] if ordered else None
    return Plan(first.camera if first else "", first.stream if first else "", start, end, tuple(pieces))


def _ending(segment: Segment, follows: int | None) -> Segment:
    """Its end was told before the next file's first picture came: where the two nearly touch they do."""
    if follows is None or follows == segment.end or abs(follows - segment.end) > JOIN_US or follows <= segment.start:
        return segment
    return replace(segment, end=follows)


def _piece(segment: Segment, start: int, end: int, joined: bool) -> Piece:
    if start <= segment.start and segment.end <= end:
        return Piece(
            segment, segment.media_from, segment.media_to, segment.start, segment.start, segment.end, False, joined
        )
    keys = keyframes(segment)
    times = [time for time, _offset in keys]
    first = max(0, bisect_right(times, start) - 1)
    key, offset = keys[first]
    to, cut = segment.media_to, segment.end > end
    if cut:
        # Pictures that come after a keyframe may be shown before it: one more group is looked at.
        beyond = bisect_right(times, end - 1) + 1
        to = keys[beyond][1] if beyond < len(keys) else segment.media_to
    return Piece(segment, offset, to, key, max(start, segment.start, key), min(end, segment.end), cut, joined)
