"""What a rule would say of one picture: what it can tell, what it cannot, and that it asks the rule itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redshank.model import Box, Detection
from redshank.rules.filter import ObjectFilter
from redshank.rules.rule import Rule
from redshank.rules.what_if import OPEN, Expected, Followed, suppose

YARD = {"drive": ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))}
RULE = Rule("visitors", labels=("person",), zones=("drive",), polygons={"yard": YARD}, min_time_s=2, inertia=3)
PERSON = Detection("person", 0.8, Box(0.4, 0.3, 0.5, 0.9))
ALL = Followed(("person", "car"), 0.5)


def said(rule: Rule = RULE, seen: Detection = PERSON, camera: str = "yard", followed: Followed = ALL) -> Expected:
    return suppose(rule, camera, seen, followed, 16 / 9)


def met(expected: Expected) -> dict[str, bool | None]:
    return {one.name: one.met for one in expected.conditions}


def test_what_one_picture_cannot_tell_is_left_open_and_the_rest_is_told() -> None:
    found = said()
    assert met(found) == {"followed": True, "label": True, "zone": True, "score": True, "min_time": None, "state": None}
    assert found.fires
    wanted = {one.name: (one.wanted, one.got) for one in found.conditions}
    assert wanted["min_time"] == (">= 2 s", OPEN)
    assert wanted["zone"] == ("drive", "drive")


@pytest.mark.parametrize(
    ("seen", "failing"),
    [
        (replace(PERSON, label="car"), {"label"}),
        (replace(PERSON, label="bird"), {"followed", "label"}),
        (replace(PERSON, score=0.45), {"followed", "score"}),
        (replace(PERSON, box=Box(0.4, 0.1, 0.5, 0.4)), {"zone"}),
    ],
)
def test_what_is_not_met_is_named(seen: Detection, failing: set[str]) -> None:
    found = said(seen=seen)
    assert not found.fires
    assert {name for name, value in met(found).items() if value is False} == failing


def test_a_rule_without_a_time_needs_none() -> None:
    assert met(said(replace(RULE, min_time_s=0)))["min_time"] is True


def test_another_camera_a_rule_switched_off_and_a_filter_are_told() -> None:
    assert met(said(replace(RULE, cameras=("front",))))["camera"] is False
    assert met(said(replace(RULE, cameras=("yard",))))["camera"] is True
    assert met(said(replace(RULE, enabled=False)))["enabled"] is False
    small = Followed(("person",), 0.5, {"person": ObjectFilter(min_area=0.5)})
    assert met(said(followed=small))["followed"] is False


def test_a_picture_does_not_move() -> None:
    found = said(Rule("moves", on="motion", min_motion=0.01))
    assert not found.fires
    assert [(one.name, one.met) for one in found.conditions] == [("motion", False)]
