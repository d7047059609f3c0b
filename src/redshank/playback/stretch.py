"""Fragments of one segment file, put together to larger ones with another file's numbers and times while they are read. Blocks.

Groups of pictures are the unit of trust: what is damaged or cannot be read becomes free space up to the next keyframe, always the same
bytes from whichever place reading begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.media.segment import AUDIO, VIDEO
from redshank.model import Segment
from redshank.playback.footage import Footage
from redshank.playback.fragment import Change, Damaged, patched
from redshank.playback.header import Head
from redshank.playback.lump import BLOCK, PEEK, Window, lump
from redshank.playback.plan import keyframes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's fragments go, on the line of the file that is made."""

    number: int
    """Put before each fragment's own."""
    begins: int
    """µs on the line at which the file's first picture would be shown."""
    head: Head
    """Of the file."""
    entries: Mapping[int, int]
    """By track: its sample entry, from 1; a track that is missing is left out."""
    shown: int = 0
    """µs on the pictures' line at which showing begins, and the sound's own line with it: FFmpeg (and with it Chromium) takes sound
    before an edit list for the encoder's padding, and drops as much of what comes."""

    @property
    def change(self) -> Change:
        lines = {VIDEO: self.begins, AUDIO: self.begins - self.shown}
        shift = {track: scaled(lines[track], self.head.scale(track)) - self.head.leads[track] for track in self.entries}
        return Change(self.number, shift, self.entries)


def scaled(us: int, scale: int) -> int:
    """µs in ticks of 1/scale s, rounded."""
    return (2 * us * scale + US_PER_S) // (2 * US_PER_S)


def moved(data: bytes, change: Change) -> bytes:
    """Whole fragments with the change. Raises Damaged."""
    block, used = patched(data, len(data), change)
    if used != len(data):
        raise Damaged("a fragment is cut off")
    return block


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes [offset, to) of a segment; both are where a keyframe's fragment begins, or `to` where the last fragment ends."""

    segment: Segment
    offset: int
    to: int
    footage: Footage
    place: Place
    step: int = 0
    """Groups of pictures are put together to lumps of at least so many µs."""
    sets: bytes = b""
    """Parameter sets to put before every keyframe: where a movie holds more than one kind of pictures, since FFmpeg (and with it
    Chromium) does not look at a fragment's sample entry."""

    @property
    def size(self) -> int:
        return self.sized(self.offset, self.to)

    @property
    def lumps(self) -> list[tuple[int, int, int]]:
        """Wall time at which each is shown, and its bytes in the file."""
        if self.segment.end - self.segment.start <= self.step:
            return [(self.segment.start, self.offset, self.to)]
        found: list[tuple[int, int]] = []
        for time, at in keyframes(self.segment):
            if self.offset <= at < self.to and (not found or time - found[-1][0] >= self.step):
                found.append((time, at))
        ends = [*(at for _time, at in found[1:]), self.to]
        return [(time, at, end) for (time, at), end in zip(found, ends, strict=True)]

    def sized(self, low: int, high: int) -> int:
        """Bytes that these of the file become."""
        return high - low + (len(self.sets) * (len(self._borders(low, high)) - 1) if self.sets else 0)

    def _borders(self, low: int, high: int) -> list[int]:
        """Where groups of pictures begin and end."""
        return [low, *(at for _time, at in keyframes(self.segment) if low < at < high), high]

    def blocks(self, low: int, high: int) -> Iterator[bytes]:
        """Bytes [low, high) of the stretch, in blocks of about BLOCK. Never raises: see the module."""
        waiting: list[bytes | memoryview] = []
        ready = 0
        for block in self._blocks(low, high):
            waiting.append(block)
            ready += len(block)
            if ready >= BLOCK:
                yield b"".join(waiting)
                waiting, ready = [], 0
        if waiting:
            yield b"".join(waiting)

    def _blocks(self, low: int, high: int) -> Iterator[bytes | memoryview]:
        begins = 0
        for _time, at, end in self.lumps:
            size = self.sized(at, end)
            if begins < high and begins + size > low:
                yield from self._lump(at, end, low - begins, high - begins)
            begins += size

    def _lump(self, at: int, end: int, low: int, high: int) -> Iterator[bytes | memoryview]:
        """Of the lump made of [at, end), its bytes [low, high)."""
        window = Window(partial(self.footage.read, self.segment), end, BLOCK if end - at <= BLOCK else PEEK)
        begins = 0
        for part in self._parts(window, at, end):
            wanted = part[max(0, low - begins) : max(0, high - begins)]
            begins += len(part)
            if isinstance(wanted, bytes):
                yield wanted
                continue
            while wanted:
                try:
                    block: bytes | memoryview = window.some(wanted.start, BLOCK)[: len(wanted)]
                except StoreError:
                    block = bytes(min(BLOCK, len(wanted)))
                yield block
                wanted = wanted[len(block) :]

    def _parts(self, window: Window, at: int, end: int) -> list[bytes | range]:
        made = lump(window, at, end, self.place.change, self.sets, self.sized(at, end))
        if made.whole:
            return list(made.parts)
        borders = self._borders(at, end)
        if len(borders) > 2:
            return [part for pair in pairwise(borders) for part in self._parts(window, *pair)]
        self.footage.damage(self.segment, f"bytes {at} to {end} are damaged")
        return list(made.parts)
