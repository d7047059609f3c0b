"""Frames and bits per second as measured."""

from __future__ import annotations

from redshank.clock import NS_PER_S
from redshank.media.rate import Rate


def test_a_steady_stream_is_measured_exactly() -> None:
    rate = Rate()
    for n in range(100):
        rate.add(n * NS_PER_S // 10, True, 1000)
        rate.add(n * NS_PER_S // 10, False, 50)
    assert rate.measured(10 * NS_PER_S) == (10.0, 10 * 1050 * 8)


def test_nothing_for_some_seconds_counts_as_nothing() -> None:
    rate = Rate()
    for n in range(50):
        rate.add(n * NS_PER_S // 10, True, 1000)
    assert rate.measured(8 * NS_PER_S)[0] < 10
    assert rate.measured(20 * NS_PER_S) == (0.0, 0)
    assert Rate().measured(0) == (0.0, 0)
