"""Values to rows and back, and the queries over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from redshank.clock import SystemClock
from redshank.model import Alert, Box, Condition, Event, Verdict
from redshank.store import alerts, events, pictures, state, still, verdicts
from redshank.store.base import Store
from redshank.store.pictures import StoredPicture
from redshank.vision.still import StillObject, still_from_json

VERDICT = Verdict(
    "rule",
    "door",
    10,
    True,
    (Condition("score", ">= 0.50", "0.80", True),),
    "t1",
    "person",
    0.8,
    Box(0, 0.1, 0.2, 1),
    ("z",),
    "open",
)
ALERT = Alert(
    "a1", "rule", "door", "open", 10, 11, None, "person", 0.8, Box(0, 0.1, 0.2, 1), ("t1",), ("z",), "alert", VERDICT, 2
)
EVENT = Event("t1", "track", "door", 5, None, "person", 0.8, Box(0, 0.1, 0.2, 1), 7, ("z", "y"), {"number": 1})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock())
    yield store
    store.close()


def test_an_alert_comes_back_as_it_was_saved(store: Store) -> None:
    closed = replace(ALERT, state="closed", closed=20, box=None)
    for one in (ALERT, closed):
        store.write(partial(alerts.save, alert=one, grouped=3, reason="ended")).result(5)
        assert store.read(partial(alerts.get, id="a1")) == one
    assert store.read(partial(alerts.get, id="a1", site="other")) is None
    assert store.read(partial(alerts.grouped, id="a1")) == 3
    assert store.read(partial(alerts.reason, id="a1")) == "ended"


def test_open_alerts_and_the_newest_of_each_rule_are_what_a_judge_starts_with(store: Store) -> None:
    rows = [
        replace(ALERT, id="1"),
        replace(ALERT, id="2", state="closed", closed=20),
        replace(ALERT, id="3", state="closed", closed=20),
        replace(ALERT, id="4", state="closed", closed=20, camera="yard"),
    ]
    for one in rows:
        store.write(partial(alerts.save, alert=one)).result(5)
    assert [one.id for one, _ in store.read(alerts.live)] == ["1", "3", "4"]
    assert [one.id for one in store.read(partial(alerts.latest, cameras=["yard"]))] == ["4"]


def test_an_event_comes_back_as_it_was_saved(store: Store) -> None:
    ended = replace(EVENT, end=30, data={"state": "ended"})
    store.write(partial(events.save, event=EVENT)).result(5)
    assert store.read(events.unfinished) == [EVENT]
    store.write(partial(events.save, event=ended)).result(5)
    assert store.read(partial(events.get, id="t1")) == ended
    assert store.read(partial(events.unfinished, camera="door")) == []
    assert store.read(partial(events.latest, cameras=["door"])) == [ended]
    assert store.read(partial(events.latest, cameras=["yard"])) == []


def test_verdicts_are_found_by_object_alert_and_time_and_pruned(store: Store) -> None:
    silent = replace(VERDICT, fired=False, change="none", time=5, track="t2")
    store.write(lambda conn: verdicts.add(conn, [(VERDICT, "a1"), (silent, "")])).result(5)
    assert store.read(partial(verdicts.of_track, track="t1")) == [VERDICT]
    assert store.read(partial(verdicts.of_alert, alert="a1")) == [VERDICT]
    assert store.read(partial(verdicts.of_camera, camera="door", start=5, end=10)) == [silent]
    assert store.write(partial(verdicts.prune, before=100)).result(5) == 1
    assert store.read(partial(verdicts.of_camera, camera="door", start=0, end=100)) == [VERDICT]


def test_the_judges_memory_is_kept_by_camera_and_rule(store: Store) -> None:
    store.write(lambda conn: state.save(conn, "door", "", 1, {"epoch": 1})).result(5)
    store.write(lambda conn: state.save(conn, "door", "r", 1, [1])).result(5)
    store.write(lambda conn: state.save(conn, "door", "r", 2, [2])).result(5)
    assert store.read(state.load) == {("door", ""): {"epoch": 1}, ("door", "r"): [2]}


def test_the_register_of_still_objects_is_replaced_whole(store: Store) -> None:
    car = StillObject("c", "car", Box(0, 0, 0.1, 0.1234567), 0.5, 0.9, 1, 2, 3, 4, 5, 0.6)
    dog = replace(car, id="d", label="dog")
    store.write(lambda conn: still.replace(conn, "door", [car.as_json(), dog.as_json()])).result(5)
    store.write(lambda conn: still.replace(conn, "yard", [dog.as_json()])).result(5)
    assert [still_from_json(one) for one in store.read(partial(still.load, camera="door"))] == [car, dog]
    store.write(lambda conn: still.replace(conn, "door", [])).result(5)
    assert store.read(partial(still.load, camera="door")) == []
    assert len(store.read(partial(still.load, camera="yard"))) == 1


def test_pictures_are_found_by_alert_and_event(store: Store) -> None:
    first = StoredPicture("p1", "door", "alert", 2, "door/1.jpg", 1920, 1080, 1000, event="t1", alert="a1")
    second = replace(first, id="p2", time=1, alert="")
    for one in (first, second):
        store.write(partial(pictures.add, picture=one)).result(5)
    assert store.read(partial(pictures.of_alert, alert="a1")) == [first]
    assert store.read(partial(pictures.of_event, event="t1")) == [second, first]
