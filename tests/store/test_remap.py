"""Footage of a wrong clock is moved to its place."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from redshank.model import Gap, GapReason, Segment
from redshank.store import gaps, recordings
from redshank.store.remap import remap
from tests.store.ledger import Row, as_rows, check, segment

DOOR = ("door", "main")
HOUR = 3600
FAR = 50_000_000
"""A time long after, as 2026 is after 1970."""


def shot(conn: Connection) -> list[tuple[int, int, int]]:
    rows = recordings.span(conn, *DOOR, -FAR, 2 * FAR)
    return [(one.seq, one.start, one.end) for one in rows]


def told(conn: Connection) -> list[Row]:
    return as_rows(gaps.span(conn, *DOOR, -FAR, 2 * FAR))


def put(conn: Connection, *rows: Segment) -> None:
    for row in rows:
        recordings.add(conn, row, GapReason.RESTART)


def test_a_boot_at_1970_is_moved_behind_what_was_before_it(empty: Connection) -> None:
    """rel:T30."""
    put(empty, segment(1, FAR, FAR + 30, boot="a"))
    put(empty, segment(2, 0, 30), segment(3, 30, 60))
    gaps.add(empty, Gap(*DOOR, 60, 70, GapReason.STALLED))
    put(empty, segment(4, 70, 100))
    put(empty, segment(5, FAR + 600, FAR + 630))
    assert remap(empty, "boot", 0, FAR + 500) == 3
    assert shot(empty) == [
        (1, FAR, FAR + 30), (2, FAR + 500, FAR + 530), (3, FAR + 530, FAR + 560), (4, FAR + 570, FAR + 600),
        (5, FAR + 600, FAR + 630),
    ]  # fmt: skip
    assert told(empty) == [
        (FAR + 30, FAR + 500, GapReason.RESTART), (FAR + 560, FAR + 570, GapReason.STALLED)
    ]  # fmt: skip
    assert recordings.deletions(empty) == []
    assert recordings.totals(empty) == {(*DOOR, "disk"): (5, 15, FAR, FAR + 630)}


def test_a_clock_put_back_an_hour_moves_what_was_recorded_before(empty: Connection) -> None:
    """rel:T30."""
    put(empty, segment(1, HOUR, HOUR + 30), segment(2, HOUR + 30, HOUR + 60), segment(3, 65, 95))
    assert remap(empty, "boot", HOUR, 0) == 2
    assert shot(empty) == [(1, 0, 30), (2, 30, 60), (3, 65, 95)]
    assert told(empty) == [(60, 65, GapReason.CLOCK)]


def test_a_clock_put_forward_leaves_the_hole_before_with_its_reason(empty: Connection) -> None:
    """rel:T30."""
    put(empty, segment(1, 0, 30, boot="a"), segment(2, 40, 70), segment(3, HOUR + 70, HOUR + 100))
    assert remap(empty, "boot", 0, HOUR) == 1
    assert shot(empty) == [(1, 0, 30), (2, HOUR + 40, HOUR + 70), (3, HOUR + 70, HOUR + 100)]
    assert told(empty) == [(30, HOUR + 40, GapReason.RESTART)]


def test_a_gap_that_goes_on_moves_along(empty: Connection) -> None:
    put(empty, segment(1, 0, 30))
    gaps.open_(empty, *DOOR, 30, GapReason.OFFLINE)
    remap(empty, "boot", 0, HOUR)
    assert told(empty) == [(HOUR + 30, None, GapReason.OFFLINE)]


def test_what_retention_left_before_moves_along(empty: Connection) -> None:
    put(empty, segment(1, 0, 30), segment(2, 30, 60))
    recordings.remove(empty, [(*DOOR, 1)])
    remap(empty, "boot", 0, HOUR)
    assert told(empty) == [(HOUR, HOUR + 30, GapReason.EXPIRED)]


def test_each_file_tells_by_itself_whether_it_is_of_the_old_clock(empty: Connection) -> None:
    """What was begun after the step and before anybody saw it is right already; what a camera still sent on its old timeline after
    the step is not."""
    put(empty, segment(1, 0, 30), segment(3, 60, 90, mono_ns=60_000))
    put(empty, segment(2, HOUR + 30, HOUR + 60, mono_ns=30_000))
    assert remap(empty, "boot", 0, HOUR) == 2
    assert shot(empty) == [(1, HOUR, HOUR + 30), (2, HOUR + 30, HOUR + 60), (3, HOUR + 60, HOUR + 90)]
    assert told(empty) == []


def test_retention_looks_again_and_other_boots_stay(empty: Connection) -> None:
    """rel:T30: nothing is deleted for the old time."""
    put(empty, segment(1, 0, 30), replace(segment(2, 40, 70), boot="other"))
    recordings.set_due(empty, {(*DOOR, 1): 5, (*DOOR, 2): 5})
    assert remap(empty, "boot", 0, HOUR) == 1
    assert [one.seq for one in recordings.due(empty, 10 * HOUR, 10)] == [2]
    assert [one.seq for one in recordings.undecided(empty, 10)] == [1]
    assert remap(empty, "boot", 7, 7) == remap(empty, "nothing", 0, 5) == 0


def test_a_gap_stays_where_footage_that_does_not_move_reaches_it(empty: Connection) -> None:
    """The clock was set back before: what moves and what stays lie over one another."""
    put(empty, segment(1, 0, 40), segment(2, 30, 50, mono_ns=29_000))
    gaps.add(empty, Gap(*DOOR, 50, 60, GapReason.OFFLINE))
    remap(empty, "boot", 0, 1)
    assert shot(empty) == [(1, 1, 41), (2, 30, 50)]
    assert told(empty) == [(50, 60, GapReason.OFFLINE)]


LAYOUT = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 9), st.sampled_from("ab"), st.booleans()), max_size=10)
LATER = st.lists(
    st.tuples(st.integers(0, 150), st.integers(1, 20), st.sampled_from([GapReason.OFFLINE, GapReason.PRIVATE])),
    max_size=4,
)


@example(
    [(0, 1, "a", False)] * 4 + [(0, 1, "a", True), (0, 1, "a", False), (9, 9, "a", False), (12, 9, "a", False)],
    [(0, 6, GapReason.OFFLINE)],
    1,
    None,
)
@settings(max_examples=150, deadline=None)
@given(LAYOUT, LATER, st.integers(-150, 150), st.none() | st.integers(0, 150))
def test_wherever_footage_is_moved_nothing_goes_and_the_ledger_is_whole(
    memory: Engine,
    layout: list[tuple[int, int, str, bool]],
    later: list[tuple[int, int, GapReason]],
    shift: int,
    open_at: int | None,
) -> None:
    with memory.connect() as conn:
        time = 0
        for seq, (pause, length, boot, back) in enumerate(layout):
            time += pause - 40 * back
            mono_ns = 1000 * (time - (0 if seq < 7 else shift))
            recordings.add(conn, segment(seq, time, time + length, boot=boot, mono_ns=mono_ns), GapReason.UNKNOWN)
            time += length
        for start, length, reason in later:
            gaps.add(conn, Gap(*DOOR, start, start + length, reason))
        if open_at is not None:
            gaps.open_(conn, *DOOR, open_at, GapReason.OFFLINE)
        before = {one.seq: one for one in recordings.span(conn, *DOOR, -FAR, FAR)}
        count = remap(conn, "a", 0, shift)
        after = recordings.span(conn, *DOOR, -FAR, FAR)
        moved = {seq for seq, one in before.items() if one.boot == "a" and seq < 7} if shift else set()
        assert count == len(moved)
        for one in after:
            by = shift if one.seq in moved else 0
            assert replace(one, start=one.start - by, end=one.end - by) == before[one.seq]
        assert len(after) == len(before)
        check(after, gaps.span(conn, *DOOR, -FAR, FAR))
        sums = recordings.totals(conn).values()
        assert [(total.first, total.last) for total in sums] == (
            [(min(one.start for one in after), max(one.end for one in after))] if after else []
        )
        conn.rollback()
