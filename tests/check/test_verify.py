"""rel:T09: what is wrong is found, what is right is not accused, and nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from redshank.check.problem import Kind, Report
from redshank.check.verify import SETTLE_S, verify
from redshank.clock import US_PER_S, SystemClock
from redshank.media.segment import SegmentHead
from redshank.model import SITE, Gap, GapReason, Segment
from redshank.store import gaps, recordings
from tests.check.recorded import FIRST, LENGTH_S, VOLUME, Recorded, segment_bytes


def found(site: Recorded, deep: bool = False) -> Report:
    return verify(site.rows_of, site.disks, site.clock, deep)


def kinds(report: Report) -> list[tuple[str, str]]:
    return sorted((problem.kind.value, problem.path) for problem in report.problems)


def head(camera: str = "porch", stream: str = "main", seq: int = FIRST + 500_000, start: int = 0) -> SegmentHead:
    return SegmentHead(SITE, camera, stream, seq, 1, VOLUME, start, 0, "boot-1")


def put_row(site: Recorded, row: Segment) -> None:
    site.store.write(lambda conn: recordings.add(conn, row)).result()


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_right_is_not_accused(deep: bool, site: Recorded) -> None:
    site.record(8)
    site.record(8, stream="sub")
    report = found(site, deep)
    assert report.problems == []
    assert (report.files, report.rows) == (16, 16)
    assert report.bytes == sum(one.size for one in site.segments)


def flip(site: Recorded, one: Segment) -> None:
    data = bytearray(site.path(one).read_bytes())
    data[one.media_from + 200] ^= 1
    site.path(one).write_bytes(data)


def cut(site: Recorded, one: Segment) -> None:
    site.path(one).write_bytes(site.path(one).read_bytes()[:-1])


def lengthen(site: Recorded, one: Segment) -> None:
    site.path(one).write_bytes(site.path(one).read_bytes() + b"x")


def delete(site: Recorded, one: Segment) -> None:
    site.path(one).unlink()


def forget(site: Recorded, one: Segment) -> None:
    site.store.write(lambda conn: recordings.remove(conn, [recordings.key(one)], GapReason.LOST)).result()


def name_twice(site: Recorded, one: Segment) -> None:
    put_row(site, replace(one, seq=one.seq + 500_000))


def name_other(site: Recorded, one: Segment) -> None:
    """The only row of this file says it is another camera's."""
    forget(site, one)
    put_row(site, replace(one, camera="garden"))


def call_other_camera(site: Recorded, one: Segment) -> None:
    """The file of another camera lies under this name."""
    other = replace(head("garden", seq=one.seq, start=one.start), mono_ns=one.mono_ns)
    data = segment_bytes(other)
    site.path(one).write_bytes(data)
    put_row(site, replace(one, size=len(data), sha256=""))


def date_ahead(site: Recorded, one: Segment) -> None:
    late = site.clock.now() + 86_400 * US_PER_S
    put_row(site, replace(one, start=late, end=late + LENGTH_S * US_PER_S))


def shorten_row(site: Recorded, one: Segment) -> None:
    put_row(site, replace(one, end=one.end - US_PER_S))


def gap_over(site: Recorded, one: Segment) -> None:
    """As a damaged database would have it: our own functions refuse to."""
    import sqlite3

    site.store.write(
        lambda conn: gaps.add(conn, Gap("porch", "main", one.start - 10**12, one.start - 10**12 + 1, GapReason.OFF))
    )
    site.store.write(lambda conn: None).result()
    with sqlite3.connect(site.store.path) as database:
        database.execute("UPDATE gaps SET start = ?, end = ? WHERE reason = 'off'", (one.start, one.start + 5_000_000))


def leave_over(site: Recorded, one: Segment) -> None:
    data = segment_bytes(head(start=one.start))
    site.put(f"porch/main/2026-01-01/00/00.00-{FIRST + 500_000}.part", data[: len(data) // 2])


DAMAGE: list[tuple[Callable[[Recorded, Segment], None], Kind, bool]] = [
    (delete, Kind.MISSING, False),
    (cut, Kind.SHORT, False),
    (lengthen, Kind.LONGER, False),
    (flip, Kind.DAMAGED, True),
    (forget, Kind.ORPHAN, False),
    (leave_over, Kind.LEFTOVER, False),
    (name_twice, Kind.DOUBLE, False),
    (name_other, Kind.MISPLACED, False),
    (call_other_camera, Kind.MISPLACED, True),
    (date_ahead, Kind.FUTURE, False),
    (shorten_row, Kind.ROW, True),
    (gap_over, Kind.GAP, False),
]


@pytest.mark.parametrize(("harm", "kind", "deep"), DAMAGE, ids=[harm.__name__ for harm, _kind, _deep in DAMAGE])
def test_every_kind_of_damage_is_found(
    harm: Callable[[Recorded, Segment], None], kind: Kind, deep: bool, site: Recorded
) -> None:
    """rel:T09, one at a time; nothing else is accused, and looking changes nothing."""
    harmed = site.record(6)[2]
    harm(site, harmed)
    files, rows, told = site.files(), site.rows(), site.gaps()
    assert {problem.kind for problem in found(site, deep=True).problems} == {kind}
    assert ({problem.kind for problem in found(site).problems} == {kind}) is not deep
    assert (site.files(), site.rows(), site.gaps()) == (files, rows, told)


def test_every_damage_at_once_is_found(site: Recorded) -> None:
    """rel:T09: 11 of 11 in one run, among 40 good ones."""
    segments = site.record(40)
    for number, (harm, _kind, _deep) in enumerate(DAMAGE):
        harm(site, segments[3 * number + 2])
    report = found(site, deep=True)
    assert sorted(problem.kind for problem in report.problems if problem.kind is not Kind.GAP) == sorted(
        kind for _harm, kind, _deep in DAMAGE if kind is not Kind.GAP
    )
    assert Kind.GAP in {problem.kind for problem in report.problems}


def test_files_of_others_are_told_and_are_no_fault(site: Recorded) -> None:
    """rel:T49."""
    site.record(2)
    (site.root / "holiday.mp4").write_bytes(b"mine")
    (site.root / "porch" / "main" / "notes.txt").write_bytes(b"mine")
    (site.root / "link.mp4").symlink_to("/etc/passwd")
    report = found(site)
    assert report.ok
    assert kinds(report) == [("foreign", "holiday.mp4"), ("foreign", "porch/main/notes.txt")]


def test_a_volume_that_is_not_there_is_one_fault_not_one_per_file(site: Recorded) -> None:
    site.record(5)
    report = verify(site.rows_of, {}, site.clock)
    assert [(p.kind, p.text) for p in report.problems] == [
        (Kind.VOLUME, "the volume is not there: its 5 files were not looked at")
    ]


def test_files_being_written_are_no_fault(site: Recorded) -> None:
    site.record(2)
    name = f"porch/main/2026-01-01/00/00.00-{FIRST + 500_000}.part"
    file = site.disk.create(name)
    site.disk.append(file, segment_bytes(head())[:2000])
    report = found(site)
    assert (report.problems, report.busy) == ([], 1)
    site.disk.close(file)
    assert kinds(found(site)) == [("leftover", name)]


def test_what_is_put_right_while_we_look_is_no_fault(site: Recorded) -> None:
    """A file closed a moment ago has no row yet, and its `.part` name is still there; then both change."""
    site.record(2)
    row = site.file(head(start=site.segments[-1].end))
    site.put(row.path.replace(".mp4", ".part"), site.path(row).read_bytes())

    class Committing(SystemClock):
        def wait(self, seconds: float) -> None:
            assert seconds == SETTLE_S
            put_row(site, row)
            site.disk.unlink(row.path.replace(".mp4", ".part"))

        def now(self) -> int:
            return site.clock.now()

    assert verify(site.rows_of, site.disks, Committing()).problems == []


def test_what_retention_takes_while_we_look_is_no_fault(site: Recorded) -> None:
    """The rows were read, then row and file went."""
    segments = site.record(4)

    class Deleting:
        """The disk, with retention at work when the first file is looked at."""

        def __getattr__(self, name: str) -> object:
            return getattr(site.disk, name)

        def size(self, name: str) -> int | None:
            if site.path(segments[3]).exists():
                keys = [recordings.key(one) for one in segments[2:]]
                site.store.write(lambda conn: recordings.remove(conn, keys)).result()
                for one in segments[2:]:
                    site.path(one).unlink()
            return site.disk.size(name)

    assert verify(site.rows_of, {VOLUME: Deleting()}, site.clock).problems == []  # type: ignore[dict-item]


def test_a_clock_that_was_put_right_is_no_fault(site: Recorded) -> None:
    """rel:T30: rows may say another time than their files."""
    one = site.record(3)[1]
    forget(site, one)
    for row in site.rows():
        forget(site, row)
    for row in site.segments:
        put_row(site, replace(row, start=row.start - 3600 * US_PER_S, end=row.end - 3600 * US_PER_S))
    assert found(site, deep=True).problems == []
