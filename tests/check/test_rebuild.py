"""rel:T10: without a database the index comes back from the files, and nothing is deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redshank.check.rebuild import BATCH, rebuild
from redshank.check.verify import verify
from redshank.clock import NS_PER_S, US_PER_S
from redshank.disk_os import OsDisk
from redshank.errors import StoreError
from redshank.media.segment import SegmentHead
from redshank.model import SITE, GapReason
from tests.check.recorded import FIRST, LENGTH_S, VOLUME, Recorded, segment_bytes

HOUR_US = 3600 * US_PER_S


def test_every_row_comes_back_without_a_database(site: Recorded) -> None:
    site.record(20)
    site.record(20, stream="sub")
    before = site.files()
    site.new_database()
    found = rebuild(site.rows_of, site.disks, clock=site.clock)
    assert site.files() == before
    assert site.rows() == [
        replace(one, sha256="") for one in sorted(site.segments, key=lambda s: (s.camera, s.stream, s.seq))
    ]
    assert (found.files, found.added, found.known, found.problems) == (40, 40, 0, [])
    assert found.footage_us == 40 * LENGTH_S * US_PER_S
    assert verify(site.rows_of, site.disks, site.clock, deep=True).problems == []


def test_doing_it_again_changes_nothing(site: Recorded) -> None:
    site.record(5)
    rows = site.rows()
    found = rebuild(site.rows_of, site.disks, clock=site.clock)
    assert (found.added, found.known) == (0, 5)
    assert site.rows() == rows


def test_a_hole_becomes_a_gap_nobody_can_explain(site: Recorded) -> None:
    segments = site.record(5)
    site.path(segments[2]).unlink()
    site.new_database()
    rebuild(site.rows_of, site.disks, clock=site.clock)
    assert site.gaps() == [(segments[2].start, segments[2].end, GapReason.UNKNOWN)]


def test_files_that_meet_leave_no_gap_of_microseconds(site: Recorded) -> None:
    """A file counts 1/90,000 s: its end is some µs beside the next one's start."""
    start, step = 10**15, LENGTH_S * US_PER_S
    for n, at in enumerate((start, start + step + 5, start + 2 * step + 3)):
        site.file(SegmentHead(SITE, "porch", "main", FIRST + n, 1, VOLUME, at, 0, ""))
    rebuild(site.rows_of, site.disks, clock=site.clock)
    assert site.gaps() == []
    assert [row.end for row in site.rows()[:2]] == [row.start for row in site.rows()[1:]]


def test_what_a_crash_left_is_taken_over(site: Recorded) -> None:
    """Interrupted footage, footage linked but not yet known, and a file being written now."""
    segments = site.record(2)
    whole = segment_bytes(
        SegmentHead(SITE, "porch", "main", FIRST + 2, 1, VOLUME, segments[1].end, 3 * LENGTH_S * NS_PER_S, "boot-1")
    )
    cut = f"porch/main/2026-01-01/00/00.00-{FIRST + 2}.part"
    site.put(cut, whole[:-400])
    linked = segments[1].path.replace(".mp4", ".part")
    site.disk.link(segments[1].path, linked)
    written = f"porch/main/2026-01-01/00/00.00-{FIRST + 3}.part"
    file = site.disk.create(written)
    site.new_database()
    found = rebuild(site.rows_of, site.disks, clock=site.clock)
    assert (found.added, found.adopted) == (3, 2)
    assert sorted(name for name in site.files() if name.endswith(".part")) == [written]
    assert len(site.rows()) == 3
    site.disk.close(file)


def test_files_of_others_are_left_alone(site: Recorded) -> None:
    """rel:T49: also those with a name like ours, of another camera, or of another site."""
    segments = site.record(1)
    start = segments[0].end
    site.put("holiday.mp4", b"mine")
    site.put(f"porch/main/2026-01-01/00/00.00-{FIRST + 50}.mp4", b"a film about birds")
    other = SegmentHead(SITE, "garden", "main", FIRST + 51, 1, VOLUME, start, 0, "boot-1")
    site.put(f"porch/main/2026-01-01/00/00.00-{FIRST + 51}.mp4", segment_bytes(other))
    theirs = replace(other, camera="porch", site="neighbour", seq=FIRST + 52)
    site.put(f"porch/main/2026-01-01/00/00.00-{FIRST + 52}.mp4", segment_bytes(theirs))
    before = site.files()
    site.new_database()
    found = rebuild(site.rows_of, site.disks, clock=site.clock)
    assert site.files() == before
    assert (found.added, len(found.problems)) == (1, 3)
    assert [row.seq for row in site.rows()] == [FIRST]


def test_footage_from_before_the_clock_was_set_gets_its_real_time(site: Recorded) -> None:
    """rel:T30: boot at 1970, an hour behind, a second behind; then the clock is set. Another boot is another matter."""
    right = 1_767_225_600 * US_PER_S
    wrong = [
        1000 * US_PER_S,
        right - HOUR_US + 60 * US_PER_S,
        right - 1 * US_PER_S + 90 * US_PER_S,
        right + 120 * US_PER_S,
    ]
    heads = [
        SegmentHead(SITE, "porch", "main", FIRST + n, 1, VOLUME, start, (n + 1) * LENGTH_S * NS_PER_S, "boot-1")
        for n, start in enumerate(wrong)
    ]
    heads.append(
        SegmentHead(SITE, "porch", "main", FIRST + 9, 1, VOLUME, right - 86_400 * US_PER_S, 5 * NS_PER_S, "boot-0")
    )
    for head in heads:
        site.file(head)
    found = rebuild(site.rows_of, site.disks, clock=site.clock)
    step = LENGTH_S * US_PER_S
    assert found.moved == 3
    assert [row.start for row in site.rows()] == [
        *(right + 120 * US_PER_S - n * step for n in (3, 2, 1, 0)),
        heads[-1].start,
    ]


def test_a_volume_from_elsewhere_is_known_under_its_own_id(site: Recorded) -> None:
    """Its files may name a volume they were copied from."""
    site.file(SegmentHead(SITE, "porch", "main", FIRST, 1, "volume-0", 10**15, 1, "boot-1"))
    rebuild(site.rows_of, site.disks, clock=site.clock)
    assert [row.volume for row in site.rows()] == [VOLUME]


class Failing(OsDisk):
    """A disk that cannot list one of its folders."""

    def names(self, folder: str = "") -> Iterator[str]:
        yield from ()
        raise StoreError("the device reports an error")


def test_a_volume_that_fails_does_not_stop_the_others(site: Recorded) -> None:
    site.record(3)
    site.new_database()
    failing = Failing(site.root)
    found = rebuild(site.rows_of, {"volume-0": failing, **site.disks}, clock=site.clock)
    failing.shut()
    assert found.problems == ["volume-0: the device reports an error"]
    assert (found.added, len(site.rows())) == (3, 3)


def test_what_is_committed_stays_when_it_is_broken_off(site: Recorded) -> None:
    """Rows go in batches, in the order of time, while files are read."""
    site.record(BATCH + 20)
    site.new_database()

    def stop(done: int, steps: int) -> None:
        if done == steps - 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(site.rows_of, site.disks, stop, site.clock)
    assert [row.seq for row in site.rows()] == [one.seq for one in site.segments[:BATCH]]
    assert rebuild(site.rows_of, site.disks, clock=site.clock).added == 20
    assert site.gaps() == []


def test_a_copy_of_known_footage_on_another_volume_is_told_and_stops_nothing(site: Recorded, tmp_path: Path) -> None:
    segments = site.record(3)
    copy = tmp_path / "copy"
    shutil.copytree(site.path(segments[0]).parents[4], copy)
    found = rebuild(site.rows_of, {"copy": OsDisk(copy)}, clock=site.clock)
    assert (found.added, len(found.problems)) == (0, 3)
    assert [row.volume for row in site.rows()] == [VOLUME] * 3
