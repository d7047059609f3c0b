"""Fragments of one segment file as they lie on the disk, moved into another file's numbers and times while they are read. Blocks.

Groups of pictures are the unit of trust: what is damaged or cannot be read becomes free space up to the next keyframe, always the same
bytes from whichever place reading begins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.media.segment import AUDIO, VIDEO
from redshank.model import Segment
from redshank.playback.footage import Footage
from redshank.playback.fragment import HEAD, Change, Damaged, patched, renewed
from redshank.playback.header import Head
from redshank.playback.plan import keyframes

BLOCK = 1 << 20
_ZEROS = bytes(64 * 1024)


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

    @property
    def size(self) -> int:
        return self.to - self.offset

    def blocks(self, low: int, high: int) -> Iterator[bytes]:
        """Bytes [low, high) of the stretch. Never raises: see the module."""
        if low >= high:
            return
        borders = [self.offset, *(at for _time, at in keyframes(self.segment) if self.offset < at < self.to)]
        at = borders[bisect_right(borders, self.offset + low) - 1]
        low, high = self.offset + low, self.offset + high
        for block in self._from(at, [*borders, self.to]):
            end = at + len(block)
            if low < end:
                yield block if low <= at and end <= high else block[max(0, low - at) : high - at]
            at = end
            if at >= high:
                return

    def _from(self, at: int, borders: list[int]) -> Iterator[bytes]:
        change = self.place.change
        while at < self.to:
            block, ahead = self._block(at, borders, change)
            if not block:
                border = borders[bisect_right(borders, at)]
                self.footage.damage(self.segment, f"bytes {at} to {border} are damaged")
                yield from _free(border - at)
                at = border
                continue
            yield block
            at += len(block)
            yield from self._plain(at, ahead)
            at += ahead

    def _block(self, at: int, borders: list[int], change: Change) -> tuple[bytes, int]:
        """The next whole boxes, and how many bytes of the last one lie behind them; nothing when there is damage at `at`."""
        for size in (min(BLOCK, self.to - at), borders[bisect_right(borders, at)] - at):
            try:
                block = self.footage.read(self.segment, at, min(BLOCK, size))
                found, used = patched(block, self.to - at, change)
            except StoreError:
                continue
            return found, max(0, used - len(block))
        return b"", 0

    def _plain(self, at: int, size: int) -> Iterator[bytes]:
        """The rest of a large fragment; what cannot be read is zeros."""
        for begin in range(at, at + size, BLOCK):
            wanted = min(BLOCK, at + size - begin)
            try:
                yield self.footage.read(self.segment, begin, wanted)
            except StoreError:
                yield bytes(wanted)


@dataclass(frozen=True, slots=True)
class Renewed:
    """A stretch with its parameter sets before every keyframe: where a movie holds more than one kind of pictures, since FFmpeg (and
    with it Chromium) does not look at a fragment's sample entry. Group by group."""

    plain: Stretch
    sets: bytes

    @property
    def size(self) -> int:
        return self.plain.size + len(self.sets) * len(self._borders)

    @property
    def _borders(self) -> list[int]:
        plain = self.plain
        return [plain.offset, *(at for _time, at in keyframes(plain.segment) if plain.offset < at < plain.to)]

    def blocks(self, low: int, high: int) -> Iterator[bytes]:
        """As of `Stretch`."""
        begins = 0
        for at, end in pairwise([*self._borders, self.plain.to]):
            size = end - at + len(self.sets)
            if begins < high and begins + size > low:
                yield self._group(at, end)[max(0, low - begins) : high - begins]
            begins += size

    def _group(self, at: int, end: int) -> bytes:
        plain = self.plain
        try:
            data = plain.footage.read(plain.segment, at, end - at)
            made = moved(renewed(data, self.sets), plain.place.change)
        except StoreError as error:
            plain.footage.damage(plain.segment, str(error))
            made = b""
        size = end - at + len(self.sets)
        return made if len(made) == size else b"".join(_free(size))


def _free(size: int) -> Iterator[bytes]:
    """A `free` box of so many bytes, at least 8."""
    yield HEAD.pack(size, b"free")
    left = size - HEAD.size
    while left > 0:
        yield _ZEROS[: min(left, len(_ZEROS))]
        left -= len(_ZEROS)
