"""The register of still objects by itself; with the tracker: test_track.py."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from redshank.clock import US_PER_S
from redshank.model import Box
from redshank.vision.still import Register, Rest, StillObject, shifted, still_from_json

PLACE = Box(0.4, 0.4, 0.6, 0.6)
CAR = StillObject("a", "car", PLACE, 0.7, 0.9, 5, 1, 2, 9, 40, 0.25)


def test_what_is_written_down_comes_back_the_same() -> None:
    assert still_from_json(json.loads(json.dumps(CAR.as_json()))) == CAR
    assert still_from_json(CAR.as_json() | {"later": 1}) == CAR


@pytest.mark.parametrize("broken", [{}, {**CAR.as_json(), "box": [1, 2, 3]}, {**CAR.as_json(), "hits": "many"}])
def test_a_damaged_value_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        still_from_json(broken)


def test_one_odd_box_is_no_departure_but_a_lasting_one_is() -> None:
    away = shifted(PLACE, 0.2, 0.0)
    rest = Rest(PLACE, 0)
    rest = rest.step(away, 1 * US_PER_S, 0.6, 0.5)
    assert rest.place == PLACE
    rest = rest.step(PLACE, 2 * US_PER_S, 0.6, 0.5)
    rest = rest.step(away, 3 * US_PER_S, 0.6, 0.5)
    assert (rest.place, rest.since) == (PLACE, 0)
    assert rest.step(away, 4 * US_PER_S, 0.6, 0.5) == Rest(away, 4 * US_PER_S)


def test_a_half_hidden_object_is_still_in_its_place() -> None:
    half = Box(0.4, 0.4, 0.49, 0.6)
    rest = Rest(PLACE, 0)
    for second in range(10):
        rest = rest.step(half, second * US_PER_S, 0.6, 0.5)
    assert rest.place == PLACE


def test_the_register_knows_an_object_by_place_and_kind_once() -> None:
    register = Register(remember_s=3600)
    register.add(CAR)
    register.add(replace(CAR, id="b", box=shifted(PLACE, 0.3, 0.0)))
    assert register.take(PLACE, lambda label: label == "person", 0.6) is None
    assert register.take(shifted(PLACE, 0.15, 0.0), lambda _: True, 0.6) is None
    assert register.take(shifted(PLACE, 0.01, 0.0), lambda label: label == "car", 0.6) == CAR
    assert register.take(PLACE, lambda _: True, 0.6) is None
    assert [known.id for known in register] == ["b"]


def test_the_register_forgets_with_time_and_is_bounded() -> None:
    register = Register(remember_s=10, most=3)
    for i in range(5):
        register.add(replace(CAR, id=str(i), last_seen=i * US_PER_S))
    assert [known.id for known in register] == ["2", "3", "4"]
    register.expire(13 * US_PER_S)
    assert [known.id for known in register] == ["3", "4"]
