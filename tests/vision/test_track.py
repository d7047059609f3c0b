"""The tracker, on scripted detections: no detector, no picture, no clock."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.clock import US_PER_S
from redshank.model import Box, Detection, Track, TrackState
from redshank.vision.still import still_from_json
from redshank.vision.track import Tracker, TrackSettings

START = 1_767_225_600 * US_PER_S
SETTINGS = TrackSettings(aspect=16 / 9)

Look = tuple[float, list[Detection]]
"""Seconds since the start, and what the detector saw."""


def tracker(wanted: TrackSettings = SETTINGS) -> Tracker:
    numbers = itertools.count(1)
    return Tracker(wanted, lambda _: f"id-{next(numbers)}")


def person(x: float, y: float = 0.6, score: float = 0.8, label: str = "person") -> Detection:
    """A box of a standing person around the centre (x, y): 0.4 of the height of a 16:9 picture."""
    return Detection(label, score, Box(x - 0.045, y - 0.2, x + 0.045, y + 0.2))


def car(x: float, label: str = "car", score: float = 0.7, y: float = 0.5) -> Detection:
    return Detection(label, score, Box(x - 0.1, y - 0.1, x + 0.1, y + 0.1))


def walk(until_s: float, fps: float, at: Callable[[float], list[Detection]]) -> list[Look]:
    return [(i / fps, at(i / fps)) for i in range(round(until_s * fps))]


def play(track: Tracker, looks: Iterable[Look]) -> list[tuple[Track, ...]]:
    return [track.update(START + round(at * US_PER_S), seen) for at, seen in looks]


def ids(pictures: Sequence[tuple[Track, ...]]) -> set[str]:
    """Of all confirmed objects."""
    return {t.id for tracks in pictures for t in tracks if t.state in (TrackState.ACTIVE, TrackState.STATIONARY)}


@pytest.mark.parametrize("fps", [5, 7, 15, 25, 30])
def test_one_person_crossing_is_one_track_at_every_rate(fps: int) -> None:
    pictures = play(
        tracker(), [*walk(8, fps, lambda t: [person(0.05 + 0.11 * t)]), *[(8 + i / fps, []) for i in range(5 * fps)]]
    )
    assert len(ids(pictures)) == 1
    assert [t.state for tracks in pictures for t in tracks].count(TrackState.ENDED) == 1
    assert pictures[-1] == ()


def test_two_people_who_cross_keep_their_ids() -> None:
    def at(t: float) -> list[Detection]:
        return [person(0.1 + 0.1 * t, 0.58), person(0.9 - 0.1 * t, 0.62)]

    pictures = play(tracker(), walk(8, 10, at))
    first, last = ({t.id: t.box.foot[0] for t in pictures[i] if t.seen} for i in (5, -1))
    assert len(ids(pictures)) == 2
    assert {i: x > 0.5 for i, x in last.items()} == {i: x < 0.5 for i, x in first.items()}


@pytest.mark.parametrize("fps", [5, 25])
def test_a_second_behind_something_keeps_the_id(fps: int) -> None:
    pictures = play(tracker(), walk(6, fps, lambda t: [] if 2.5 < t < 3.5 else [person(0.1 + 0.1 * t)]))
    assert len(ids(pictures)) == 1


def test_looks_tell_people_apart_who_come_out_swapped_from_behind_something() -> None:
    """Both stop behind a pillar and go back: by motion alone each would become the other."""
    red, blue = np.eye(2, 8, dtype=np.float32)

    def x(t: float) -> float:
        return 0.1 * t if t < 3 else 0.6 - 0.1 * t

    def run(known: bool) -> list[set[str]]:
        track, red_ids = tracker(), []
        for i in range(60):
            t = i / 10
            shown = not 2.4 < t < 3.6
            seen = [person(0.2 + x(t)), person(0.8 - x(t))] if shown else []
            tracks = track.update(
                START + i * 100_000, seen, appearance=np.stack([red, blue])[: len(seen)] if known else None
            )
            red_ids.append({one.id for one in tracks if one.seen and seen and one.box.foot[0] < 0.5})
        return red_ids

    with_looks = run(known=True)
    assert with_looks[10] == with_looks[-1] != set()


def test_forty_seconds_in_view_are_one_track() -> None:
    pictures = play(
        tracker(), walk(40, 5, lambda t: [person(0.5 + 0.3 * math.sin(t / 3), score=0.55 + 0.3 * math.sin(t) ** 2)])
    )
    assert len(ids(pictures)) == 1
    assert pictures[-1][0].hits > 190


def test_a_person_who_sways_and_bends_is_one_track() -> None:
    def at(t: float) -> list[Detection]:
        top = 0.4 + (0.12 if 4 < t % 8 < 5 else 0.0)
        return [Detection("person", 0.8, Box(0.45 + 0.01 * math.sin(9 * t), top, 0.55 + 0.01 * math.cos(7 * t), 0.8))]

    assert len(ids(play(tracker(), walk(30, 5, at)))) == 1


def test_one_bad_detection_is_no_object_and_a_doubtful_one_begins_nothing() -> None:
    ghost = [(0.0, [person(0.5)]), *[(0.2 * i, []) for i in range(1, 6)]]
    doubtful = walk(5, 5, lambda _: [person(0.5, score=0.45)])
    assert ids(play(tracker(), ghost)) == set()
    assert play(tracker(), doubtful)[-1] == ()


def test_doubtful_detections_bridge_sure_ones_but_do_not_keep_a_walker_alive() -> None:
    def at(t: float) -> list[Detection]:
        return [person(0.2 + 0.05 * t, score=0.8 if t < 2 else 0.3)]

    pictures = play(tracker(), walk(6, 10, at))
    assert any(t.seen and t.score < 0.5 for tracks in pictures for t in tracks)
    assert pictures[-1] == ()


def test_looks_at_parts_of_the_picture_neither_miss_nor_end_what_is_elsewhere() -> None:
    track = tracker()
    play(track, walk(1, 10, lambda _: [person(0.2)]))
    left = Box(0.0, 0.0, 0.5, 1.0)
    right = Box(0.5, 0.0, 1.0, 1.0)
    for i in range(100):
        tracks = track.update(START + 1_000_000 + i * 100_000, [], looked=(right,))
        assert [t.state for t in tracks] == [TrackState.ACTIVE]
        assert not tracks[0].seen
    for i in range(100, 130):
        tracks = track.update(START + 1_000_000 + i * 100_000, [], looked=(left,))
    assert tracks == ()


def test_the_first_look_after_a_long_sleep_is_one_look_not_a_minute_of_absence() -> None:
    track = tracker()
    play(track, walk(2, 10, lambda _: [person(0.5)]))
    (missed,) = track.update(START + 62_000_000, [])
    (back,) = track.update(START + 62_200_000, [person(0.5)])
    assert missed.state is TrackState.ACTIVE
    assert (back.id, back.seen) == (missed.id, True)


def test_a_doubtful_sight_after_a_long_sleep_is_no_minute_of_absence_either() -> None:
    track = tracker()
    play(track, walk(2, 10, lambda _: [person(0.5)]))
    track.update(START + 62_000_000, [person(0.53, score=0.4)])
    (missed,) = track.update(START + 62_200_000, [])
    assert missed.state is TrackState.ACTIVE


def test_a_faint_object_that_stays_is_believed_after_a_second() -> None:
    pictures = play(tracker(), walk(3, 5, lambda _: [person(0.5, score=0.55)]))
    assert [t.state for (t,) in pictures] == [TrackState.NEW] * 5 + [TrackState.ACTIVE] * 10


def test_time_that_stands_still_or_steps_back_harms_nothing() -> None:
    track = tracker()
    for at in (0.0, 0.2, 0.2, -5.0, -4.8, -4.6):
        tracks = track.update(START + round(at * US_PER_S), [person(0.5)])
    assert len(tracks) == 1
    assert tracks[0].state is TrackState.ACTIVE


def parked(seconds: float = 10.0) -> tuple[Tracker, Track]:
    track = tracker()
    (one,) = play(track, walk(seconds, 5, lambda _: [car(0.5)]))[-1]
    return track, one


def test_a_parked_car_becomes_stationary_and_says_so_once() -> None:
    pictures = play(
        tracker(), walk(60, 5, lambda t: [car(0.5 + 0.002 * math.sin(40 * t), score=0.4 if t % 7 > 6 else 0.7)])
    )
    states = [t.state for (t,) in pictures]
    changes = [b for a, b in itertools.pairwise(states) if a is not b]
    assert changes == [TrackState.ACTIVE, TrackState.STATIONARY]


def test_a_parked_car_whose_label_flips_is_one_object() -> None:
    pictures = play(tracker(), walk(30, 5, lambda t: [car(0.5, "truck" if t % 3 > 2 else "car")]))
    assert len(ids(pictures)) == 1
    assert pictures[-1][0].label == "car"
    both = play(tracker(), walk(3, 5, lambda _: [car(0.5), car(0.502, "truck", 0.65)]))
    assert [len(tracks) for tracks in both] == [1] * 15


def test_a_parked_car_unseen_through_a_light_jump_and_a_truck_in_front_is_the_same() -> None:
    track, known = parked()
    dark = play(track, [(10 + i / 5, []) for i in range(150)])
    passing = play(track, [(40 + i / 5, [car(0.1 + 0.05 * i, "truck", y=0.52)]) for i in range(18)])
    (*_, again) = play(track, [(44 + i / 5, [car(0.5)]) for i in range(50)])
    assert {t.state for tracks in dark for t in tracks} == {TrackState.STATIONARY}
    assert all(t.state is TrackState.STATIONARY for tracks in passing for t in tracks if t.id == known.id)
    assert [t.id for t in again if t.seen] == [known.id]
    assert [t.state for t in again if t.id == known.id] == [TrackState.STATIONARY]


def test_a_parked_car_lost_for_hours_comes_back_stationary_with_its_id() -> None:
    track, known = parked()
    night = play(track, [(10 + 30 * i, []) for i in range(200)])
    assert [t.state for tracks in night for t in tracks][-1] is TrackState.ENDED
    (again,) = track.update(START + 7_000_000_000, [car(0.502, "truck")])
    assert (again.id, again.state, again.seen) == (known.id, TrackState.STATIONARY, True)


def test_a_parked_car_is_known_again_after_a_restart() -> None:
    track, known = parked()
    written = json.loads(json.dumps([one.as_json() for one in track.still()]))
    later = tracker()
    later.restore([still_from_json(one) for one in written], START + 60_000_000)
    (unseen,) = later.update(START + 60_000_000, [])
    (seen,) = later.update(START + 60_200_000, [car(0.5)])
    assert (unseen.id, unseen.state, unseen.seen) == (known.id, TrackState.STATIONARY, False)
    assert (seen.id, seen.state, seen.seen) == (known.id, TrackState.STATIONARY, True)
    assert (seen.start, seen.hits) == (known.start, known.hits + 1)


def test_a_car_gone_during_a_restart_ends_and_what_is_too_old_is_forgotten() -> None:
    track, known = parked()
    later = tracker()
    later.restore(track.still(), START + 60_000_000)
    pictures = play(later, [(60 + i, []) for i in range(200)])
    assert [t.state for tracks in pictures for t in tracks if t.id == known.id][-1] is TrackState.ENDED
    next_day = tracker()
    next_day.restore(track.still(), START + 24 * 3600 * US_PER_S)
    assert next_day.update(START + 24 * 3600 * US_PER_S, []) == ()


def test_a_parked_car_that_drives_off_is_active_with_the_same_id() -> None:
    track, known = parked()
    pictures = play(track, [(10 + i / 5, [car(0.5 + 0.02 * i)]) for i in range(15)])
    assert ids(pictures) == {known.id}
    assert pictures[-1][0].state is TrackState.ACTIVE


def test_somebody_who_walks_past_a_parked_car_does_not_move_it() -> None:
    track, known = parked()
    pictures = play(track, [(10 + i / 5, [car(0.5), person(0.2 + 0.02 * i)]) for i in range(30)])
    assert {t.state for tracks in pictures for t in tracks if t.id == known.id} == {TrackState.STATIONARY}
    assert len(ids(pictures)) == 2


def test_a_pushed_camera_neither_makes_new_objects_nor_sets_parked_cars_moving() -> None:
    spots = (0.15, 0.4, 0.65)
    track = tracker()
    before = play(track, walk(10, 5, lambda _: [car(x) for x in spots]))
    after = play(track, [(10 + i / 5, [car(x + 0.12, y=0.58) for x in spots]) for i in range(20)])
    assert ids(before) == ids(after)
    assert {t.state for tracks in after for t in tracks} == {TrackState.STATIONARY}


def test_nothing_is_ever_nan_whatever_the_detector_says() -> None:
    nan, inf = float("nan"), float("inf")
    odd = [
        Detection("person", 0.9, Box(nan, 0.1, 0.2, 0.5)),
        Detection("person", nan, Box(0.1, 0.1, 0.2, 0.5)),
        Detection("person", 0.9, Box(0.1, 0.1, 0.1, 0.5)),
        Detection("person", 0.9, Box(-inf, 0.1, inf, 0.5)),
        Detection("person", 0.9, Box(-0.2, -0.1, 0.2, 1.5)),
    ]
    track = tracker()
    looks = np.full((5, 4), np.nan, dtype=np.float32)
    for i in range(50):
        tracks = track.update(START + i * 7_000_000, odd, appearance=looks)
    assert len(tracks) == 1
    assert all(0 <= side <= 1 for side in (tracks[0].box.x1, tracks[0].box.y1, tracks[0].box.x2, tracks[0].box.y2))


sides = st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
detections = st.builds(
    lambda label, score, s: Detection(label, score, Box(s[0], s[1], s[0] + s[2], s[1] + s[3])),
    st.sampled_from(["person", "car", "truck", "dog"]),
    st.floats(0, 1),
    sides,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20_000_000), st.lists(detections, max_size=6)), max_size=25))
def test_whatever_is_seen_every_track_keeps_its_promises(looks: list[tuple[int, list[Detection]]]) -> None:
    track, time, ended = tracker(), START, set[str]()
    for gap, seen in looks:
        time += gap
        tracks = track.update(time, seen)
        assert len({t.id for t in tracks}) == len(tracks)
        assert sum(t.seen for t in tracks) <= len(seen)
        for t in tracks:
            assert t.id not in ended or t.state is TrackState.STATIONARY
            assert all(math.isfinite(v) and 0 <= v <= 1 for v in (t.box.x1, t.box.y1, t.box.x2, t.box.y2, t.score))
            assert t.start <= t.top_time <= t.last_seen <= time
            assert (t.last_seen == time) >= t.seen
            assert t.moved >= 0
        ended |= {t.id for t in tracks if t.state is TrackState.ENDED}
