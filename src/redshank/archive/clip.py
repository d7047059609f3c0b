"""Footage of a range as one MP4 file, exactly from start to end, as it was recorded: nothing is encoded again (`playback.movie`).

Blocks; one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redshank.archive.job import Control, PartFile, room_for
from redshank.clock import US_PER_S, rfc3339
from redshank.disk import Disk
from redshank.errors import StoreError
from redshank.media.segment_read import inspect
from redshank.model import SITE, Gap, Segment
from redshank.playback.footage import Footage
from redshank.playback.movie import Movie, make_movie
from redshank.playback.plan import plan
from redshank.store import coverage, gaps, recordings
from redshank.store.base import Store
from redshank.store.coverage import Completeness
from redshank.store.gaps import LONGEST_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A range of one stream, UTC µs, and what its file is called."""

    camera: str
    stream: str
    start: int
    end: int
    stem: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where footage comes from."""

    store: Store
    disks: Mapping[str, Disk]
    """The volumes that are there, by id."""
    now: int
    site: str = SITE


@dataclass(slots=True)
class Clip:
    """One file to be."""

    wanted: Wanted
    movie: Movie
    gaps: Sequence[Gap]
    """In the range, as the ledger has them."""
    completeness: Completeness
    found_damaged: dict[str, str]
    """Files found missing or damaged, while it was made or written, and why."""
    named: str = ""
    """What its user calls it; empty: after camera and time."""

    def lost(self, segment: Segment, why: str) -> None:
        """A file was found so. From any thread."""
        self.found_damaged.setdefault(segment.path, why)

    @property
    def damaged(self) -> list[dict[str, str]]:
        """Those found so far, for JSON."""
        return [{"path": path, "reason": why} for path, why in self.found_damaged.items()]

    @property
    def name(self) -> str:
        return self.named or f"{self.wanted.stem}.mp4"

    @property
    def gaps_said(self) -> list[dict[str, str | None]]:
        """Its gaps, for JSON."""
        return [
            {
                "start": rfc3339(gap.start),
                "end": rfc3339(gap.end) if gap.end is not None else None,
                "reason": gap.reason,
            }
            for gap in self.gaps
        ]

    def called(self, name: str) -> Clip:
        """The same under another name."""
        return replace(self, named=name)

    @property
    def segments(self) -> Sequence[Segment]:
        """The files it is made of."""
        return [piece.segment for piece in self.movie.plan.pieces]

    @property
    def tag(self) -> str:
        """Equal for the same bytes."""
        return self.movie.etag


def make_clip(source: Source, wanted: Wanted) -> Clip:
    """Raises StoreError (`NoFootage`) when there is nothing of the range."""
    damaged: dict[str, str] = {}
    footage = Footage(lambda: source.disks, lambda segment, why: damaged.update({segment.path: why}))
    movie = make_movie(plan(segments_of(source, wanted), wanted.start, wanted.end), footage)
    whose, site, end = (wanted.camera, wanted.stream), source.site, min(wanted.end, max(wanted.start + 1, source.now))
    told, complete = source.store.read(
        lambda conn: (
            gaps.span(conn, *whose, wanted.start, end, site=site),
            coverage.completeness(conn, *whose, wanted.start, end, site=site),
        )
    )
    return Clip(wanted, movie, told, complete, damaged)


def segments_of(source: Source, wanted: Wanted) -> list[Segment]:
    """Everything of the range, the file that is being written now included."""
    whose = (wanted.camera, wanted.stream)
    known = source.store.read(lambda conn: recordings.span(conn, *whose, wanted.start, wanted.end, site=source.site))
    if wanted.end <= source.now - LONGEST_US:
        return known
    seqs = {segment.seq for segment in known}
    return known + [one for one in _running(source, wanted) if one.seq not in seqs]


def _running(source: Source, wanted: Wanted) -> Iterator[Segment]:
    """Files that have no row yet, as far as they are whole."""
    hour = 3600 * US_PER_S
    first = max(wanted.start, source.now - LONGEST_US) // hour
    for at in range(first, min(wanted.end, source.now) // hour + 1):
        folder = f"{wanted.camera}/{wanted.stream}/{_EPOCH + timedelta(hours=at):%Y-%m-%d/%H}"
        for disk in source.disks.values():
            for name in disk.names(folder):
                segment = _written(disk, name) if name.endswith(".part") else None
                if segment is not None and segment.start < wanted.end and segment.end > wanted.start:
                    yield segment


def _written(disk: Disk, name: str) -> Segment | None:
    size = disk.size(name) or 0
    try:
        return inspect(lambda offset, length: disk.read(name, offset, length), size).row(name, size, "")
    except (StoreError, FileNotFoundError):
        return None


def write_clip(clip: Clip, folder: Path, control: Control, force: bool = False) -> Path:
    """The file. Raises StoreError, DiskFull, Stopped; run again it goes on where it was."""
    path, size = folder / clip.name, clip.movie.size
    with PartFile(path, clip.tag, force) as part:
        clip.found_damaged.update(part.notes.get("damaged", {}))
        part.notes["damaged"] = clip.found_damaged
        room_for(folder, size - part.size)
        for block in clip.movie.blocks(part.size, size):
            part.write(block)
            control.at(part.size, size)
        part.finish()
    return path
