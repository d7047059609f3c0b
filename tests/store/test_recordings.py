"""Rows of segments: put in, found, judged, removed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from redshank.clock import US_PER_S
from redshank.model import Gap, GapReason, KeepClass
from redshank.store import alerts, events, gaps, recordings
from redshank.store.base import is_bug
from redshank.store.recordings import Deletion, Refused, Total
from tests.store.ledger import keys, segment
from tests.store.test_rows import ALERT, EVENT

DOOR = ("door", "main")


def test_a_segment_comes_back_as_it_was_added(empty: Connection) -> None:
    one = replace(segment(3 << 20, 10, 20), audio="aac", motion=None)
    recordings.add(empty, one)
    assert recordings.get(empty, *recordings.key(one)) == one
    assert recordings.by_path(empty, "disk", one.path) == one
    assert recordings.get(empty, *recordings.key(one), site="other") is None


@pytest.mark.parametrize(
    "path", ["", "door/main/1.mp4", "door/main/x/00.00-2.mp4", "door/main/2026-11-21/08/00.00-.mp4"]
)
def test_a_file_of_another_name_has_no_row(empty: Connection, path: str) -> None:
    recordings.add(empty, segment(1, 10, 20))
    assert recordings.by_path(empty, "disk", path) is None
    assert recordings.by_path(empty, "elsewhere", segment(1, 10, 20).path) is None


@pytest.mark.parametrize("end", [10, 9, 10 + gaps.LONGEST_US + 1])
def test_a_segment_without_length_or_longer_than_any_is_refused(empty: Connection, end: int) -> None:
    with pytest.raises(Refused, match=r"door/main/.*: a segment lasts up to 600 s, not"):
        recordings.add(empty, segment(1, 10, end))
    assert recordings.streams(empty) == []


@pytest.mark.parametrize(("volume", "path"), [("new", ""), ("disk", "door/main/2026-11-22/09/00.00-1.mp4")])
def test_a_file_never_takes_the_row_of_another(empty: Connection, volume: str, path: str) -> None:
    """Two databases gave the same number: the file that has a row keeps it, or nobody would ever find or delete it again."""
    one = segment(1, 10, 20)
    recordings.add(empty, one)
    with pytest.raises(Refused, match=r"its number is that of door/main/2026-11-21/08/00\.00-1\.mp4 on disk") as caught:
        recordings.add(empty, replace(one, start=30, end=40, volume=volume, path=path or one.path))
    assert is_bug(caught.value)  # nobody waits for a database that would take it
    assert recordings.page(empty, "disk") == [one]
    assert gaps.span(empty, *DOOR, 0, 100) == []


def test_a_span_and_an_instant_find_what_overlaps_them(empty: Connection) -> None:
    rows = [segment(1, 0, 10), segment(2, 10, 20), segment(3, 15, 25), segment(4, 30, 40)]
    for row in rows:
        recordings.add(empty, row)
    recordings.add(empty, segment(1, 0, 50, stream="sub"))
    assert recordings.span(empty, *DOOR, 10, 15) == rows[1:2]
    assert recordings.span(empty, *DOOR, 9, 31) == rows
    assert recordings.span(empty, *DOOR, 25, 30) == []
    assert [recordings.at(empty, *DOOR, time) for time in (0, 9, 10, 17, 25, 40)] == [
        rows[0], rows[0], rows[1], rows[2], None, None
    ]  # fmt: skip


def test_a_timeline_is_read_from_one_range_of_an_index(empty: Connection) -> None:
    plan = [
        " ".join(str(part) for part in row)
        for row in empty.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT start, \"end\", motion FROM segments WHERE site = 's' AND camera = 'c' AND stream = 'm' "
                'AND start > 1 AND start < 2 AND "end" > 1 ORDER BY start'
            )
        )
    ]
    assert len(plan) == 1
    assert "COVERING INDEX segments_by_time (site=? AND camera=? AND stream=? AND start>? AND start<?)" in plan[0]


def test_a_row_told_again_takes_the_place_of_the_first(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10))
    recordings.set_due(empty, {("door", "main", 1): 99})
    recordings.add(empty, replace(segment(1, 0, 8), size=7), GapReason.CORRUPT)
    assert recordings.totals(empty) == {("door", "main", "disk"): Total(1, 7, 0, 8)}
    assert gaps.span(empty, *DOOR, 0, 100) == [Gap(*DOOR, 8, 10, GapReason.CORRUPT)]
    assert [one.seq for one in recordings.undecided(empty, 10)] == [1]


def test_what_expires_waits_for_its_file_to_be_deleted(empty: Connection) -> None:
    one, two = segment(1, 0, 10), segment(2, 10, 20)
    for row in (one, two):
        recordings.add(empty, row)
    assert recordings.remove(empty, keys(1, 1, 7)) == [one]
    assert recordings.span(empty, *DOOR, 0, 100) == [two]
    assert recordings.deletions(empty) == recordings.deletions(empty, "disk") == [Deletion("disk", one.path, one.size)]
    assert recordings.deletions(empty, "other") == []
    recordings.deleted(empty, recordings.deletions(empty))
    assert recordings.deletions(empty) == []


def test_the_file_of_a_lost_segment_is_left_alone(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10))
    recordings.remove(empty, keys(1), GapReason.LOST)
    assert recordings.deletions(empty) == []
    assert gaps.span(empty, *DOOR, 0, 100) == [Gap(*DOOR, 0, 10, GapReason.LOST)]
    assert recordings.totals(empty) == {}


def test_a_file_that_has_a_row_again_is_not_deleted(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10))
    recordings.remove(empty, keys(1))
    recordings.add(empty, segment(1, 0, 10))
    assert recordings.deletions(empty) == []


def test_a_repaired_row_is_put_back_unless_it_was_removed_meanwhile(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10))
    assert recordings.replace_row(empty, segment(1, 0, 6))
    assert gaps.span(empty, *DOOR, 0, 100) == [Gap(*DOOR, 6, 10, GapReason.LOST)]
    recordings.remove(empty, keys(1))
    assert not recordings.replace_row(empty, segment(1, 0, 6))
    assert recordings.span(empty, *DOOR, 0, 100) == []


def test_totals_follow_over_volumes_and_streams(empty: Connection) -> None:
    for seq in range(1, 7):
        recordings.add(empty, segment(seq, 10 * seq, 10 * seq + 10, volume="ab"[seq % 2]))
    recordings.add(empty, segment(9, 0, 5, stream="sub", volume="a"))
    recordings.remove(empty, keys(1, 2, 6))
    assert recordings.totals(empty) == {
        ("door", "main", "a"): Total(1, 4, 40, 50),
        ("door", "main", "b"): Total(2, 8, 30, 60),
        ("door", "sub", "a"): Total(1, 9, 0, 5),
    }


def test_retention_sees_only_what_it_has_looked_at_oldest_due_first(empty: Connection) -> None:
    for seq in range(1, 6):
        recordings.add(empty, segment(seq, 10 * seq, 10 * seq + 10, volume="ab"[seq % 2]))
    recordings.set_due(
        empty, {("door", "main", 1): 500, ("door", "main", 2): 400, ("door", "main", 3): 600, ("x", "y", 1): 1}
    )
    assert [one.seq for one in recordings.due(empty, 500, 10)] == [2, 1]
    assert [one.seq for one in recordings.due(empty, 900, 1)] == [2]
    assert [one.seq for one in recordings.due(empty, 900, 10, "b")] == [1, 3]
    assert {one.seq for one in recordings.undecided(empty, 10)} == {4, 5}
    assert len(recordings.undecided(empty, 1)) == 1
    recordings.set_due(empty, {("door", "main", 2): None})
    assert [one.seq for one in recordings.due(empty, 900, 10)] == [1, 3]


def test_all_rows_of_a_volume_come_in_pages(empty: Connection) -> None:
    for camera in ("b", "a"):
        for seq in range(1, 5):
            recordings.add(empty, segment(seq, 10 * seq, 10 * seq + 10, camera, volume="xy"[seq == 4]))
    found, after = [], None
    while page := recordings.page(empty, "x", after, limit=2):
        assert len(page) <= 2
        found += [(one.camera, one.seq) for one in page]
        after = recordings.key(page[-1])
    assert found == [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)]


def test_motion_of_a_camera_is_kept_with_all_its_streams_and_never_lowered(empty: Connection) -> None:
    for stream in ("main", "sub"):
        for seq in (1, 2, 3):
            recordings.add(empty, segment(seq, 10 * seq, 10 * seq + 10, stream=stream, motion=None))
    recordings.add(empty, segment(1, 10, 20, camera="yard", motion=None))
    recordings.set_motion(empty, "door", 15, 25, 0.5)
    recordings.set_motion(empty, "door", 20, 40, 0.0)
    for stream in ("main", "sub"):
        assert [one.motion for one in recordings.span(empty, "door", stream, 0, 99)] == [0.5, 0.5, 0.0]
    assert recordings.span(empty, "yard", "main", 0, 99)[0].motion is None


def test_footage_is_kept_for_the_most_that_happened_in_it(empty: Connection) -> None:
    s = US_PER_S
    rows = [segment(n, 30 * n * s, 30 * (n + 1) * s) for n in range(8)]
    rows[1] = replace(rows[1], motion=0.2)
    rows[2] = replace(rows[2], motion=None)
    alerts.save(empty, replace(ALERT, opened=215 * s, closed=216 * s))
    alerts.save(empty, replace(ALERT, id="quiet", opened=10 * s, closed=11 * s, severity="quiet"))
    alerts.save(empty, replace(ALERT, id="yard", camera="yard", opened=10 * s, closed=11 * s))
    events.save(empty, replace(EVENT, start=125 * s, end=149 * s))
    events.save(empty, replace(EVENT, id="m", kind="motion", start=0, end=20 * s))
    want = ["continuous", "motion", "motion", "continuous", "detection", "continuous", "continuous", "alert"]
    assert recordings.classes(empty, rows, 0, 0) == [KeepClass(one) for one in want]
    want[3] = "detection"  # 125 s - 6 s
    want[5] = "detection"  # 149 s + 2 s
    want[6] = "alert"  # 215 s - 6 s
    assert recordings.classes(empty, rows, 6 * s, 2 * s) == [KeepClass(one) for one in want]
    assert recordings.classes(empty, rows[::-1], 6 * s, 2 * s) == [KeepClass(one) for one in want[::-1]]
    assert recordings.classes(empty, [], 0, 0) == []


def test_what_still_goes_on_keeps_all_since(empty: Connection) -> None:
    rows = [segment(n, 10 * n, 10 * n + 10) for n in range(3)]
    alerts.save(empty, replace(ALERT, state="open", opened=25, closed=None))
    events.save(empty, replace(EVENT, start=15, end=None))
    assert recordings.classes(empty, rows, 0, 0) == [KeepClass.CONTINUOUS, KeepClass.DETECTION, KeepClass.ALERT]


def test_the_classes_of_footage_are_told_by_an_index_alone(empty: Connection) -> None:
    plan = empty.execute(
        text(
            "EXPLAIN QUERY PLAN SELECT start, \"end\" FROM events WHERE site = 's' AND camera = 'c' AND kind = 'track' "
            'AND start < 9 AND ("end" IS NULL OR "end" >= 1)'
        )
    ).all()
    assert "COVERING INDEX events_spans" in str(plan)
