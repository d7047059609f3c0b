"""Make the database say again what the files hold. Footage is never deleted, moved or changed: only rows and gaps are.

    missing → row out, gap `lost` · short, longer, row → the row says what is whole in the file · damaged → kept, no longer vouched for
    orphan, leftover → row · double, misplaced → the wrong row out · gap → the ledger follows the footage
    unreadable, future, volume, foreign → left as they are

One thread; blocks. May run beside Redshank: each repair is one transaction that first looks whether the row is still the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from redshank.check.problem import Kind, Problem
from redshank.check.rows import Rows
from redshank.check.verify import reading
from redshank.disk import Disk
from redshank.errors import RedshankError
from redshank.media.adopt import adopt, reader, sha256_of
from redshank.media.segment_read import inspect
from redshank.model import Gap, GapReason, Segment
from redshank.names import finished_name, place_of
from redshank.store import gaps, recordings

BRAKE = 100
"""So many rows without a file may always go; more only when most of the volume's files are still there."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a problem."""

    problem: Problem
    text: str
    """What was done, or why nothing was."""
    repaired: bool


def repair(
    rows: Rows, disks: Mapping[str, Disk], problems: Sequence[Problem], accept_loss: bool = False
) -> Iterator[Done]:
    """One after the other. `accept_loss`: rows of missing files go, however many."""
    braked = set() if accept_loss else _braked(rows, problems)
    for problem in problems:
        if problem.kind is Kind.MISSING and problem.volume in braked:
            words = "left: most files of this volume are missing, so its disk is probably the wrong one or empty"
            yield Done(problem, f"{words}; if they are really gone: --accept-loss", False)
            continue
        try:
            yield _repair(rows, disks.get(problem.volume), problem)
        except (RedshankError, FileNotFoundError) as error:
            yield Done(problem, f"left: {error}", False)


def _braked(rows: Rows, problems: Sequence[Problem]) -> set[str]:
    missing = Counter(problem.volume for problem in problems if problem.kind is Kind.MISSING)
    known: Counter[str] = Counter()
    for (_camera, _stream, volume), total in rows.totals().items():
        known[volume] += total.files
    return {volume for volume, count in missing.items() if count > max(BRAKE, known[volume] // 2)}


def _repair(rows: Rows, disk: Disk | None, problem: Problem) -> Done:
    segment, kind = problem.segment, problem.kind
    if kind is Kind.GAP:
        return _settle(rows, problem)
    if disk is None or kind in (Kind.UNREADABLE, Kind.FUTURE, Kind.VOLUME, Kind.FOREIGN):
        return Done(problem, "left as it is", False)
    if kind in (Kind.ORPHAN, Kind.LEFTOVER):
        return _take_in(rows, disk, problem)
    assert segment is not None
    match kind:
        case Kind.MISSING | Kind.DOUBLE:
            return _forget(rows, problem, segment)
        case Kind.MISPLACED:
            done = _forget(rows, problem, segment)
            orphan = replace(problem, segment=None)
            return _take_in(rows, disk, orphan) if rows.of(problem.volume, problem.path) is None else done
        case Kind.DAMAGED:
            return _stop_vouching(rows, problem, segment)
        case _:
            return _describe(rows, disk, problem, segment)


def _forget(rows: Rows, problem: Problem, segment: Segment) -> Done:
    words = "its row is removed, the time is a gap: lost" if rows.forget(segment) else "was put right meanwhile"
    return Done(problem, words, True)


def _stop_vouching(rows: Rows, problem: Problem, segment: Segment) -> Done:
    """What is whole of it still plays; the hash no longer says that it is what was recorded."""
    if not segment.sha256:
        return Done(problem, "kept, marked as damaged already", False)
    rows.replace(replace(segment, sha256=""))
    return Done(problem, "kept and marked: it plays as far as it is whole, its hash is given up", True)


def _describe(rows: Rows, disk: Disk, problem: Problem, segment: Segment) -> Done:
    """The row says what is whole in the file."""
    size = disk.size(segment.path) or 0
    found = inspect(reading(disk, segment.path), size, deep=True)
    if (found.head.camera, found.head.stream, found.head.seq) != recordings.key(segment):
        return Done(problem, f"left: the file holds footage of {found.head.camera}/{found.head.stream}", False)
    digest = sha256_of(reader(disk, segment.path), size) if found.tail else ""
    row = found.row(segment.path, size, digest, segment.motion)
    shift = segment.start - row.start if segment.boot else 0
    row = replace(row, volume=segment.volume, start=row.start + shift, end=row.end + shift)
    rows.replace(rows.joined(row))
    words = f"its row now says what is whole: {(row.end - row.start) / 1e6:.1f} s"
    return Done(problem, words if found.tail else f"{words}; the rest is a gap: lost", True)


def _take_in(rows: Rows, disk: Disk, problem: Problem) -> Done:
    path = finished_name(problem.path)
    if problem.kind is Kind.LEFTOVER:
        row = adopt(disk, problem.path)
        if row is None:
            return Done(problem, "nothing in it was whole; removed, as at every start", True)
    else:
        size = disk.size(path) or 0
        row = inspect(reading(disk, path), size, deep=True).row(path, size, sha256_of(reader(disk, path), size))
    place = place_of(path)
    if place is None or recordings.key(row) != place.key:
        return Done(problem, f"left: it holds footage of {row.camera}/{row.stream} {row.seq}", False)
    row = rows.joined(replace(row, volume=problem.volume))
    known = rows.same(row)
    if known is not None and (known.volume, known.path) != (row.volume, row.path):
        return Done(problem, "left: another file is known as this footage; this is a second copy", False)
    rows.add(row)
    if problem.kind is Kind.LEFTOVER:
        disk.unlink(problem.path)
    return Done(problem, f"is known now: {(row.end - row.start) / 1e6:.1f} s of {row.camera}/{row.stream}", True)


def _settle(rows: Rows, problem: Problem) -> Done:
    """Footage wins over gaps; where neither is there is a gap nobody can explain."""
    assert problem.span is not None
    (start, end), (camera, _, stream) = problem.span, problem.path.partition("/")

    unknown, site = Gap(camera, stream, start, end, GapReason.UNKNOWN), rows.site
    rows.store.write(
        lambda conn: [
            *(
                gaps.shown(conn, camera, stream, *shot, site=site)
                for shot in gaps.footage(conn, camera, stream, start, end, site=site)
            ),
            gaps.fill(conn, unknown, site=site),  # type: ignore[func-returns-value]
        ]
    ).result()
    return Done(problem, "the ledger follows the footage", True)
