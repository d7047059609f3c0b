"""Looks at a camera as bytes, and back. Pure; any thread.

A look is one analysed picture. Of its tracks only those are written that changed since the look before: a still object costs nothing.
Looks of up to BLOCK_US make a block, which begins with every track that is there, so that it can be read by itself.

    block   magic "\\xa5T" · length u16 of what follows · body · CRC-32 of the body u32
    body    time of the first look, u64 µs · looks u8 · tracks u8 · points u16 · looks · points · tracks
    look    3 bytes: ms since the first (14 bits), whether the detector ran, whether something was wrong · motion u8, as its square root
    point   12 bytes: number of the look u8 · of the track u8 · state (2 bits) and seen · score u8 · box 4 × u16, 0–1
    track   16 bytes of its UUID (after a 0), or length u8 and text · length u8 and label

All little-endian. Times are exact to 1 ms, boxes to 1/65535 of the picture, scores and the root of motion to 1/255.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from uuid import UUID
from zlib import crc32

from redshank.model import Box, Observation, TrackState

BLOCK_US = 15_000_000
MOST_LOOKS, MOST_TRACKS, MOST_POINTS = 250, 250, 4000
"""Of one block."""
STEP = 0.002
"""A box that moved less, in 0–1 of the picture, has not moved."""
SCORE_STEP = 0.1
MAGIC = b"\xa5T"
HEAD = struct.Struct("<2sH")
SUM = struct.Struct("<I")
_BODY = struct.Struct("<QBBH")
_LOOK = struct.Struct("<HB")
POINT = struct.Struct("<BBBB4H")
_STATES = tuple(TrackState)
_SEEN = 4
_DETECTED, _ODD, _MS = 0x4000, 0x8000, 0x3FFF


@dataclass(frozen=True, slots=True)
class Point:
    """A track as it stood in one look."""

    track: str
    label: str
    state: TrackState
    seen: bool
    """False: the box is predicted."""
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Look:
    """One analysed picture."""

    time: int
    motion: float
    """Share of the picture that moves, 0–1."""
    detected: bool
    """Whether the detector ran on it."""
    ok: bool
    """False: a sudden change of light, a frozen picture, a detector that is behind."""
    points: tuple[Point, ...] = ()
    """Tracks; as written only those that changed, as read all that are there."""


def look(seen: Observation, last: Mapping[str, Point]) -> tuple[Look, dict[str, Point]]:
    """What of an observation is written after `last` (by track, as written), and what is then last. Tracks that are no longer told of
    have ended; those above MOST_TRACKS are left out."""
    told = seen.tracks[:MOST_TRACKS]
    now = {one.id: Point(one.id, one.label, one.state, one.seen, one.score, one.box) for one in told}
    gone = [replace(one, state=TrackState.ENDED, seen=False) for id, one in last.items() if id not in now]
    changed = [one for one in now.values() if one.track not in last or _differs(last[one.track], one)]
    written = {one.track: one for one in chain(last.values(), changed) if one.track in now}
    kept = {id: one for id, one in written.items() if one.state is not TrackState.ENDED}
    return Look(seen.time, seen.motion, seen.detected, seen.health == "ok", (*changed, *gone)), kept


def _differs(one: Point, other: Point) -> bool:
    a, b = one.box, other.box
    return (
        one.state is not other.state
        or one.label != other.label
        or abs(a.x1 - b.x1) > STEP
        or abs(a.y1 - b.y1) > STEP
        or abs(a.x2 - b.x2) > STEP
        or abs(a.y2 - b.y2) > STEP
        or abs(one.score - other.score) > SCORE_STEP
    )


def whole(looks: Iterable[Look]) -> Iterator[Look]:
    """Looks of one block as written → with every track that is there. One that ended is in the look that says so, and in none after."""
    there: dict[str, Point] = {}
    for one in looks:
        there.update((point.track, point) for point in one.points)
        yield replace(one, points=tuple(there.values()))
        there = {id: point for id, point in there.items() if point.state is not TrackState.ENDED}


def pack(looks: Sequence[Look]) -> bytes:
    """A block of at most MOST_LOOKS looks within BLOCK_US, oldest first, as written."""
    base = looks[0].time
    tracks: dict[tuple[str, str], int] = {}
    said, points = bytearray(), bytearray()
    for number, one in enumerate(looks):
        flags = (_DETECTED if one.detected else 0) | (0 if one.ok else _ODD)
        root = round(min(1.0, max(0.0, one.motion)) ** 0.5 * 255)
        said += _LOOK.pack(min(_MS, round((one.time - base) / 1000)) | flags, root)
        for point in one.points:
            index = tracks.setdefault((point.track, point.label), len(tracks))
            state = _STATES.index(point.state) | (_SEEN if point.seen else 0)
            box = point.box
            corners = (_short(box.x1), _short(box.y1), _short(box.x2), _short(box.y2))
            points += POINT.pack(number, index, state, round(min(1.0, max(0.0, point.score)) * 255), *corners)
    head = _BODY.pack(base, len(looks), len(tracks), len(points) // POINT.size)
    names = b"".join(_id(id) + _text(label) for id, label in tracks)
    body = b"".join((head, said, points, names))
    return HEAD.pack(MAGIC, len(body)) + body + SUM.pack(crc32(body))


def _short(value: float) -> int:
    return round(min(1.0, max(0.0, value)) * 65535)


def _id(id: str) -> bytes:
    try:
        value = UUID(id)
    except ValueError:
        return _text(id)
    return b"\0" + value.bytes if str(value) == id else _text(id)


def _text(text: str) -> bytes:
    data = text.encode()[:200]
    return bytes((len(data),)) + data


@dataclass(frozen=True, slots=True)
class Block:
    """A block, read as far as one needs it."""

    base: int
    looks: bytes
    points: bytes
    """See POINT; whoever counts thousands of them reads them as an array."""
    tracks: tuple[tuple[str, str], ...]
    """(id, label) by their number."""

    def decoded(self) -> list[Look]:
        """As written."""
        found: list[list[Point]] = [[] for _ in range(len(self.looks) // _LOOK.size)]
        for number, index, state, score, *corners in POINT.iter_unpack(self.points):
            x1, y1, x2, y2 = (one / 65535 for one in corners)
            track, label = self.tracks[index]
            seen = bool(state & _SEEN)
            found[number].append(Point(track, label, _STATES[state & 3], seen, score / 255, Box(x1, y1, x2, y2)))
        return [
            Look(
                self.base + (word & _MS) * 1000,
                (root / 255) ** 2,
                bool(word & _DETECTED),
                not word & _ODD,
                tuple(points),
            )
            for (word, root), points in zip(_LOOK.iter_unpack(self.looks), found, strict=True)
        ]


def unpack(body: bytes) -> Block | None:
    """None when it makes no sense, which a right checksum rules out."""
    try:
        base, looks, tracks, points = _BODY.unpack_from(body)
        first = _BODY.size + looks * _LOOK.size
        last = first + points * POINT.size
        names, at = [], last
        for _ in range(tracks):
            id, at = _named(body, at)
            label, at = _worded(body, at)
            names.append((id, label))
    except (struct.error, IndexError, ValueError):
        return None
    return Block(base, body[_BODY.size : first], body[first:last], tuple(names)) if at == len(body) else None


def _named(body: bytes, at: int) -> tuple[str, int]:
    return (str(UUID(bytes=body[at + 1 : at + 17])), at + 17) if body[at] == 0 else _worded(body, at)


def _worded(body: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + body[at]
    return body[at + 1 : end].decode(errors="replace"), end
