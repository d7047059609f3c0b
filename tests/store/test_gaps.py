"""The gap ledger held against a reference that knows every instant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from redshank.model import Gap, GapReason
from redshank.store import gaps, recordings
from tests.store.ledger import Ledger, Row, as_rows, check, keys, segment

DOOR = ("door", "main")
REASONS = st.sampled_from([GapReason.UNKNOWN, GapReason.OFFLINE, GapReason.PRIVATE])
TIMES = st.integers(0, 59)
SPANS = st.tuples(TIMES, st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
SEQS = st.integers(1, 12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), SEQS, SPANS, REASONS),
        st.tuples(st.just("remove"), st.lists(SEQS, max_size=4), st.sampled_from(["expired", "lost"])),
        st.tuples(st.just("gap"), SPANS, REASONS),
        st.tuples(st.just("open"), TIMES, REASONS),
        st.tuples(st.just("close"), TIMES),
    ),
    max_size=25,
)


def apply(conn: Connection, ledger: Ledger, step: tuple[object, ...]) -> None:
    """One step to the database and to the reference."""
    match step:
        case ("add", int(seq), (int(start), int(end)), GapReason() as reason):
            recordings.add(conn, segment(seq, start, end), reason)
            ledger.add(seq, start, end, reason)
        case ("remove", list(seqs), str(word)):
            recordings.remove(conn, keys(*seqs), GapReason(word))
            ledger.remove(seqs, GapReason(word))
        case ("gap", (int(start), int(end)), GapReason() as reason):
            gaps.add(conn, Gap(*DOOR, start, end, reason))
            ledger.tell_gap(start, end, reason)
        case ("open", int(start), GapReason() as reason):
            gaps.open_(conn, *DOOR, start, reason)
            ledger.open_(start, reason)
        case ("close", int(end)):
            gaps.close(conn, *DOOR, end)
            ledger.close(end)
        case _:
            raise AssertionError(step)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_every_instant_known_is_footage_or_one_gap_whatever_is_told_in_whatever_order(
    memory: Engine, steps: list[tuple[object, ...]]
) -> None:
    """Segments in and out of order, overlapping after clock steps, adopted late, replaced, removed; gaps told before, after
    and again. The reasons are the reference's too."""
    hold(memory, steps)


@pytest.mark.torture
@pytest.mark.timeout(600)
@settings(max_examples=3000, deadline=None)
@given(STEPS)
def test_every_instant_known_is_footage_or_one_gap_at_length(memory: Engine, steps: list[tuple[object, ...]]) -> None:
    """The same, 3,000 times: 65 s."""
    hold(memory, steps)


def hold(memory: Engine, steps: list[tuple[object, ...]]) -> None:
    """Each step to both, and both compared after each."""
    with memory.connect() as conn:
        ledger = Ledger()
        for step in steps:
            apply(conn, ledger, step)
            found = gaps.span(conn, *DOOR, -100, 1000)
            assert as_rows(found) == ledger.rows(), step
            check(recordings.span(conn, *DOOR, -100, 1000), found)
            assert gaps.bounds(conn, *DOOR) == ledger.bounds()
        check_totals(conn)
        conn.rollback()


def test_a_hole_has_the_reason_it_was_given_and_a_gap_told_later_a_better_one(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10))
    recordings.add(empty, segment(2, 15, 20), GapReason.RESTART)
    assert told(empty) == [(10, 15, GapReason.RESTART)]
    gaps.add(empty, Gap(*DOOR, 9, 13, GapReason.STALLED))
    assert told(empty) == [(10, 13, GapReason.STALLED), (13, 15, GapReason.RESTART)]


def test_an_open_gap_ends_with_the_next_segment_and_not_with_an_older_one(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10))
    gaps.open_(empty, *DOOR, 10, GapReason.OFFLINE)
    recordings.add(empty, segment(2, 10, 12))  # the rest of what ran when the camera went, adopted later
    assert told(empty) == [(12, None, GapReason.OFFLINE)]
    recordings.add(empty, segment(3, 40, 50))
    assert told(empty) == [(12, 40, GapReason.OFFLINE)]


def test_a_gap_told_again_with_its_end_is_one_gap(empty: Connection) -> None:
    gaps.open_(empty, *DOOR, 5, GapReason.PRIVATE)
    gaps.open_(empty, *DOOR, 5, GapReason.PRIVATE)
    gaps.add(empty, Gap(*DOOR, 5, 9, GapReason.PRIVATE))
    gaps.add(empty, Gap(*DOOR, 9, None, GapReason.OFFLINE))
    assert told(empty) == [(5, 9, GapReason.PRIVATE), (9, None, GapReason.OFFLINE)]


def test_gaps_that_retention_leaves_grow_together(empty: Connection) -> None:
    for seq in range(4):
        recordings.add(empty, segment(seq, 10 * seq, 10 * seq + 10))
    for seq in (0, 2, 1):
        recordings.remove(empty, keys(seq))
    assert told(empty) == [(0, 30, GapReason.EXPIRED)]


def test_an_empty_gap_and_an_end_without_a_beginning_say_nothing(empty: Connection) -> None:
    gaps.add(empty, Gap(*DOOR, 5, 5, GapReason.OFFLINE))
    gaps.close(empty, *DOOR, 9)
    assert told(empty) == []
    assert gaps.bounds(empty, *DOOR) is None


def test_what_the_ledger_says_of_long_ago_is_forgotten_where_no_footage_is_left(empty: Connection) -> None:
    for seq in range(4):
        recordings.add(empty, segment(seq, 20 * seq, 20 * seq + 10), GapReason.OFFLINE)
    recordings.remove(empty, keys(0, 1))
    assert gaps.forget(empty, 35) == 3
    assert told(empty) == [(30, 40, GapReason.OFFLINE), (50, 60, GapReason.OFFLINE)]
    assert gaps.forget(empty, 1000) == 1
    check(recordings.span(empty, *DOOR, 0, 100), gaps.span(empty, *DOOR, 0, 100))


def test_each_stream_and_site_has_its_own_ledger(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10))
    gaps.open_(empty, "door", "sub", 3, GapReason.OFF)
    gaps.open_(empty, "door", "main", 3, GapReason.OFF, site="other")
    assert told(empty) == []
    assert recordings.streams(empty) == [("door", "main"), ("door", "sub")]
    assert recordings.streams(empty, site="other") == [("door", "main")]


def told(conn: Connection) -> list[Row]:
    return as_rows(gaps.span(conn, *DOOR, -100, 1000))


def check_totals(conn: Connection) -> None:
    rows = recordings.span(conn, *DOOR, -100, 1000)
    wanted = {}
    if rows:
        sums = len(rows), sum(one.size for one in rows), min(one.start for one in rows), max(one.end for one in rows)
        wanted = {(*DOOR, "disk"): sums}
    assert recordings.totals(conn) == wanted
