"""When what has ended may be deleted."""

from __future__ import annotations

from redshank.access.steady import Steady
from tests.harness.clocks import FakeClock


def test_each_hour_and_not_for_a_day_after_the_clock_jumped() -> None:
    clock = FakeClock()
    steady = Steady(clock)
    assert not steady.due()
    clock.advance(3600)
    assert [steady.due(), steady.due()] == [True, False]
    clock.step(10 * 365 * 86_400)
    clock.advance(3600)
    hours = []
    for _ in range(26):
        hours.append(steady.due())
        clock.advance(3600)
    assert hours == [False] * 24 + [True] * 2
