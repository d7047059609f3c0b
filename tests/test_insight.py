"""Sums by local hours and days, and how far alerts can be trusted."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from redshank.clock import US_PER_S
from redshank.insight import Trust, bucketed, edges, hours, trust, trust_by

VIENNA = ZoneInfo("Europe/Vienna")
HOUR = 3600 * US_PER_S


def at(text: str, zone: ZoneInfo = VIENNA) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * US_PER_S


@pytest.mark.parametrize(("day", "long"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
def test_a_day_is_as_long_as_it_was_there(day: str, long: int) -> None:
    """rel:T29"""
    found = edges(at(f"{day}T12:00"), at(f"{day}T13:00"), "day", VIENNA)
    assert found == [at(f"{day}T00:00"), at(f"{day}T00:00") + long * HOUR]


def test_hours_begin_where_the_clock_on_the_wall_says_so() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")  # +05:45
    found = edges(at("2026-01-01T10:20", kathmandu), at("2026-01-01T11:10", kathmandu), "hour", kathmandu)
    assert found[:2] == [at("2026-01-01T10:00", kathmandu), at("2026-01-01T11:00", kathmandu)]
    assert found[-1] >= at("2026-01-01T11:10", kathmandu)


def test_every_count_inside_is_in_exactly_one_bucket() -> None:
    counts = [(0, 1), (9, 2), (10, 4), (19, 8), (20, 16), (-1, 32)]
    assert bucketed(counts, [0, 10, 20]) == [3, 12]


def test_hours_on_the_wall_add_up_over_days() -> None:
    sums = hours([(at("2026-07-01T23:30"), 2), (at("2026-07-02T23:10"), 3), (at("2026-07-02T00:00"), 1)], VIENNA)
    assert (sums[23], sums[0], sum(sums)) == (5, 1, 6)


MARKS = [
    ("alert", "right", "yard", "person", 8),
    ("alert", "wrong", "yard", "person", 2),
    ("event", "missed", "yard", "person", 1),
    ("miss", "missed", "yard", "dog", 1),
    ("event", "wrong", "yard", "person", 50),
    ("alert", "missed", "yard", "person", 50),
]


def test_precision_is_of_judged_alerts_and_recall_of_what_should_have_been_one() -> None:
    found = trust(MARKS)
    assert found == Trust(8, 2, 2)
    assert found.precision == 0.8
    assert found.recall == 0.8
    assert trust_by(MARKS, 3)["dog"] == Trust(0, 0, 1)


def test_nothing_is_said_while_nobody_judged() -> None:
    assert trust([]).precision is None
    assert trust([]).recall is None
