"""Lanes of many cameras over the server."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from redshank.clock import US_PER_S, rfc3339
from redshank.store import coverage, search
from tests.playback.recording import NOON, numbered
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        yield made


def test_one_answer_has_footage_and_alerts_of_every_camera(here: Place) -> None:
    here.recording.add(numbered(6), NOON)
    here.know()
    watched = Watched(here.store)
    first, second = watched.alert(1), watched.alert(7, "door", severity="quiet")
    span = {"from": NOON, "to": NOON + 12 * US_PER_S, "buckets": 4}
    with client(here.app) as session:
        found = session.get("/api/lanes", params=span).json()
        alone = session.get("/api/lanes", params={**span, "camera": "door"}).json()
        timeline = session.get("/api/timeline/yard", params=span).json()
    yard, door = found["lanes"]
    assert (found["from"], found["to"]) == (rfc3339(NOON), rfc3339(NOON + 12 * US_PER_S))
    assert yard["footage"] == timeline["footage"] == [1, 1, 0, 0]
    assert (yard["motion"], yard["reasons"]) == (timeline["motion"], timeline["reasons"])
    assert yard["counts"] == [1, 0, 0, 0]
    assert door["counts"] == [0, 0, 1, 0]
    assert yard["alerts"][0]["id"] == first.id
    assert door["alerts"] == [
        {
            "id": second.id, "time": rfc3339(second.opened), "end": rfc3339(second.opened + 4 * US_PER_S), "label": "person",
            "severity": "quiet",
        }
    ]  # fmt: skip
    assert alone["lanes"] == [door]


def test_of_too_many_alerts_only_their_number_is_told(here: Place) -> None:
    watched = Watched(here.store)
    for number in range(501):
        watched.alert(number / 100)
    with client(here.app) as session:
        (lane, _) = session.get("/api/lanes", params={"from": NOON, "to": NOON + 6 * US_PER_S, "buckets": 2}).json()[
            "lanes"
        ]
    assert (lane["alerts"], lane["counts"]) == ([], [300, 201])


def test_lanes_of_another_camera_are_not_there(here: Place) -> None:
    """rel:S02."""
    here.rooms = replace(here.rooms, access=Everybody(only("yard")))
    span = {"from": NOON, "to": NOON + US_PER_S}
    with client(here.app) as session:
        assert [lane["camera"] for lane in session.get("/api/lanes", params=span).json()["lanes"]] == ["yard"]
        one, other = (session.get("/api/lanes", params={**span, "camera": name}) for name in ("door", "nowhere"))
    assert (one.status_code, one.text) == (404, other.text)


def test_alerts_are_in_the_bucket_they_opened_in_to_the_microsecond(here: Place) -> None:
    """Seven buckets of 100 µs: their edges are rounded down. One statement counts them, whatever their number is."""
    edges = coverage.even(NOON, NOON + 100, 7)
    dice = random.Random(1)
    times = sorted({*edges[:-1], *(one - 1 for one in edges[1:]), *(NOON + dice.randrange(100) for _ in range(20))})
    watched = Watched(here.store)
    for time in times:
        watched.alert((time - NOON) / US_PER_S)
    wanted = [sum(a <= time < b for time in times) for a, b in pairwise(edges)]
    found = here.store.read(partial(search.opened_by, camera="yard", start=NOON, end=NOON + 100, buckets=7))
    assert found == wanted
    first = here.store.read(partial(search.opened, camera="yard", start=NOON, end=NOON + 100, limit=3))
    assert [row.opened for row in first] == times[:3]
