"""The index again, from the footage alone: for a database that was lost, or a volume that came from somewhere else.

    names → `.part` taken over → what has no row yet is read → clocks put right → rows, in the order of time, holes as gaps `unknown`

Running it again changes nothing; breaking it off loses nothing. Nothing is deleted but `.part` names, as at every start. Hashes are
not computed (that would read every byte); `verify --deep` checks such files by the checksums inside them. One thread; blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from sys import intern

from redshank.check.rows import Rows, joined
from redshank.check.verify import SETTLE_S, Progress, reading
from redshank.clock import US_PER_S, Clock, SystemClock
from redshank.disk import Disk
from redshank.errors import RedshankError
from redshank.media.adopt import adopt
from redshank.media.segment_read import inspect
from redshank.model import Segment
from redshank.names import finished_name, part_of, place_of
from redshank.store import recordings

BATCH = 100
"""Rows in one transaction: a running recorder waits for it at most."""
STEP_US = US_PER_S // 2
"""Wall clocks of one boot further apart than this were set in between."""
SANE_US = 1_577_836_800 * US_PER_S
"""2020-01-01: before it, no clock was right."""


@dataclass(slots=True)
class Rebuilt:
    """What was found."""

    files: int = 0
    known: int = 0
    """Of them, with a row already."""
    added: int = 0
    adopted: int = 0
    """Of those added, interrupted by a crash."""
    footage_us: int = 0
    """Of those added."""
    moved: int = 0
    """Of those added, recorded with a wrong clock that could be put right."""
    problems: list[str] = field(default_factory=list)
    """Files that could not be taken in; they stay where they are."""


@dataclass(frozen=True, slots=True)
class _Found:
    row: Segment
    part: str
    """Name to unlink once the row is committed; empty when there is none."""


def rebuild(
    rows: Rows, disks: Mapping[str, Disk], progress: Progress | None = None, clock: Clock = SystemClock()
) -> Rebuilt:
    """`disks`: the volumes to read, by id. Raises StoreError when database or volume fail altogether."""
    told = progress or (lambda _done, _all: None)
    rebuilt = Rebuilt()
    names = [(volume, name) for volume, disk in disks.items() for name in sorted(_ours(disk))]
    if any(name.endswith(".part") for _volume, name in names):
        clock.wait(SETTLE_S)  # a recorder that has just closed a file is about to name it itself
    # Reading a file takes about as long as committing its row; both count as one step.
    steps, found = 2 * len(names), list[_Found]()
    right: dict[str, Segment] = {}
    starts: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for done, (volume, name) in enumerate(names, 1):
        known = rows.of(volume, finished_name(name))
        rebuilt.files += 1
        if known is not None and disks[volume].size(finished_name(name)) == known.size:
            rebuilt.known += 1
            _latest(right, known)
            starts[known.camera, known.stream].append(known.start)
        elif (one := _read(disks[volume], volume, name, rows.site, rebuilt)) is not None:
            found.append(one)
            _latest(right, one.row)
        told(done, steps)
    found = _joined([replace(one, row=_put_right(one.row, right, rebuilt)) for one in found], starts)
    found.sort(key=lambda one: (one.row.camera, one.row.stream, one.row.start, one.row.seq))
    for begin in range(0, len(found), BATCH):
        _commit(rows, disks, found[begin : begin + BATCH])
        told(steps - len(found) + begin, steps)
    told(steps, steps)
    rebuilt.added = len(found)
    rebuilt.adopted = sum(bool(one.part) for one in found)
    rebuilt.footage_us = sum(one.row.end - one.row.start for one in found)
    return rebuilt


def _joined(found: Sequence[_Found], starts: defaultdict[tuple[str, str], list[int]]) -> list[_Found]:
    """What meets in the files meets in the rows. `starts`: of rows that are known, by stream."""
    for one in found:
        starts[one.row.camera, one.row.stream].append(one.row.start)
    for times in starts.values():
        times.sort()
    return [replace(one, row=joined(one.row, starts[one.row.camera, one.row.stream])) for one in found]


def _ours(disk: Disk) -> Iterable[str]:
    """Finished files, and interrupted ones instead of their finished twin."""
    names = {name for name in disk.names() if place_of(name) is not None}
    for name in names:
        if name.endswith(".mp4") and part_of(name) in names:
            continue
        if name.endswith(".mp4") or not disk.busy(name):
            yield name


def _read(disk: Disk, volume: str, name: str, site: str, rebuilt: Rebuilt) -> _Found | None:
    """What is to be added; None, with the reason among the problems, when it is nothing of ours."""
    place = place_of(name)
    assert place is not None
    try:
        row, whose = _described(disk, name)
    except FileNotFoundError:
        return None  # retention, or another start, was quicker
    except RedshankError as error:
        rebuilt.problems.append(f"{name}: {error}")
        return None
    if row is None:
        return None
    if whose not in ("", site) or recordings.key(row) != place.key:
        rebuilt.problems.append(f"{name}: holds footage of {row.camera}/{row.stream} {row.seq}; left alone")
        return None
    row = replace(row, volume=volume, camera=intern(row.camera), stream=intern(row.stream), boot=intern(row.boot))
    return _Found(row, "" if place.finished else name)


def _described(disk: Disk, name: str) -> tuple[Segment | None, str]:
    """The row of a file, and the site it says it belongs to."""
    if name.endswith(".part") and disk.size(name) is not None:
        return adopt(disk, name), ""
    name = finished_name(name)
    size = disk.size(name)
    if size is None:
        return None, ""
    found = inspect(reading(disk, name), size)
    return found.row(name, size, ""), found.head.site


def _commit(rows: Rows, disks: Mapping[str, Disk], batch: Sequence[_Found]) -> None:
    rows.store.write(
        lambda conn: [recordings.add(conn, one.row, site=rows.site) for one in batch]  # type: ignore[func-returns-value]
    ).result()
    for one in batch:
        if one.part:
            disks[one.row.volume].unlink(one.part)


# --- clocks ------------------------------------------------------------------------------------------------------------------


def _latest(right: dict[str, Segment], row: Segment) -> None:
    """By boot, the footage recorded last: by then the clock had been set if it ever was (rel:T30)."""
    if (
        row.boot
        and row.mono_ns
        and row.start >= SANE_US
        and (row.boot not in right or row.mono_ns > right[row.boot].mono_ns)
    ):
        right[row.boot] = row


def _put_right(row: Segment, right: Mapping[str, Segment], rebuilt: Rebuilt) -> Segment:
    """Where the monotonic clock says that the wall clock was set afterwards, the time at which it really was."""
    latest = right.get(row.boot)
    if latest is None or not row.mono_ns:
        return row
    shift = latest.start - row.start - (latest.mono_ns - row.mono_ns) // 1000
    if abs(shift) < STEP_US:
        return row
    rebuilt.moved += 1
    return replace(row, start=row.start + shift, end=row.end + shift)
