"""A range as one MP4 that is never written: its size is known before its first byte, and any part of it can be asked for.

`ftyp moov sidx`, then the fragments of the segment files as they lie there, with their numbers and times changed in place while they
are read. Only the ends are looked into: showing begins within the first group of pictures by an edit list, and of the last group only
what is shown before the end is kept. Holes between files are left out; where they were stands in the plan.

Nothing here promises more than the disk holds: where a file is missing or damaged behind our back, the bytes of that group become a
`free` box of the same size, so that sizes stay true and the rest plays (rel:T05).

Blocks; one thread per call, a `Movie` may be read by several.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.rtp import parameter_sets
from redshank.media.segment import AUDIO, VIDEO
from redshank.model import Segment, StreamFormat
from redshank.playback.footage import Footage, NoFootage
from redshank.playback.fragment import Damaged, cut, first_dts
from redshank.playback.header import Head, Timing, make_head, make_index, read_head
from redshank.playback.lump import together
from redshank.playback.plan import Piece, Plan, keyframes
from redshank.playback.stretch import Place, Stretch, scaled

LOOKED_AT = 120
"""So many files are looked for before anything is promised; of a longer range only those at its ends."""
MOST_PIECES = 50_000
MOST_STEPS = 2048
"""So many entries has the index beside those for each file: of a long range each is for more than a group of pictures."""
FILE_FRAGMENTS = 1 << 13
"""More than a file has (at most 120 s of fragments, one a picture at worst)."""
MARGIN_US = US_PER_S
"""Sound is not cut where pictures are: so much before the end is looked into."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece's bytes."""

    intro: bytes
    """Fragments made for the beginning of the range."""
    stretch: Stretch | None
    outro: bytes
    """Fragments made for its end."""

    @property
    def size(self) -> int:
        return len(self.intro) + (self.stretch.size if self.stretch else 0) + len(self.outro)

    def blocks(self, low: int, high: int) -> Iterator[bytes]:
        """Bytes [low, high)."""
        begin = len(self.intro)
        middle = begin + (self.stretch.size if self.stretch else 0)
        if low < begin:
            yield self.intro[low:high]
        if self.stretch:
            yield from self.stretch.blocks(max(0, low - begin), min(high, middle) - begin)
        if high > middle:
            yield self.outro[max(0, low - middle) : high - middle]


@dataclass(frozen=True, slots=True)
class Movie:
    """Made by `make_movie`."""

    plan: Plan
    """Without the files that are lost."""
    head: bytes
    lost: tuple[Segment, ...]
    """Files that should be there and are not."""
    silent: bool
    """Whether some of the sound is left out: it has another sample rate than the rest."""
    begins: Sequence[int]
    """Where the part of each piece begins; the last entry is the size of all."""
    layout: Layout

    @property
    def size(self) -> int:
        return self.begins[-1]

    @property
    def etag(self) -> str:
        """Strong: the same for the same range of the same footage."""
        lies = array("q", (n for one in self.plan.pieces for n in (one.segment.seq, one.offset, one.to)))
        digest = hashlib.sha256(self.head + f"{self.plan.camera} {self.plan.stream} ".encode())
        digest.update(lies)
        for end in self.layout.ends.values():
            digest.update(end.intro + end.outro)
        return f'"{digest.hexdigest()[:32]}"'

    def blocks(self, start: int, end: int) -> Iterator[bytes]:
        """Bytes [start, end), in blocks of about a MiB at most."""
        if start < len(self.head):
            yield self.head[start:end]
        for number in range(max(0, bisect_right(self.begins, start) - 1), len(self.plan.pieces)):
            begins = self.begins[number]
            if begins >= end:
                return
            part = self.layout.part(number)
            yield from part.blocks(max(0, start - begins), min(part.size, end - begins))


def make_movie(plan: Plan, footage: Footage) -> Movie:
    """Raises StoreError when there is no footage in the range, or none that can be read."""
    plan, lost = present(plan, footage)
    tracks = Tracks(_heads(plan.pieces, footage))
    plan = replace(plan, pieces=tuple(piece for piece in plan.pieces if piece.segment.setup in tracks.setups))
    layout = make_layout(plan, footage, tracks)
    entries = [layout.entries(number) for number in range(len(plan.pieces))]
    sizes = [sum(size for size, _ticks in one) for one in entries]
    head = make_head(tracks.entries, Timing(plan.pieces[0].start, plan.length, layout.shown[0]))
    head += make_index(_joined(entry for one in entries for entry in one))
    return Movie(plan, head, lost, tracks.silent, list(accumulate(sizes, initial=len(head))), layout)


def head_of(segment: Segment, footage: Footage) -> Head:
    """Raises StoreError."""
    data = footage.read(segment, 0, segment.media_from)
    try:
        return read_head(data)
    except StoreError as error:
        raise footage.damage(segment, str(error)) from error


class Tracks:
    """The tracks of a file made of several: each setup's sample entries in turn. Sound of another rate than the first is left out."""

    def __init__(self, heads: Mapping[str, Head]) -> None:
        self._heads = heads
        self.entries: dict[int, list[StreamFormat]] = {}
        self._numbers: dict[str, dict[int, int]] = {}
        self.silent = False
        for setup, head in heads.items():
            numbers = self._numbers[setup] = {}
            for track, format in head.formats.items():
                known = self.entries.setdefault(track, [])
                if known and known[0].time_base != format.time_base:
                    self.silent = True
                    continue
                known.extend([format] if format not in known else [])
                numbers[track] = known.index(format) + 1

    def head(self, setup: str) -> Head:
        return self._heads[setup]

    def sets(self, setup: str) -> bytes:
        """Parameter sets to put before keyframes: none while all pictures are of one kind."""
        if len(self.entries[VIDEO]) == 1:
            return b""
        units = parameter_sets(self._heads[setup].formats[VIDEO])
        return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)

    @property
    def setups(self) -> Collection[str]:
        return self._heads

    def place(self, setup: str, number: int, begins: int, shown: int) -> Place:
        """For a file of that setup: see `Place`."""
        return Place(number, begins, self._heads[setup], self._numbers[setup], shown)


def present(plan: Plan, footage: Footage) -> tuple[Plan, tuple[Segment, ...]]:
    """The plan without files that are not there, and those. Raises NoFootage when nothing is left."""
    pieces = plan.pieces
    if len(pieces) > MOST_PIECES:
        raise NoFootage("so long a range has too many files for one movie: ask for less at once")
    looked_at = pieces if len(pieces) <= LOOKED_AT else (pieces[0], pieces[-1])
    lost = tuple(piece.segment for piece in looked_at if not footage.there(piece.segment))
    for segment in lost:
        footage.damage(segment, "the file is missing or shorter than it was")
    gone = {segment.seq for segment in lost}
    left = tuple(piece for piece in pieces if piece.segment.seq not in gone)
    if not left:
        raise NoFootage("there is no footage of this time")
    return replace(plan, pieces=left), lost


def _heads(pieces: Iterable[Piece], footage: Footage) -> dict[str, Head]:
    """Of each setup, in order, from the first of its files whose head can be read. Raises StoreError when there is none at all."""
    found: dict[str, Head] = {}
    problem: StoreError = NoFootage("there is no footage of this time")
    for piece in pieces:
        if piece.segment.setup not in found:
            try:
                found[piece.segment.setup] = head_of(piece.segment, footage)
            except StoreError as error:
                problem = error
    if not found:
        raise problem
    return found


@dataclass(frozen=True, slots=True)
class Loose:
    """A piece in its file's own terms: its ends made anew, and what lies between them."""

    intro: bytes
    low: int
    high: int
    """The bytes of the file that are left as they are; low == high: none."""
    outro: bytes
    turns: int = 0
    """Wall time at which the outro is shown first."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each piece goes. Its part is made when it is read: a day has thousands, and most are never asked for."""

    pieces: Sequence[Piece]
    ends: Mapping[int, Loose]
    """By number: pieces with ends made anew; the others are as they lie in their files."""
    shown: Sequence[int]
    """µs on the movie's line at which each is shown."""
    sets: Mapping[str, bytes]
    """By setup: put before each keyframe."""
    tracks: Tracks
    footage: Footage
    step: int
    """µs of a fragment, at least."""

    def entries(self, number: int) -> list[tuple[int, int]]:
        """Of the index, for a part: bytes and ticks of each fragment it will have."""
        piece = self.pieces[number]
        if number not in self.ends and self.step >= piece.end - piece.start and not self.sets[piece.segment.setup]:
            return [(piece.to - piece.offset, _ticks(piece))]
        part = self.part(number)
        if not part.size:
            return [(0, _ticks(piece))]
        found = [(piece.start, len(part.intro))] if part.intro else []
        if part.stretch:
            found += [(time, part.stretch.sized(low, high)) for time, low, high in part.stretch.lumps]
        if part.outro:
            found.append((self.ends[number].turns, len(part.outro)))
        inside = (min(max(time, piece.start), piece.end) - piece.start for time, _size in found[1:])
        borders = [0, *(scaled(since, VIDEO_SCALE) for since in inside), _ticks(piece)]
        ticks = [max(0, end - begin) for begin, end in pairwise(borders)]
        return list(zip((size for _time, size in found), ticks, strict=True))

    def part(self, number: int) -> Part:
        piece = self.pieces[number]
        setup, begins = piece.segment.setup, self.shown[number] - (piece.start - piece.segment.start)
        place = self.tracks.place(setup, number * FILE_FRAGMENTS, begins, self.shown[0])
        loose = self.ends.get(number) or Loose(b"", piece.offset, piece.to, b"")
        plain = Stretch(piece.segment, loose.low, loose.high, self.footage, place, self.step, self.sets[setup])
        stretch = plain if loose.low < loose.high else None
        if not loose.intro and not loose.outro:
            return Part(b"", stretch, b"")
        intro, outro = (together(end, place.change, self.sets[setup]) for end in (loose.intro, loose.outro))
        return Part(intro, stretch, outro)


def make_layout(plan: Plan, footage: Footage, tracks: Tracks) -> Layout:
    pieces = plan.pieces
    ends: dict[int, Loose] = {}
    for number, piece in enumerate(pieces):
        if number == 0 or piece.cut or piece.start > piece.segment.start:
            ends[number] = _loose(piece, footage, tracks.head(piece.segment.setup), number == 0)
    lengths = (piece.end - piece.start for piece in pieces)
    shown = list(accumulate(lengths, initial=_begins(pieces[0], ends[0], tracks)))
    sets = {setup: tracks.sets(setup) for setup in tracks.setups}
    return Layout(pieces, ends, shown, sets, tracks, footage, plan.length // MOST_STEPS)


def _loose(piece: Piece, footage: Footage, head: Head, is_first: bool) -> Loose:
    low, high, turns = piece.offset, piece.to, 0
    begins_anew = piece.start > piece.segment.start or (is_first and AUDIO in head.formats)
    if not begins_anew and not piece.cut:
        return Loose(b"", low, high, b"")
    keys = keyframes(piece.segment)
    if begins_anew:
        low = next((at for time, at in keys if time >= piece.start + MARGIN_US and at <= high), high)
    if piece.cut:
        turns, high = max(((time, at) for time, at in keys if time <= piece.end - MARGIN_US), default=(0, low))
    if low >= high:
        return Loose(_ends(piece, (piece.offset, piece.to), footage, head), low, low, b"")
    intro, outro = ((piece.offset, low), (high, piece.to))
    return Loose(_ends(piece, intro, footage, head), low, high, _ends(piece, outro, footage, head), turns)


def _ends(piece: Piece, span: tuple[int, int], footage: Footage, head: Head) -> bytes:
    """Fragments of these bytes of the file with only what is wanted; nothing where they are damaged."""
    if span[0] >= span[1]:
        return b""
    try:
        return trimmed(footage.read(piece.segment, span[0], span[1] - span[0]), piece, head)
    except Damaged as error:
        footage.damage(piece.segment, str(error))
    except StoreError:
        pass  # told where it was read
    return b""


def trimmed(data: bytes, piece: Piece, head: Head) -> bytes:
    """Whole fragments of a piece with only what is wanted of it. Raises Damaged."""

    def ticks(time: int) -> dict[int, int]:
        since = time - piece.segment.start
        return {track: scaled(since, head.scale(track)) + head.leads[track] for track in head.formats}

    made = cut(data, ticks(piece.start), ticks(piece.end) if piece.cut else {})
    if first_dts(made) > ticks(piece.segment.end)[VIDEO]:
        raise Damaged("a fragment's time is not that of its file")
    return made


def _begins(piece: Piece, part: Loose, tracks: Tracks) -> int:
    """µs on the movie's line at which the first piece is shown: whatever is decoded before has a place."""
    early = tracks.head(piece.segment.setup).leads[VIDEO] - first_dts(part.intro)
    return piece.start - piece.segment.start - (-early * US_PER_S // VIDEO_SCALE)


def _joined(entries: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Entries of the index; one without bytes belongs to the one before it, or to the next."""
    made: list[tuple[int, int]] = []
    for size, ticks in entries:
        if made and not (size and made[-1][0]):
            made[-1] = made[-1][0] + size, made[-1][1] + ticks
        else:
            made.append((size, ticks))
    return made


def _ticks(piece: Piece) -> int:
    """For how many ticks it is shown."""
    return scaled(piece.end - piece.start, VIDEO_SCALE)
