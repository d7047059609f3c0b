"""Do the database and the files of the volumes agree? Nothing is changed here; `check.repair` does that.

    names of every file → rows, page by page, each held against its file → what no row named → gaps → found again? → report

It works while Redshank runs: files come and go meanwhile, so names are listed before rows are read, whatever looks wrong is looked
at a second time before it is told, and files being written are left alone. Blocks for minutes on large volumes; one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from redshank.check import ledger
from redshank.check.problem import Kind, Problem, Report
from redshank.check.rows import SAME_US, Rows
from redshank.clock import US_PER_S, Clock
from redshank.disk import Disk
from redshank.errors import StoreError
from redshank.media.adopt import reader, sha256_of
from redshank.media.segment_read import SegmentFile, inspect, unread
from redshank.model import Segment
from redshank.names import IDENTITY, part_of, place_of
from redshank.store import recordings
from redshank.store.recordings import Total

Progress = Callable[[int, int], None]
"""(done, in all)."""

AHEAD_US = 60 * US_PER_S
"""Clocks of two machines may differ by so much before a time counts as future."""
SETTLE_S = 3.0
"""A file is closed, linked, told and committed within this; what stays in between longer is left over."""
FOREIGN_SHOWN = 100


@dataclass(slots=True)
class _Volume:
    """One volume while it is gone through."""

    id: str
    disk: Disk
    rows: Rows
    clock: Clock
    deep: bool
    unnamed: set[str]
    """Files listed, without those that a row named so far."""


def verify(
    rows: Rows, disks: Mapping[str, Disk], clock: Clock, deep: bool = False, progress: Progress | None = None
) -> Report:
    """`disks`: the volumes that are there, by id. `deep`: read every byte. Raises StoreError when the database cannot be read."""
    told = progress or (lambda _done, _all: None)
    report = Report()
    totals = rows.totals()
    _absent(report, totals, disks)
    expected, done = sum(total.files for place, total in totals.items() if place[2] in disks), 0
    for id, disk in disks.items():
        volume = _Volume(id, disk, rows, clock, deep, _listed(report, id, disk))
        for segment in rows.all(id):
            report.rows += 1
            report.files += segment.path in volume.unnamed
            report.bytes += segment.size
            report.problems += [problem for problem in _row(volume, segment) if _again(volume, problem)]
            done += 1
            told(done, max(expected, done))
        _unnamed(volume, report)
    report.problems += ledger.check(rows)
    return report


def _absent(report: Report, totals: Mapping[tuple[str, str, str], Total], disks: Mapping[str, Disk]) -> None:
    missing: dict[str, int] = {}
    for (_camera, _stream, volume), total in totals.items():
        if volume not in disks:
            missing[volume] = missing.get(volume, 0) + total.files
    for volume, count in missing.items():
        words = f"the volume is not there: its {count} files were not looked at"
        report.problems.append(Problem(Kind.VOLUME, volume, "", words))


def _listed(report: Report, volume: str, disk: Disk) -> set[str]:
    try:
        return set(disk.names())
    except StoreError as error:
        report.problems.append(Problem(Kind.VOLUME, volume, "", f"cannot be listed: {error}"))
        return set()


# --- a row and its file ----------------------------------------------------------------------------------------------------


def _row(volume: _Volume, segment: Segment) -> Iterator[Problem]:
    def problem(kind: Kind, text: str) -> Problem:
        return Problem(kind, volume.id, segment.path, text, segment)

    volume.unnamed.discard(segment.path)
    place = place_of(segment.path)
    if place is None or place.key != recordings.key(segment):
        other = volume.rows.of(volume.id, segment.path)
        words = f"a row of {segment.camera}/{segment.stream} {segment.seq} names this file"
        yield problem(Kind.DOUBLE, f"{words} too") if other else problem(Kind.MISPLACED, words)
        return
    if segment.start > volume.clock.now() + AHEAD_US:
        yield problem(Kind.FUTURE, "is from a time that has not come yet")
    try:
        size = volume.disk.size(segment.path)
    except StoreError as error:
        yield problem(Kind.UNREADABLE, str(error))
        return
    if size is None:
        yield problem(Kind.MISSING, "the file is not there")
    elif size != segment.size:
        kind = Kind.SHORT if size < segment.size else Kind.LONGER
        yield problem(kind, f"has {size} bytes, its row says {segment.size}")
    elif volume.deep:
        yield from (problem(kind, text) for kind, text in _contents(volume.disk, segment))


def _contents(disk: Disk, segment: Segment) -> Iterator[tuple[Kind, str]]:
    """What is wrong inside a file of the right size."""
    try:
        digest = sha256_of(reader(disk, segment.path), segment.size) if segment.sha256 else ""
        as_written = digest == segment.sha256 != ""
        found = inspect(reading(disk, segment.path), segment.size, deep=not as_written)
    except FileNotFoundError:
        yield Kind.MISSING, "the file is not there"
        return
    except StoreError as error:
        yield Kind.UNREADABLE if unread(error) else Kind.DAMAGED, str(error)
        return
    if digest and not as_written:
        yield Kind.DAMAGED, "its SHA-256 is not the one it was written with"
    elif not segment.sha256 and found.media_to < segment.media_to:
        yield Kind.DAMAGED, f"is whole only up to byte {found.media_to} of {segment.media_to}"
    whose = (found.head.camera, found.head.stream, found.head.seq)
    if whose != recordings.key(segment):
        yield Kind.MISPLACED, f"holds footage of {whose[0]}/{whose[1]} {whose[2]}"
    elif found.media_to >= segment.media_to and (words := differs(found, segment)):
        yield Kind.ROW, words


def differs(found: SegmentFile, segment: Segment) -> str:
    """What of a row is not as in its file; empty when it describes it. Its start may have been put right since (rel:T30)."""
    length, told = found.end - found.start, segment.end - segment.start
    if abs(length - told) > SAME_US:
        return f"lasts {length / US_PER_S:.3f} s, its row says {told / US_PER_S:.3f} s"
    if not segment.boot and segment.start != found.start:
        return "begins at another time than its row says"
    if (found.media_from, found.media_to) != (segment.media_from, segment.media_to):
        return "its fragments do not lie where its row says"
    if found.index != segment.index or found.setup != segment.setup or found.frames != segment.frames:
        return "holds other pictures than its row says"
    return ""


def reading(disk: Disk, name: str, ahead: int = 4096) -> Callable[[int, int], bytes]:
    """For `inspect`: small reads beside one another become one."""
    block, begins = b"", 0

    def read(offset: int, size: int) -> bytes:
        nonlocal block, begins
        if not begins <= offset <= offset + size <= begins + len(block):
            if size > ahead:
                return disk.read(name, offset, size)
            block, begins = disk.read(name, offset, ahead), offset
        return block[offset - begins : offset - begins + size]

    return read


# --- what no row named, and looking again ---------------------------------------------------------------------------------


def _unnamed(volume: _Volume, report: Report) -> None:
    waiting = []
    for name in sorted(volume.unnamed):
        place = place_of(name)
        report.files += place is not None and place.finished
        if name == IDENTITY:
            continue
        if place is None:
            report.foreign += 1
            if report.foreign <= FOREIGN_SHOWN:
                report.problems.append(Problem(Kind.FOREIGN, volume.id, name, "is not ours and is left alone"))
        elif place.finished:
            waiting.append(Problem(Kind.ORPHAN, volume.id, name, "is footage without a row"))
        else:
            waiting.append(Problem(Kind.LEFTOVER, volume.id, name, "was interrupted and never taken over"))
    if waiting:
        volume.clock.wait(SETTLE_S)
    for problem in waiting:
        if problem.kind is Kind.LEFTOVER and volume.disk.busy(problem.path):
            report.busy += 1
        elif _again(volume, problem):
            report.problems.append(problem)


def _again(volume: _Volume, problem: Problem) -> bool:
    """Whether it still is so: rows and files come and go meanwhile."""
    disk = volume.disk
    if problem.kind is Kind.ORPHAN:
        row = volume.rows.of(volume.id, problem.path)
        # With its `.part` beside it, it is that which is told.
        return row is None and disk.size(problem.path) is not None and disk.size(part_of(problem.path)) is None
    if problem.kind is Kind.LEFTOVER:
        return disk.size(problem.path) is not None
    segment = problem.segment
    assert segment is not None
    row = volume.rows.same(segment)
    if row is None or row.path != segment.path:
        return False
    return problem.kind is not Kind.MISSING or disk.size(segment.path) is None
