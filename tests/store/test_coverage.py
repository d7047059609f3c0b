"""How complete a recording is."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from redshank.clock import US_PER_S, from_rfc3339
from redshank.model import Gap, GapReason
from redshank.store import coverage, gaps, recordings
from redshank.store.coverage import Completeness
from tests.store.ledger import segment

DOOR = ("door", "main")
HOUR_US = 3600 * US_PER_S


def test_wanted_gaps_do_not_count_against_completeness(empty: Connection) -> None:
    recordings.add(empty, segment(1, 100, 160))
    gaps.add(empty, Gap(*DOOR, 160, 180, GapReason.PRIVATE))
    gaps.add(empty, Gap(*DOOR, 180, 190, GapReason.OFFLINE))
    gaps.open_(empty, *DOOR, 190, GapReason.STALLED)
    found = coverage.completeness(empty, *DOOR, 0, 200)
    assert found == Completeness(0, 200, 60, {GapReason.PRIVATE: 20, GapReason.OFFLINE: 10, GapReason.STALLED: 10})
    assert (found.wanted_us, found.unwanted_us, found.percent) == (20, 20, 75.0)


def test_nothing_known_is_no_percentage(empty: Connection) -> None:
    gaps.add(empty, Gap(*DOOR, 0, 10, GapReason.OFF))
    assert coverage.completeness(empty, *DOOR, 0, 50).percent is None
    assert coverage.completeness(empty, "nobody", "main", 0, 50).percent is None


def test_footage_that_overlaps_counts_once(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 30))
    recordings.add(empty, segment(2, 20, 40))
    assert coverage.completeness(empty, *DOOR, 10, 40).footage_us == 30


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Vienna", date(2026, 3, 29), 23),
        ("Europe/Vienna", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_people_there_count_it(empty: Connection, zone: str, day: date, hours: float) -> None:
    """rel:T29: recorded through the change without a pause, the day is complete, and both 02:30s are in it."""
    edges = coverage.midnights(day, day, ZoneInfo(zone))
    start, end = edges
    assert end - start == hours * HOUR_US
    length = 300 * US_PER_S
    for seq in range(-1, round((end - start) / length) + 1):
        recordings.add(empty, segment(seq + 1, start + seq * length, start + (seq + 1) * length))
    (found,) = coverage.days(empty, *DOOR, edges)
    assert found == Completeness(start, end, end - start, {})
    assert found.percent == 100


def test_days_follow_one_another_without_a_hole() -> None:
    edges = coverage.midnights(date(2026, 3, 27), date(2026, 3, 30), ZoneInfo("Europe/Vienna"))
    assert edges[0] == from_rfc3339("2026-03-26T23:00:00Z")
    assert [(b - a) / HOUR_US for a, b in pairwise(edges)] == [24, 24, 23, 24]


def test_a_day_without_a_midnight_begins_with_its_first_instant() -> None:
    """In Santiago the clock went from 24:00 to 01:00."""
    edges = coverage.midnights(date(2026, 9, 6), date(2026, 9, 6), ZoneInfo("America/Santiago"))
    assert edges == [from_rfc3339("2026-09-06T04:00:00Z"), from_rfc3339("2026-09-07T03:00:00Z")]


def test_a_timeline_shows_footage_motion_and_why_there_is_none(empty: Connection) -> None:
    recordings.add(empty, segment(1, 0, 10, motion=0.25))
    recordings.add(empty, segment(2, 10, 15, motion=None))
    recordings.add(empty, segment(3, 20, 35, motion=0.0))
    gaps.add(empty, Gap(*DOOR, 15, 19, GapReason.OFFLINE))
    found = coverage.timeline(empty, *DOOR, coverage.even(0, 50, 5))
    assert [(one.start, one.end) for one in found] == [(0, 10), (10, 20), (20, 30), (30, 40), (40, 50)]
    assert [one.footage for one in found] == [1, 0.5, 1, 0.5, 0]
    assert [one.motion for one in found] == [0.25, None, 0.0, 0.0, None]
    assert [one.reason for one in found] == [None, GapReason.OFFLINE, None, None, None]


SPANS = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 20)), max_size=8)


@settings(max_examples=100, deadline=None)
@given(SPANS, st.lists(st.integers(-5, 120), min_size=2, max_size=9, unique=True).map(sorted))
def test_buckets_add_up_to_what_is_there(memory: Engine, spans: list[tuple[int, int]], edges: list[int]) -> None:
    with memory.connect() as conn:
        for seq, (start, length) in enumerate(spans):
            recordings.add(conn, segment(seq, start, start + length), GapReason.RESTART)
        shot = {time for start, length in spans for time in range(start, start + length)}
        for one, bucket in zip(coverage.days(conn, *DOOR, edges), coverage.timeline(conn, *DOOR, edges), strict=True):
            times = set(range(one.start, one.end))
            assert one.footage_us == len(times & shot) == round(bucket.footage * len(times))
            missing = len({time for time in times if shot and min(shot) <= time <= max(shot)} - shot)
            assert sum(one.gaps_us.values()) == one.unwanted_us == missing
            assert bucket.reason == (GapReason.RESTART if missing else None)
        conn.rollback()
