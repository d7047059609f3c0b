"""The index again, from the footage alone: for a database that was lost, or a volume that came from somewhere else.

    names → `.part` taken over → beginnings of what has no row yet → clocks put right → files read in the order of time → rows

Holes become gaps `unknown`. Running it again changes nothing; breaking it off loses nothing. Nothing is deleted but `.part` names, as
at every start. Hashes are not computed (that would read every byte); `verify --deep` checks such files by the checksums inside them.
One thread; blocks.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from sys import intern

from redshank.check.rows import Rows, joined
from redshank.check.verify import SETTLE_S, Progress, reading
from redshank.clock import US_PER_S, Clock, SystemClock
from redshank.disk import Disk
from redshank.errors import RedshankError
from redshank.media.adopt import adopt
from redshank.media.segment import SegmentHead
from redshank.media.segment_read import head_of, inspect
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
class _New:
    """A file without a row, as its beginning describes it: half a million of them are in memory at once."""

    camera: str
    stream: str
    start: int
    seq: int
    boot: str
    mono_ns: int
    volume: str
    name: str


def rebuild(
    rows: Rows, disks: Mapping[str, Disk], progress: Progress | None = None, clock: Clock = SystemClock()
) -> Rebuilt:
    """`disks`: the volumes to read, by id; one that fails is told among the problems, and the others are read. Raises StoreError when
    the database fails."""
    told = progress or (lambda _done, _all: None)
    index = _Index(rows, disks)
    names = [(volume, name) for volume in disks for name in sorted(index.names(volume))]
    if any(name.endswith(".part") for _volume, name in names):
        clock.wait(SETTLE_S)  # a recorder that has just closed a file is about to name it itself
    # Reading a file takes about as long as committing its row; both count as one step.
    steps = 2 * len(names)
    for done, (volume, name) in enumerate(names, 1):
        index.look_at(volume, name)
        told(done, steps)
    new = index.in_order()
    for begin in range(0, len(new), BATCH):
        index.take_in(new[begin : begin + BATCH])
        told(steps - max(0, len(new) - begin - BATCH), steps)
    told(steps, steps)
    return index.rebuilt


class _Index:
    """Two passes over the files: beginnings, by which clocks are put right and files brought in order, then each in whole."""

    def __init__(self, rows: Rows, disks: Mapping[str, Disk]) -> None:
        self.rebuilt = Rebuilt()
        self._rows = rows
        self._disks = disks
        self._new: list[_New] = []
        self._right: dict[str, tuple[int, int]] = {}
        """By boot: monotonic time and start of the footage recorded last."""
        self._starts: defaultdict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))
        """Of everything of a stream."""

    def names(self, volume: str) -> Iterator[str]:
        """Its files, as far as it can be listed."""
        with self._telling(volume):
            yield from _ours(self._disks[volume])

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Why something could not be taken in; the rest goes on."""
        try:
            yield
        except FileNotFoundError:
            pass  # retention, or another start, was quicker
        except RedshankError as error:
            self.rebuilt.problems.append(f"{what}: {error}")

    def look_at(self, volume: str, name: str) -> None:
        """The first pass."""
        known, disk = self._rows.of(volume, finished_name(name)), self._disks[volume]
        self.rebuilt.files += 1
        with self._telling(name):
            if known is not None and disk.size(finished_name(name)) == known.size:
                self.rebuilt.known += 1
                _latest(self._right, known.boot, known.mono_ns, known.start)
                self._starts[known.camera, known.stream].append(known.start)
            elif (head := _beginning(disk, name)) is not None and (head := self._own(name, head)) is not None:
                _latest(self._right, head.boot, head.mono_ns, head.start)
                camera, stream, boot = intern(head.camera), intern(head.stream), intern(head.boot)
                one = _New(camera, stream, head.start, head.seq, boot, head.mono_ns, volume, name)
                self._new.append(one)

    def _own(self, name: str, head: SegmentHead) -> SegmentHead | None:
        """None, with the reason among the problems, when it is nothing of ours."""
        place = place_of(name)
        assert place is not None
        if head.site == self._rows.site and (head.camera, head.stream, head.seq) == place.key:
            return head
        self.rebuilt.problems.append(f"{name}: holds footage of {head.camera}/{head.stream} {head.seq}; left alone")
        return None

    def in_order(self) -> list[_New]:
        """What the first pass found, in the order of time, once every boot's last footage is known."""
        new = [
            replace(one, start=one.start + _shift(self._right, one.boot, one.mono_ns, one.start)) for one in self._new
        ]
        self._new.clear()
        for one in new:
            self._starts[one.camera, one.stream].append(one.start)
        self._starts = defaultdict(
            lambda: array("q"), {whose: array("q", sorted(a)) for whose, a in self._starts.items()}
        )
        return sorted(new, key=lambda one: (one.camera, one.stream, one.start, one.seq))

    def take_in(self, batch: Sequence[_New]) -> None:
        """The second pass: one transaction. Raises StoreError when the database fails."""
        found: list[tuple[_New, Segment]] = []
        for one in batch:
            with self._telling(one.name):
                row = _described(self._disks[one.volume], one.name)
                if row is not None:
                    moved = replace(row, volume=one.volume, start=one.start, end=row.end + one.start - row.start)
                    self.rebuilt.moved += moved.start != row.start
                    found.append((one, joined(moved, self._starts[one.camera, one.stream])))
        writes = [
            (one, row, self._rows.store.write(partial(recordings.add, segment=row, site=self._rows.site)))
            for one, row in found
        ]
        for one, row, write in writes:
            try:
                write.result()
            except recordings.Refused as error:
                self.rebuilt.problems.append(f"{one.name}: {error}")
                continue
            self.rebuilt.added += 1
            self.rebuilt.footage_us += row.end - row.start
            if one.name.endswith(".part"):
                self.rebuilt.adopted += 1
                with self._telling(one.name):
                    self._disks[one.volume].unlink(one.name)


def _ours(disk: Disk) -> Iterator[str]:
    """Finished files, and interrupted ones instead of their finished twin."""
    names = {name for name in disk.names() if place_of(name) is not None}
    for name in names:
        if name.endswith(".mp4") and part_of(name) in names:
            continue
        if name.endswith(".mp4") or not disk.busy(name):
            yield name


def _beginning(disk: Disk, name: str) -> SegmentHead | None:
    """What a file says of itself; an interrupted one is made whole first. None: it is gone, or there was nothing in it."""
    if name.endswith(".part") and disk.size(name) is not None and adopt(disk, name) is None:
        return None
    name = finished_name(name)
    size = disk.size(name)
    return None if size is None else head_of(reading(disk, name), size)


def _described(disk: Disk, name: str) -> Segment | None:
    """The row of a file."""
    if name.endswith(".part") and disk.size(name) is not None:
        return adopt(disk, name)
    name = finished_name(name)
    size = disk.size(name)
    return None if size is None else inspect(reading(disk, name), size).row(name, size, "")


# --- clocks ------------------------------------------------------------------------------------------------------------------


def _latest(right: dict[str, tuple[int, int]], boot: str, mono_ns: int, start: int) -> None:
    """By boot, the footage recorded last: by then the clock had been set if it ever was (rel:T30)."""
    if boot and mono_ns and start >= SANE_US and (boot not in right or mono_ns > right[boot][0]):
        right[boot] = mono_ns, start


def _shift(right: Mapping[str, tuple[int, int]], boot: str, mono_ns: int, start: int) -> int:
    """Where the monotonic clock says that the wall clock was set afterwards: how far the real time is from the one told, in µs."""
    if boot not in right or not mono_ns:
        return 0
    latest_ns, latest = right[boot]
    shift = latest - start - (latest_ns - mono_ns) // 1000
    return shift if abs(shift) >= STEP_US else 0
