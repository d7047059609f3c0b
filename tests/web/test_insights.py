"""Insights over the server: planted data gives exact totals, by whatever they are asked (req:I-13, req:J-13)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from redshank.clock import US_PER_S
from redshank.store import outbox
from redshank.store.outbox import Wanted
from redshank.store.schema import notifications
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from tests.playback.recording import NOON, numbered
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only

HOUR_S = 3600
RANGE = {"from": NOON - 2 * HOUR_S * US_PER_S, "to": NOON + 26 * HOUR_S * US_PER_S}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        watched = Watched(made.store)
        for number in range(12):
            watched.alert(
                number * HOUR_S * 2, camera="yard" if number % 3 else "door", zones=("drive", "gate")[: number % 3]
            )
        watched.alert(30, severity="quiet")
        for number in range(5):
            watched.quiet(number * 600, label="dog")
        watched.alert(-3 * HOUR_S)
        yield made


def asked(session: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = session.get("/api/insights", params={**RANGE, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_totals_are_those_of_the_database_whatever_they_are_summed_by(here: Place) -> None:
    with client(here.app) as session:
        by_day, by_hour = asked(session), asked(session, by="hour")
    for found in (by_day, by_hour):
        assert found["funnel"] == {"motions": 0, "events": 18, "alerts": 12, "notified": 0}
        assert sum(one["alerts"] for one in found["buckets"]) == 12
        assert sum(one["events"] for one in found["buckets"]) == 18
        assert found["camera"] == {"yard": 8, "door": 4}
        assert found["zone"] == {"drive": 8, "gate": 4}
        assert sum(found["hours"]) == 12
    assert [one["start"][:10] for one in by_day["buckets"]] == ["2025-11-21", "2025-11-22"]
    assert len(by_hour["buckets"]) >= 28


def test_filters_narrow_every_sum(here: Place) -> None:
    with client(here.app) as session:
        assert asked(session, camera="door")["funnel"]["alerts"] == 4
        assert asked(session, zone="gate")["funnel"]["alerts"] == 4
        assert asked(session, label="dog")["funnel"] == {"motions": 0, "events": 5, "alerts": 0, "notified": 0}


def test_another_ones_camera_is_in_no_sum(here: Place) -> None:
    """rel:S02"""
    here.rooms = Rooms(access=Everybody(only("door")))
    with client(here.app) as session:
        found = asked(session)
        assert found["camera"] == {"door": 4}
        assert found["funnel"]["events"] == 4
        assert session.get("/api/insights", params={**RANGE, "camera": "yard"}).status_code == 404


def test_the_table_says_the_same(here: Place) -> None:
    with client(here.app) as session:
        found = asked(session)
        rows = list(csv.DictReader(io.StringIO(session.get("/api/insights.csv", params=RANGE).text)))
    assert [int(row["alerts"]) for row in rows] == [one["alerts"] for one in found["buckets"]]


def test_stretches_of_motion_are_counted_once_each(here: Place) -> None:
    for begin in (0, 100):
        here.recording.add(numbered(6), NOON + begin * US_PER_S)
    here.recording.segments = [replace(one, motion=0.2) for one in here.recording.segments]
    here.know()
    with client(here.app) as session:
        assert asked(session)["funnel"]["motions"] == 2


def test_marks_become_precision_and_recall(here: Place) -> None:
    """req:I-14"""
    with client(here.app) as session:
        alerts = [one["id"] for one in session.get("/api/alerts", params={"severity": "alert"}).json()["items"]]
        quiet = [one["id"] for one in session.get("/api/events", params={"quiet": 1}).json()["items"]]
        for mark, kind, ids in (
            ("right", "alert", alerts[:6]),
            ("wrong", "alert", alerts[6:8]),
            ("missed", "event", quiet[:3]),
        ):
            items = [{"kind": kind, "id": id} for id in ids]
            assert session.post("/api/reviews", json={"items": items, "mark": mark}).status_code == 200
        found = asked(session)["marks"]
    assert (found["right"], found["wrong"], found["missed"]) == (6, 2, 3)
    assert found["precision"] == 0.75
    assert found["recall"] == pytest.approx(6 / 9)
    assert found["label"]["dog"]["missed"] == 3


def test_labels_and_zones_narrow_what_was_told_and_what_was_marked(here: Place) -> None:
    """The drive has eight alerts, the gate four of them; the dogs were nowhere, and nothing was said of them."""
    with client(here.app) as session:
        items = session.get("/api/alerts", params={"severity": "alert", "from": NOON}).json()["items"]
        wanted = [Wanted(one["id"], one["id"], "mail", "open", NOON, NOON) for one in items]
        here.store.write(lambda conn: [outbox.queue(conn, one) for one in wanted]).result(5)
        held = [one["id"] for one in items if "gate" in one["zones"]][:1]
        change = (
            update(notifications).where(notifications.c.alert.in_(held)).values(status="suppressed", error="cooldown")
        )
        here.store.write(lambda conn: conn.execute(change).close()).result(5)
        said = [{"kind": "alert", "id": one["id"]} for one in items]
        assert session.post("/api/reviews", json={"items": said, "mark": "right"}).status_code == 200
        for filters, count, suppressed in (
            ({}, 12, 1),
            ({"zone": "drive"}, 8, 1),
            ({"zone": "gate"}, 4, 1),
            ({"label": "dog"}, 0, 0),
        ):
            found = asked(session, **filters)
            assert found["marks"]["right"] == count, filters
            assert sum(one["count"] for one in found["suppressed"]) == suppressed, filters


@pytest.mark.parametrize("wrong", [{"by": "year"}, {"from": "x"}, {"to": "1"}, {"camera": "nobody's"}])
def test_what_makes_no_sense_is_told(here: Place, wrong: dict[str, str]) -> None:
    with client(here.app) as session:
        assert session.get("/api/insights", params={**RANGE, **wrong}).status_code in (400, 404)


def test_without_trails_there_is_no_heat_map(here: Place) -> None:
    here.rooms = replace(here.rooms, review=Review())
    with client(here.app) as session:
        assert session.get("/api/insights/heat/yard", params=RANGE).status_code == 503
        assert session.get("/api/insights/heat/nowhere", params=RANGE).status_code == 404
