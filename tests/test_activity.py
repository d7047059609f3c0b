"""What moved when, as the recorder asks."""

from __future__ import annotations

from redshank.activity import MOST, Activity, followed
from redshank.clock import US_PER_S
from redshank.model import Box, Observation, Track, TrackState

T0 = 1_700_000_000 * US_PER_S


def seen(at_s: float, motion: float = 0.0, *tracks: Track) -> Observation:
    return Observation("yard", "main", 1, 1, T0 + round(at_s * US_PER_S), tracks, motion=motion)


def track(state: TrackState) -> Track:
    return Track("t", 1, "car", state, Box(0, 0, 1, 1), 0.9, 0.9, T0, T0, T0, True, 5)


def of(*observations: Observation) -> Activity:
    activity = Activity()
    for one in observations:
        activity.hear(one)
    return activity


def test_the_most_motion_of_a_span_is_what_counts() -> None:
    activity = of(*(seen(i, {3: 0.2, 7: 0.5, 20: 0.9}.get(i, 0.0)) for i in range(0, 40, 1)))
    assert activity.motion(T0, T0 + 10 * US_PER_S) == 0.5
    assert activity.motion(T0 + 8 * US_PER_S, T0 + 20 * US_PER_S) == 0.0


def test_a_span_nobody_looked_at_is_unknown() -> None:
    activity = of(seen(0), seen(1), seen(40), seen(41))
    assert activity.motion(T0, T0 + 30 * US_PER_S) is None
    assert activity.motion(T0 + 100 * US_PER_S, T0 + 130 * US_PER_S) is None
    assert Activity().motion(T0, T0 + 1) is None


def test_a_followed_object_without_measured_motion_counts_as_motion() -> None:
    activity = of(seen(0), seen(2, 0.0, track(TrackState.ACTIVE)), seen(4))
    assert activity.motion(T0, T0 + 4 * US_PER_S) == 1.0


def test_a_parked_car_is_not_followed() -> None:
    assert not followed(seen(0, 0.0, track(TrackState.STATIONARY)))
    assert followed(seen(0, 0.0, track(TrackState.ACTIVE)))


def test_after_a_clock_set_back_only_what_came_since_counts() -> None:
    """rel:T30: neither is what moves now hidden behind what moved then, nor is it kept until the clock is there again."""
    activity = of(*(seen(i, 0.9) for i in range(3600, 3700)))
    for second in range(40):
        activity.hear(seen(second, {20: 0.3}.get(second, 0.0)))
    assert activity.motion(T0 + 10 * US_PER_S, T0 + 30 * US_PER_S) == 0.3
    assert activity.motion(T0 + 3600 * US_PER_S, T0 + 3630 * US_PER_S) is None


def test_what_is_remembered_is_bounded_whatever_the_clock_does() -> None:
    activity = of(*(seen(i / 1000) for i in range(MOST + 20_000)))
    assert activity.motion(T0, T0 + 10 * US_PER_S) is None
    assert activity.motion(T0 + 30 * US_PER_S, T0 + 50 * US_PER_S) == 0.0
