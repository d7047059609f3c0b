"""The pure core, on scripted tracks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from redshank.model import Observation, Track, TrackState
from redshank.rules.rule import Rule, default_rule
from redshank.rules.state import RuleState, from_json, to_json
from redshank.rules.step import KEPT
from tests.rules.script import GARDEN, box_at, changes, ended, observe, run, track, unmet

ZONES = {"door": {"garden": GARDEN}}
PERSON = default_rule()
INSIDE, OUTSIDE = box_at(0.25, 0.8), box_at(0.75, 0.8)


def walk(rule: Rule, *tracks: Track) -> list[Observation]:
    """One observation a look with one track, then its end."""
    looks = [observe(look, one) for look, one in enumerate(tracks)]
    return [*looks, observe(len(tracks), ended(tracks[-1], len(tracks)))]


@pytest.mark.parametrize(
    ("rule", "one", "missing"),
    [
        (PERSON, track(), []),
        (PERSON, track(label="cat"), ["label"]),
        (Rule("any", labels=()), track(label="cat"), []),
        (Rule("pets", labels=("cat", "dog")), track(label="dog"), []),
        (Rule("r", min_score=0.6), track(score=0.60), []),
        (Rule("r", min_score=0.6), track(score=0.59), ["score"]),
        (Rule("r", labels=("cat",), min_score=0.9), track(score=0.89), ["label", "score"]),
        (Rule("r", zones=("garden",), inertia=1, polygons=ZONES), track(box=INSIDE), []),
        (Rule("r", zones=("garden",), inertia=1, polygons=ZONES), track(box=OUTSIDE), ["zone"]),
        (Rule("r", zones=("garden",), inertia=1, polygons=ZONES), track(box=box_at(0.5, 0.5)), []),
        (Rule("r", zones=("garden",), inertia=1, polygons=ZONES), track(box=box_at(0.501, 0.8)), ["zone"]),
        (Rule("r", zones=("garden",), inertia=1, polygons=ZONES), track(box=box_at(0.25, 1.2)), []),
        (
            Rule("r", zones=("garden",), inertia=1, polygons=ZONES, zone_labels={"door": {"garden": ("cat",)}}),
            track(box=INSIDE),
            ["zone"],
        ),
        (
            Rule("r", zones=("garden",), inertia=1, polygons=ZONES, zone_labels={"door": {"garden": ()}}),
            track(box=INSIDE),
            [],
        ),
        (Rule("r", zones=("porch",), inertia=1, polygons=ZONES), track(box=INSIDE), ["zone"]),
        (Rule("r", zones=("garden",), polygons=ZONES), track(box=INSIDE), ["zone"]),
        (Rule("r", min_time_s=1.0), track(look=5, start=0), []),
        (Rule("r", min_time_s=1.0), track(look=4.9, start=0), ["min_time"]),
        (PERSON, track(state=TrackState.STATIONARY), ["state"]),
    ],
)
def test_each_condition_is_met_up_to_its_limit(rule: Rule, one: Track, missing: list[str]) -> None:
    _, verdicts = run(rule, [replace(observe(0, one), time=one.last_seen)])
    assert [verdict.fired for verdict in verdicts] == [not missing]
    assert unmet(verdicts[0]) == missing
    assert [part.name for part in verdicts[0].conditions][:5] == ["label", "zone", "score", "min_time", "state"]


def test_every_condition_says_what_was_wanted_and_what_was_got() -> None:
    rule = Rule("r", labels=("cat", "dog"), zones=("garden",), min_score=0.7, min_time_s=2, polygons=ZONES)
    _, (verdict,) = run(rule, [observe(1, track(look=1, box=INSIDE, score=0.55))])
    assert [(part.name, part.wanted, part.got) for part in verdict.conditions] == [
        ("label", "cat or dog", "person"),
        ("zone", "garden", "garden (1 of 3 looks)"),
        ("score", ">= 0.70", "0.55"),
        ("min_time", ">= 2 s", "0.0 s"),
        ("state", "arrived or moving", "active"),
    ]


def test_one_object_is_one_alert_however_long_it_stays() -> None:
    tracks = [track(look=look, box=box_at(0.2 + look / 1000, 0.8)) for look in range(200)]  # 40 s
    _, verdicts = run(PERSON, walk(PERSON, *tracks))
    assert changes(verdicts) == [("open", "t1"), ("close", "t1")]


@pytest.mark.parametrize(("looks", "fires"), [(2, False), (3, True)])
def test_a_zone_counts_after_three_looks_in_a_row(looks: int, fires: bool) -> None:
    rule = Rule("r", zones=("garden",), inertia=3, polygons=ZONES)
    tracks = [track(look=look, box=INSIDE if look != 2 else OUTSIDE) for look in range(3 + looks)]
    _, verdicts = run(rule, walk(rule, *tracks))
    assert [one.change for one in verdicts if one.fired] == (["open", "close"] if fires else [])


def test_looks_that_do_not_see_the_object_neither_count_nor_break_the_stay() -> None:
    rule = Rule("r", zones=("garden",), inertia=3, polygons=ZONES)
    tracks = [track(look=look, box=INSIDE if look != 2 else OUTSIDE, seen=look != 2) for look in range(4)]
    _, verdicts = run(rule, [observe(look, one) for look, one in enumerate(tracks)])
    assert [(one.change, one.time) for one in verdicts if one.fired] == [("open", observe(3).time)]


def test_the_time_in_a_zone_starts_again_after_leaving_it() -> None:
    rule = Rule("r", zones=("garden",), inertia=1, min_time_s=1.0, polygons=ZONES)
    places = [INSIDE] * 5 + [OUTSIDE] + [INSIDE] * 6
    _, verdicts = run(rule, [observe(look, track(look=look, box=box)) for look, box in enumerate(places)])
    assert [one.time for one in verdicts if one.fired] == [observe(11).time]


def test_a_recent_score_counts_only_for_five_looks() -> None:
    rule = Rule("r", min_score=0.8, score_of="recent", min_time_s=1.4)
    good = [track(look=look, score=0.9 if look == 2 else 0.5) for look in range(8)]
    _, verdicts = run(rule, [observe(look, one) for look, one in enumerate(good)])
    assert not changes(verdicts)
    _, verdicts = run(replace(rule, min_time_s=1.2), [observe(look, one) for look, one in enumerate(good)])
    assert changes(verdicts) == [("open", "t1")]


def test_what_was_already_standing_there_fires_only_once_it_moves_away() -> None:
    still = [track(look=look, state=TrackState.STATIONARY, seen=look > 0) for look in range(10)]
    state, verdicts = run(PERSON, [observe(look, one) for look, one in enumerate(still)])
    assert [unmet(one) for one in verdicts] == [["state"]]
    shaken = track(look=10, box=box_at(0.81, 0.4))
    state, verdicts = run(PERSON, [observe(10, shaken)], state)
    assert verdicts == []
    _, verdicts = run(PERSON, [observe(11, track(look=11, box=box_at(0.9, 0.4)))], state)
    assert changes(verdicts) == [("open", "t1")]


def test_who_arrived_and_then_stands_still_long_enough_fires() -> None:
    rule = Rule("loiter", min_time_s=2.0)
    looks = [track(look=look, state=TrackState.STATIONARY if look > 5 else TrackState.ACTIVE) for look in range(11)]
    _, verdicts = run(rule, [observe(look, one) for look, one in enumerate(looks)])
    assert changes(verdicts) == [("open", "t1")]


def test_tracks_not_confirmed_are_not_judged() -> None:
    new = track(state=TrackState.NEW)
    state, verdicts = run(PERSON, [observe(0, new), observe(1, ended(new, 1))])
    assert (dict(state.watches), verdicts) == ({}, [])


def test_an_alert_changes_when_there_is_something_better_to_show() -> None:
    rule = Rule("r", labels=("person", "dog"), polygons=ZONES, inertia=1)
    looks = [
        track(look=0, score=0.6, box=OUTSIDE),
        track(look=1, score=0.69, box=OUTSIDE),
        track(look=2, score=0.7, box=OUTSIDE),
        track(look=3, score=0.7, box=INSIDE),
        track(look=4, score=0.7, box=OUTSIDE),
        track(look=5, score=0.7, box=INSIDE),
        track(look=6, score=0.7, label="dog"),
        track(look=7, score=0.7, label="cat"),
    ]
    _, verdicts = run(rule, walk(rule, *looks))
    fired = [one for one in verdicts if one.fired]
    assert [(one.change, one.time) for one in fired] == [
        ("open", observe(0).time),
        ("update", observe(2).time),
        ("update", observe(3).time),
        ("update", observe(6).time),
        ("close", observe(8).time),
    ]
    assert fired[2].zones == ("garden",)


def test_verdicts_are_kept_at_changes_and_at_the_end_not_per_picture() -> None:
    rule = Rule("r", zones=("garden",), inertia=1, min_score=0.9, polygons=ZONES)
    looks = [track(look=look, box=INSIDE if 10 <= look < 20 else OUTSIDE) for look in range(100)]
    _, verdicts = run(rule, walk(rule, *looks))
    assert [unmet(one) for one in verdicts] == [
        ["zone", "score"],
        ["score"],
        ["zone", "score"],
        ["zone", "score", "present"],
    ]


def test_an_object_that_changes_to_and_fro_cannot_flood_the_verdicts() -> None:
    rule = Rule("r", zones=("garden",), inertia=1, min_score=0.9, polygons=ZONES)
    looks = [track(look=look, box=INSIDE if look % 2 else OUTSIDE) for look in range(500)]
    _, verdicts = run(rule, walk(rule, *looks))
    assert len(verdicts) == KEPT + 1


@pytest.mark.parametrize(
    ("rule", "verdicts"),
    [(Rule("r", cameras=("yard",)), 0), (Rule("r", cameras=("yard", "door")), 1), (Rule("r", enabled=False), 0)],
)
def test_a_rule_holds_for_its_cameras_while_it_is_enabled(rule: Rule, verdicts: int) -> None:
    assert len(run(rule, [observe(0, track())])[1]) == verdicts


def test_a_storm_opens_no_more_alerts_than_the_limit_and_says_how_many_joined() -> None:
    rule = replace(PERSON, max_per_minute=10)
    storm = [observe(look / 10, track(f"t{look}", look=look / 10)) for look in range(1000)]
    state, verdicts = run(rule, storm)
    assert [one.change for one in verdicts] == ["open"] * 10 + ["update"] * 990
    assert verdicts[-1].conditions[-1].got == "1000: joins the newest alert"
    assert state.over == 990
    _, verdicts = run(rule, [observe(310, track("later", look=310))], state)
    assert changes(verdicts) == [("open", "later")]


def test_state_survives_json_at_every_look() -> None:
    rule = Rule("r", zones=("garden",), inertia=2, min_time_s=0.4, polygons=ZONES)
    motion = Rule("m", on="motion", gap_s=1.0)
    script = [
        observe(
            look, track(look=look, box=INSIDE if look > 2 else OUTSIDE, score=0.5 + look / 50), motion=0.02 * (look % 9)
        )
        for look in range(20)
    ]
    for one in (rule, motion):
        straight = run(one, script)
        state, found = RuleState(), []
        for observation in script:
            state, verdicts = run(one, [observation], from_json(json.loads(json.dumps(to_json(state)))))
            found += verdicts
        assert (state, found) == straight
        assert changes(found)


def test_plain_motion_opens_after_two_looks_and_closes_after_the_gap() -> None:
    rule = Rule("m", on="motion", gap_s=2.0, min_motion=0.01)
    amounts = [0.009, 0.01, 0.0, 0.01, 0.02] + [0.0] * 9 + [0.05] + [0.0] * 11
    state, verdicts = run(rule, [observe(look, motion=amount) for look, amount in enumerate(amounts)])
    assert [(one.change, one.time) for one in verdicts] == [("open", observe(4).time), ("close", observe(25).time)]
    assert state.burst is None


def test_motion_that_must_last_is_explained_until_it_does() -> None:
    rule = Rule("m", on="motion", min_time_s=1.0)
    _, verdicts = run(rule, [observe(look, motion=0.1) for look in range(7)])
    assert [(one.change, unmet(one)) for one in verdicts] == [("none", ["min_time"]), ("open", [])]


HOUR = 3600 * 5
"""In looks."""


def test_a_clock_set_back_ends_motion_at_once() -> None:
    rule = Rule("m", on="motion", gap_s=2.0)
    script = [*(observe(look, motion=0.1) for look in range(5)), *(observe(look - HOUR) for look in range(5, 10))]
    state, verdicts = run(rule, script)
    assert [(one.change, one.time) for one in verdicts] == [
        ("open", observe(1).time),
        ("close", observe(5 - HOUR).time),
    ]
    assert state.burst is None


def test_a_clock_set_back_begins_a_stay_in_a_zone_anew() -> None:
    rule = Rule("r", zones=("garden",), inertia=1, min_time_s=1.0, polygons=ZONES)
    looks = [0, 1, 2, *(look - HOUR for look in range(3, 10))]
    tracks = [track(look=look, start=-HOUR, box=INSIDE) for look in looks]
    _, verdicts = run(rule, [observe(look, one) for look, one in zip(looks, tracks, strict=True)])
    assert [one.time for one in verdicts if one.fired] == [observe(8 - HOUR).time]
