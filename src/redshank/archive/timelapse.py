"""A day in minutes: a range of one stream, `speed` times as fast, as a film of its own.

Where keyframes come often enough only they are decoded. The film is encoded in chunks of half a minute; a stopped job goes on with
the first chunk that is not finished. Times without footage are left out. It is a new encoding and therefore never evidence.

    <name>.part/ state.json 00000.mp4 00001.mp4 …  while it is made        <name>  once it is finished

Blocks; one thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redshank.archive.clip import Source, Wanted, segments_of
from redshank.archive.job import Control, absent, put_in_place, room_for
from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.geometry import Polygon
from redshank.media import film
from redshank.media.segment_read import Read, SegmentFile, inspect, packets
from redshank.model import Frame, Packet, Segment
from redshank.playback.footage import Footage, NoFootage
from redshank.vision.picture import cover

FPS = 25
CHUNK = 30 * FPS
"""Pictures."""
BITS_PER_PIXEL = 0.1
"""What veryfast x264 takes at most on outdoor footage, for the look at free space."""
MARGIN = 2
"""The chunks and the whole are there together for a moment."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """One film to be."""

    wanted: Wanted
    speed: float
    segments: Sequence[Segment]
    masks: tuple[Polygon, ...] = ()
    """Of the camera's privacy, 0–1: black in every picture."""
    named: str = ""
    """What its user calls it; empty: after camera, time and speed."""

    @property
    def name(self) -> str:
        return self.named or f"{self.wanted.stem}_{self.speed:g}x.mp4"

    def called(self, name: str) -> Lapse:
        """The same under another name."""
        return replace(self, named=name)

    @property
    def tag(self) -> str:
        """Equal for the same film."""
        parts = [
            f"{self.wanted} {self.speed} {self.masks}",
            *(f"{one.seq} {one.start} {one.end} {one.media_to}" for one in self.segments),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def size(self) -> tuple[int, int]:
        return film.fitting(self.segments[0].width, self.segments[0].height)

    @property
    def step_us(self) -> int:
        """Between two pictures, in the footage."""
        return max(1, round(self.speed * US_PER_S / FPS))

    @property
    def pictures(self) -> int:
        """At most."""
        return -((self.wanted.start - self.wanted.end) // self.step_us)


def make_lapse(source: Source, wanted: Wanted, speed: float, masks: tuple[Polygon, ...] = ()) -> Lapse:
    """Raises StoreError (`NoFootage`) when there is nothing of the range."""
    segments = sorted(segments_of(source, wanted), key=lambda one: (one.start, one.seq))
    if not segments:
        raise NoFootage("there is no footage of this time")
    return Lapse(wanted, speed, segments, masks)


def write_lapse(lapse: Lapse, source: Source, folder: Path, control: Control, force: bool = False) -> Path:
    """The film. Raises StoreError, DiskFull, Stopped; run again it goes on with the first unfinished chunk."""
    path = folder / lapse.name
    if not force:
        absent(path)
    width, height = lapse.size
    room_for(folder, round(MARGIN * lapse.pictures * width * height * BITS_PER_PIXEL / 8))
    stage = _Stage(path.with_name(f"{path.name}.part"), lapse.tag)
    footage = Footage(lambda: source.disks)
    look = film.Look(lapse.size, FPS, _hidden(lapse))
    total = -(-lapse.pictures // CHUNK)
    for number in range(len(stage.counts), total):
        control.at(number, total)
        found = film.write(stage.file(number), _chunk(lapse, footage, number), look)
        stage.finished(found)
    control.at(total, total)
    if not any(stage.counts):
        stage.clear()
        raise NoFootage("none of the footage of this time can be read")
    whole = stage.folder / "whole.mp4"
    film.join([stage.file(number) for number, count in enumerate(stage.counts) if count], whole, FPS)
    _sync(whole)
    try:
        put_in_place(whole, path, force)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    stage.clear()
    return path


def _hidden(lapse: Lapse) -> NDArray[np.bool_] | None:
    """Which bytes of a picture the masks cover."""
    if not lapse.masks:
        return None
    width, height = lapse.size
    luma, chroma = (np.full((h, w), 255, np.uint8) for h, w in ((height, width), (height // 2, width // 2)))
    covered = cover(Frame("", "", 0, 0, 0, 0, 0, True, luma, chroma, chroma), lapse.masks)
    return np.concatenate([(plane != 255).reshape(-1) for plane in (covered.y, covered.u, covered.v)])


class _Stage:
    """The chunks so far."""

    def __init__(self, folder: Path, tag: str) -> None:
        self.folder = folder
        self.counts: list[int] = []
        """Pictures of each finished chunk."""
        self._tag = tag
        if os.path.lexists(folder) and self._read() is None:
            raise StoreError(f"{folder} is in the way and is no unfinished export: move it away")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self.counts = self._read() or []
            self._write()
        except OSError as error:
            raise StoreError(f"cannot write {folder}: {error.strerror}") from error

    def file(self, number: int) -> Path:
        return self.folder / f"{number:05}.mp4"

    def finished(self, count: int) -> None:
        if count:
            _sync(self.file(len(self.counts)))
        self.counts.append(count)
        self._write()

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> list[int] | None:
        """None: this is no folder of ours; nothing finished when it was for another film."""
        try:
            found = json.loads((self.folder / "state.json").read_text())
        except (OSError, ValueError):
            return None
        match found:
            case {"v": 1, "tag": str(tag), "counts": list(counts)}:
                return [int(count) for count in counts] if tag == self._tag else []
        return None

    def _write(self) -> None:
        new = self.folder / "state.json.new"
        new.write_text(json.dumps({"v": 1, "tag": self._tag, "counts": self.counts}))
        new.replace(self.folder / "state.json")


def _chunk(lapse: Lapse, footage: Footage, number: int) -> Iterator[film.Picture]:
    """The pictures of a chunk."""
    first, last = number * CHUNK, min((number + 1) * CHUNK, lapse.pictures)
    times = [lapse.wanted.start + n * lapse.step_us for n in range(first, last)]
    for segment in lapse.segments:
        mine = [time for time in times if segment.start <= time < segment.end]
        if mine:
            times = [time for time in times if time > mine[-1]]
            yield from _pictures(segment, footage, mine, lapse.step_us)


def _pictures(segment: Segment, footage: Footage, times: Sequence[int], step_us: int) -> Iterator[film.Picture]:
    """What of one file is to be seen; nothing where it cannot be read."""

    def read(offset: int, size: int) -> bytes:
        return footage.read(segment, offset, min(size, segment.media_to - offset))

    try:
        file = inspect(read, segment.media_to)
        shift = segment.start - file.start
        found = film.pictures(_wanted(read, file, step_us, (times[0] - shift, times[-1] + 1 - shift)))
        yield from film.chosen(((time + shift, picture) for time, picture in found), times)
    except StoreError as error:
        footage.damage(segment, str(error))


def _wanted(read: Read, file: SegmentFile, step_us: int, span: tuple[int, int]) -> Iterator[Packet]:
    """Packets to decode for a span of the file's own time."""
    keys = [fragment for fragment in file.fragments if fragment.keyframe]
    starts = [*(fragment.start for fragment in keys), file.end]
    if max(b - a for a, b in pairwise(starts)) > step_us:
        yield from packets(read, file, *span)
        return
    first = max((n for n, fragment in enumerate(keys) if fragment.start <= span[0]), default=0)
    for fragment in keys[first:]:
        if fragment.start >= span[1]:
            return
        yield next(packets(read, file, fragment.start, fragment.start + 1))


def _sync(path: Path) -> None:
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
