"""Objects over restarts, and the events their lives are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from redshank.model import Box, Event, Observation, TrackState
from redshank.rules import scene_json
from redshank.rules.scene import Scene, SceneSettings, View, finish, view
from tests.rules.script import GARDEN, box_at, ended, observe, track

SETTINGS = SceneSettings(polygons={"garden": GARDEN}, inertia=2)
INSIDE, OUTSIDE = box_at(0.25, 0.8), box_at(0.75, 0.8)


def see(script: Iterable[Observation], scene: Scene | None = None) -> Iterator[View]:
    """View a script; every state goes through its JSON, as over a restart at every look."""
    scene = scene or Scene()
    for one in script:
        found = view(SETTINGS, scene, one, lambda time: f"motion-{time}")
        scene = scene_json.from_json(json.loads(json.dumps(scene_json.to_json(found.scene))))
        assert scene == found.scene
        yield found


def events(views: Iterable[View]) -> list[Event]:
    return [event for one in views for event in one.events]


def test_a_life_is_one_event_told_when_it_begins_changes_and_ends() -> None:
    places = [OUTSIDE, OUTSIDE, INSIDE, INSIDE, INSIDE, OUTSIDE]
    looks = [track(look=look, box=box, score=0.6 + look / 100) for look, box in enumerate(places)]
    script = [observe(look, one) for look, one in enumerate(looks)]
    found = events(see([*script, observe(10, ended(looks[-1], 10))]))
    assert [(one.id, one.end, one.zones) for one in found] == [
        ("t1", None, ()),
        ("t1", None, ("garden",)),
        ("t1", looks[-1].last_seen, ("garden",)),
    ]
    assert [one.score for one in found] == [0.6, 0.63, 0.65]
    assert found[-1].data == {"state": "ended", "number": 1, "hits": 6, "ended": "ended"}


def test_tracks_that_were_never_confirmed_are_no_event() -> None:
    new = track(state=TrackState.NEW)
    assert events(see([observe(0, new), observe(1, ended(new, 1))])) == []


def test_an_observation_is_known_again_and_an_older_one_too() -> None:
    *_, last = see([observe(1), observe(2), observe(1, epoch=2)])
    assert last.scene.has_seen(observe(2))
    assert last.scene.has_seen(observe(1, epoch=2))
    assert not last.scene.has_seen(observe(2, epoch=2))
    assert not last.scene.has_seen(replace(observe(0), stream="main"))


@pytest.mark.parametrize(
    ("pause_s", "moved", "label", "same"),
    [
        (1, 0.02, "person", True),
        (5, 0.0, "person", True),
        (5, 0.9, "person", True),
        (1, 0.6, "person", False),
        (25, 0.0, "person", True),
        (25, 0.5, "person", False),
        (299, 0.0, "person", True),
        (301, 0.0, "person", False),
        (1, 0.0, "dog", False),
    ],
)
def test_after_a_restart_a_new_track_goes_on_where_a_known_one_stood(
    pause_s: int, moved: float, label: str, same: bool
) -> None:
    look = pause_s * 5
    before, after = box_at(0.05, 0.8), box_at(0.05 + moved, 0.8)
    old = [observe(0, track("old", box=before, score=0.9))]
    new = track("new", look=look, start=look, box=after, label=label)
    (_, found) = see([*old, observe(look, new, epoch=2)])
    assert [one.id for one in found.observation.tracks] == ["old" if same else "new"]
    assert found.observation.tracks[0].top_score == (0.9 if same else 0.8)


def test_two_that_come_back_are_not_taken_for_one() -> None:
    left, right = box_at(0.3, 0.8), box_at(0.5, 0.8)
    before = observe(0, track("a", box=left), track("b", box=right))
    after = observe(10, track("x", 10, start=10, box=right), track("y", 10, start=10, box=left), epoch=2)
    third = observe(11, *after.tracks, track("z", 11, start=11, box=left), epoch=2)
    *_, second, last = see([before, after, third])
    assert [one.id for one in second.observation.tracks] == ["b", "a"]
    assert [one.id for one in last.observation.tracks] == ["b", "a", "z"]
    assert [(one.id, one.start) for one in last.observation.tracks] == [
        ("b", before.time), ("a", before.time), ("z", third.time),
    ]  # fmt: skip


def test_what_does_not_come_back_after_a_restart_ends_after_the_patience() -> None:
    script = [observe(0, track("old")), observe(100, epoch=2), observe(150, epoch=2), observe(151, epoch=2)]
    *_, before, last = see(script)
    assert before.gone == {}
    assert last.gone == {"old": "restarted"}
    assert [(one.id, one.state) for one in last.observation.tracks] == [("old", TrackState.ENDED)]
    assert last.events[0].end == observe(0).time
    assert last.scene.known == {}


def test_what_silently_stops_being_listed_is_lost() -> None:
    *_, last = see([observe(0, track("old")), observe(51)])
    assert last.gone == {"old": "lost"}


def test_a_still_object_known_again_under_its_own_id_opens_its_event_again() -> None:
    car = track("car", label="car", state=TrackState.STATIONARY)
    gone = ended(car, 10)
    found = events(see([observe(0, car), observe(10, gone), observe(100, replace(car, last_seen=observe(100).time))]))
    assert [(one.id, one.end) for one in found] == [("car", None), ("car", car.last_seen), ("car", None)]


def test_motion_within_the_gap_extends_the_same_event() -> None:
    """req:P-26."""
    amounts = [0.1, 0.2, *[0.0] * 49, 0.3, *[0.0] * 51, 0.1, 0.1]
    script = [
        replace(observe(look, motion=amount), regions=(Box(0, 0, 0.5, amount),)) for look, amount in enumerate(amounts)
    ]
    found = events(see(script))
    first, second = f"motion-{observe(0).time}", f"motion-{observe(103).time}"
    assert [(one.id, one.kind, one.end) for one in found] == [
        (first, "motion", None),
        (first, "motion", observe(51).time),
        (second, "motion", None),
    ]
    assert found[1].score == 0.3
    assert found[1].box == Box(0, 0, 0.5, 0.3)
    assert found[1].best_time == observe(51).time


def test_one_flash_and_light_jumps_are_no_motion() -> None:
    flash = [observe(look, motion=0.5 * (look % 2)) for look in range(9)]
    jumps = [replace(observe(look, motion=0.9), health="light_jump") for look in range(9, 20)]
    assert events(see([*flash, *jumps])) == []


def test_the_end_of_a_clip_ends_everything() -> None:
    *_, last = see([observe(0, track("a"), motion=0.1), observe(1, track("a", 1), motion=0.1)])
    done = finish(last.scene, observe(2))
    assert sorted((one.kind, one.end) for one in done.events) == [
        ("motion", observe(1).time),
        ("track", observe(1).time),
    ]
    assert done.scene.known == {}


def test_after_a_clock_was_set_back_an_object_is_there_since_then() -> None:
    """Who must be there for some time is not waited for until the old time is reached again."""
    back = -3600 * 5
    looks = [track(look=0), track(look=1), *(track(look=back + look) for look in range(2, 9))]
    script = [observe(look, one) for look, one in zip([0, 1, *range(back + 2, back + 9)], looks, strict=True)]
    *_, last = see(script)
    (there,) = last.observation.tracks
    assert (there.start, there.last_seen) == (looks[2].last_seen, looks[-1].last_seen)
    *_, gone = see([*script, observe(back + 9, ended(looks[-1], back + 9))])
    (event,) = gone.events
    assert event.end == event.start
