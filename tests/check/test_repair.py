"""rel:T09: `--repair` makes database and files agree again and never deletes footage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from redshank.check.problem import Kind
from redshank.check.repair import BRAKE, Done, repair
from redshank.check.verify import verify
from redshank.clock import US_PER_S
from redshank.model import GapReason, Segment
from redshank.store import recordings
from tests.check import test_verify as harms
from tests.check.recorded import FIRST, Recorded, segment_bytes


def repaired(site: Recorded, accept_loss: bool = False) -> list[Done]:
    return list(
        repair(site.rows_of, site.disks, verify(site.rows_of, site.disks, site.clock, True).problems, accept_loss)
    )


def left(site: Recorded) -> list[Kind]:
    return [problem.kind for problem in verify(site.rows_of, site.disks, site.clock, deep=True).problems]


def seconds(site: Recorded, reason: GapReason) -> float:
    return sum((end or start) - start for start, end, why in site.gaps() if why is reason) / US_PER_S


REPAIRED = [
    (harms.delete, [], 30.0),
    (harms.cut, [], 0.0),
    (harms.lengthen, [], 0.0),
    (harms.flip, [Kind.DAMAGED], 0.0),
    (harms.forget, [], 0.0),
    (harms.leave_over, [], 0.0),
    (harms.name_twice, [], 0.0),
    (harms.name_other, [], 0.0),
    (harms.call_other_camera, [Kind.ORPHAN], 30.0),
    (harms.shorten_row, [], 0.0),
    (harms.gap_over, [], 0.0),
]


@pytest.mark.parametrize(("harm", "stays", "lost_s"), REPAIRED, ids=[harm.__name__ for harm, _stays, _lost in REPAIRED])
def test_a_repair_makes_rows_and_files_agree(
    harm: Callable[[Recorded, Segment], None], stays: list[Kind], lost_s: float, site: Recorded
) -> None:
    harm(site, site.record(6)[2])
    before = site.files()
    repaired(site)
    assert left(site) == stays
    assert {name: data for name, data in site.files().items() if name in before} == {
        name: data for name, data in before.items() if not name.endswith(".part")
    }
    assert seconds(site, GapReason.LOST) == lost_s
    assert site.store.read(recordings.deletions) == []


def test_a_cut_file_is_described_as_far_as_it_is_whole(site: Recorded) -> None:
    """Cut in the middle: the row ends there, the rest is lost, and the file stays as it was found."""
    one = site.record(3)[1]
    data = site.path(one).read_bytes()
    site.path(one).write_bytes(data[: len(data) // 2])
    repaired(site)
    row = site.rows()[1]
    assert row.end < one.end
    assert row.sha256 == ""
    assert site.gaps() == [(row.end, one.end, GapReason.LOST)]
    assert site.path(one).read_bytes() == data[: len(data) // 2]
    assert left(site) == []


def test_damaged_footage_stays_and_is_no_longer_vouched_for(site: Recorded) -> None:
    one = site.record(3)[1]
    harms.flip(site, one)
    repaired(site)
    assert site.rows()[1] == replace(one, sha256="")
    assert [done.text for done in repaired(site)] == ["kept, marked as damaged already"]


def test_footage_with_a_future_time_is_left_for_the_clock(site: Recorded) -> None:
    harms.date_ahead(site, site.record(3)[1])
    assert [(done.problem.kind, done.repaired) for done in repaired(site)] == [(Kind.FUTURE, False)]


def test_files_of_others_are_never_touched(site: Recorded) -> None:
    """rel:T49: neither with a name like ours."""
    site.record(2)
    ours_by_name = f"porch/main/2026-01-01/00/00.00-{FIRST + 50}.mp4"
    site.put(ours_by_name, b"a film about birds")
    site.put("holiday.mp4", b"mine")
    before = site.files()
    assert not any(done.repaired for done in repaired(site))
    assert site.files() == before


def test_a_second_copy_never_takes_the_place_of_the_first(site: Recorded) -> None:
    one = site.record(3)[1]
    copy = f"porch/main/2020-01-01/00/00.00-{one.seq}.mp4"
    site.put(copy, site.path(one).read_bytes())
    assert [done.repaired for done in repaired(site)] == [False]
    assert site.rows()[1] == one


def test_an_emptied_disk_does_not_empty_the_database(site: Recorded) -> None:
    """rel:T11: files that are all gone at once were hardly deleted on purpose."""
    for one in site.record(BRAKE + 20):
        site.path(one).unlink()
    done = repaired(site)
    assert not any(one.repaired for one in done)
    assert "--accept-loss" in done[0].text
    assert len(site.rows()) == BRAKE + 20
    repaired(site, accept_loss=True)
    assert site.rows() == []
    assert len(site.gaps()) == 1


def test_a_repair_with_a_clock_put_right_keeps_it_right(site: Recorded) -> None:
    """rel:T30: the row had been moved by an hour; the file did not know."""
    one = site.record(1)[0]
    moved = replace(one, start=one.start - 3600 * US_PER_S, end=one.end - 3600 * US_PER_S)
    site.store.write(lambda conn: recordings.add(conn, moved)).result()
    harms.lengthen(site, moved)
    repaired(site)
    assert [(row.start, row.end) for row in site.rows()] == [(moved.start, moved.end)]


def test_what_a_crash_left_is_taken_over(site: Recorded) -> None:
    segments = site.record(2)
    whole = segment_bytes(harms.head(start=segments[-1].end))
    part = f"porch/main/2026-01-01/00/00.00-{FIRST + 500_000}.part"
    site.put(part, whole[: len(whole) - 400])
    repaired(site)
    assert not (site.root / part).exists()
    assert len(site.rows()) == 3
    assert left(site) == []
