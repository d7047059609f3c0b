"""The planner of retention, held against a model so simple that it cannot be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest

from redshank.clock import US_PER_S
from redshank.model import Hold, KeepClass, Segment
from redshank.retain import (
    DAY_US,
    FOREVER,
    Footage,
    Policy,
    Rules,
    aged,
    brake,
    choose,
    expires,
    is_held,
    normal_rate,
    order,
)

DAYS: Mapping[KeepClass, float | None] = {
    KeepClass.CONTINUOUS: 1.0,
    KeepClass.MOTION: 3.0,
    KeepClass.DETECTION: 10.0,
    KeepClass.ALERT: 30.0,
}
YARD = Rules({"yard": Policy(DAYS)})
MINUTE = 60 * US_PER_S


def segment(camera: str = "yard", seq: int = 1, start: int = 0, length: int = MINUTE, size: int = 1000) -> Segment:
    path = f"{camera}/main/2026-01-01/00/00.00-{seq}.mp4"
    return Segment(
        camera, "main", seq, "v", path, start, start + length, size, 0, size, 1, "h264", 640, 360, 1, "0" * 16, b""
    )


def footage(klass: KeepClass = KeepClass.CONTINUOUS, seq: int = 1, start: int = 0, **kind: bool) -> Footage:
    return Footage(segment(seq=seq, start=start), klass, **kind)


def test_a_segment_goes_when_the_days_of_its_class_are_over() -> None:
    one = footage(KeepClass.MOTION)
    assert expires(one, YARD) == one.segment.end + 3 * DAY_US
    assert aged([one], YARD, one.segment.end + 3 * DAY_US - 1) == []
    assert aged([one], YARD, one.segment.end + 3 * DAY_US) == [one]


def test_nobody_exceeds_the_maximum_but_a_hold() -> None:
    rules = Rules({"yard": Policy({**DAYS, KeepClass.ALERT: None}, max_days=0.5)})
    one = footage(KeepClass.ALERT)
    assert expires(one, rules) == one.segment.end + DAY_US // 2
    held = replace(one, held=True)
    assert aged([one, held], rules, FOREVER) == [one]


def test_for_ever_is_for_ever() -> None:
    assert expires(footage(), Rules({"yard": Policy({**DAYS, KeepClass.CONTINUOUS: None})})) == FOREVER
    assert aged([footage()], Rules({"yard": Policy({})}), FOREVER - 1) == []


def test_a_higher_class_never_stays_shorter() -> None:
    policy = Policy({**DAYS, KeepClass.CONTINUOUS: 20.0})
    assert [policy.kept_days(klass) for klass in KeepClass] == [20.0, 20.0, 20.0, 30.0]
    assert Policy({**DAYS, KeepClass.CONTINUOUS: None}).kept_days(KeepClass.ALERT) is None


def test_a_camera_that_is_gone_keeps_its_footage_or_follows_the_default() -> None:
    assert aged([footage()], Rules({}), FOREVER - 1) == []
    assert aged([footage()], Rules({}, Policy(DAYS)), FOREVER - 1) == [footage()]


def test_plain_footage_goes_first_and_the_oldest_of_it() -> None:
    alert = footage(KeepClass.ALERT, 1, 0)
    moved = footage(KeepClass.MOTION, 2, MINUTE)
    old, new = footage(seq=3, start=2 * MINUTE), footage(seq=4, start=3 * MINUTE)
    everything = [alert, new, moved, old]
    assert choose(everything, 1) == [old]
    assert choose(everything, 1000) == [old]
    assert choose(everything, 1001) == [old, new]
    assert choose(everything, 4000) == [old, new, moved, alert]
    assert choose(everything, 0) == []


def test_when_all_that_is_left_is_held_or_busy_nothing_goes() -> None:
    assert choose([footage(held=True), footage(seq=2, busy=True)], 10**9) == []


@pytest.mark.parametrize(
    ("camera", "start", "end", "held"),
    [
        ("yard", 0, MINUTE, True),
        ("", MINUTE - 1, MINUTE, True),
        ("yard", MINUTE, 2 * MINUTE, False),
        ("yard", -MINUTE, 0, False),
        ("door", 0, MINUTE, False),
    ],
)
def test_a_hold_covers_what_it_touches(camera: str, start: int, end: int, held: bool) -> None:
    assert is_held(segment(), [Hold("1", camera, start, end, "court", 0)]) is held


def test_the_brake_asks_above_a_fifth_of_all_files() -> None:
    """rel:T48."""
    assert brake(200, 1000, 0.0) == ""
    assert brake(201, 1000, 0.0) == "more than 200 of 1000 files would go at once"


def test_the_brake_asks_above_twice_the_normal_rate() -> None:
    """rel:T48."""
    assert brake(200, 10_000, 100.0) == ""
    assert brake(201, 10_000, 100.0) == "more than 200 of 10000 files would go at once, normal are 100 a day"


def test_three_days_switched_off_are_three_days_of_normal_deletion() -> None:
    assert brake(300, 10_000, 100.0, days=3.0) == ""


def test_the_first_day_that_reaches_its_age_is_not_unusual() -> None:
    """Nothing ever went, but as much comes in: rel:T48."""
    normal = normal_rate([0, 0, 0, 0, 0, 0, 0], 2880.0)
    assert brake(2880, 7 * 2880, normal) == ""


def test_a_handful_of_files_is_never_asked_about() -> None:
    assert brake(10, 12, 1.0) == ""


# --- rel:T47 -------------------------------------------------------------------------------------------------------------


def random_policy(dice: Random) -> Policy:
    days = {klass: dice.choice([None, 0.0, 0.01, 1.0, dice.uniform(0, 5)]) for klass in KeepClass}
    return Policy(days, dice.choice([None, None, dice.uniform(0, 4)]))


def random_footage(dice: Random, holds: Sequence[Hold]) -> list[Footage]:
    found = []
    for seq in range(dice.randrange(25)):
        start = dice.randrange(5 * DAY_US)
        one = segment(dice.choice("abc"), seq, start, dice.randrange(1, 3 * MINUTE), dice.randrange(1, 5000))
        klass = dice.choice(list(KeepClass))
        found.append(Footage(one, klass, is_held(one, holds), dice.random() < 0.1))
    return found


def model_days(days: Mapping[KeepClass, float | None], most: float | None, klass: KeepClass) -> float:
    """What the docs say, said again: the longest of its class and those below, and never more than `most`."""
    longest = 0.0
    for one in ("continuous", "motion", "detection", "alert"):
        limit = days[KeepClass(one)]
        longest = max(longest, float("inf") if limit is None else limit)
        if one == klass.value:
            break
    return longest if most is None or longest < most else most


def model_goes(one: Footage, policies: Mapping[str, Policy], now: int) -> bool:
    policy = policies.get(one.segment.camera)
    if policy is None or one.held or one.busy:
        return False
    days = model_days(policy.days, policy.max_days, one.klass)
    return days < float("inf") and one.segment.end + round(days * DAY_US) <= now


def model_room(everything: Sequence[Footage], need: int) -> set[Footage]:
    """One after the other, until there is room."""
    gone: set[Footage] = set()
    for klass in ("continuous", "motion", "detection", "alert"):
        left = [one for one in everything if one.klass.value == klass and not one.held and not one.busy]
        while left and sum(one.segment.size for one in gone) < need:
            oldest = min(left, key=lambda one: (one.segment.start, one.segment.camera, one.segment.seq))
            left.remove(oldest)
            gone.add(oldest)
    return gone


def test_ten_thousand_random_policies_against_a_simple_model() -> None:
    """rel:T47, the planner: about 5 s."""
    dice = Random(47)
    differences = 0
    for _ in range(10_000):
        holds = [
            Hold(str(n), dice.choice(["", "a", "b"]), (start := dice.randrange(5 * DAY_US)), start + DAY_US, "", 0)
            for n in range(dice.randrange(3))
        ]
        policies = {camera: random_policy(dice) for camera in "ab"}
        everything = random_footage(dice, holds)
        now, need = dice.randrange(10 * DAY_US), dice.randrange(30_000)
        went = aged(everything, Rules(policies), now)
        expected = [one for one in everything if model_goes(one, policies, now)]
        chosen = choose(everything, need)
        differences += went != expected or set(chosen) != model_room(everything, need)
        assert chosen == sorted(chosen, key=order)
        assert not any(one.held or one.busy for one in (*went, *chosen))
    assert differences == 0
