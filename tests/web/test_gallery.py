"""Days over the server: numbers, and everything of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from redshank.web.review import Review
from redshank.web.rooms import Rooms
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only

HOUR = 3600


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        made.rooms = Rooms(access=Everybody(), review=Review(zone=lambda: ZoneInfo("Asia/Tokyo")))
        yield made


def test_a_day_shows_every_alert_and_what_was_quiet_by_camera(here: Place) -> None:
    """Noon UTC is 21:00 in Tokyo: three hours later it is another day there."""
    watched = Watched(here.store)
    alerts = [watched.alert(number) for number in range(12)]
    quiet, motion = watched.quiet(20), watched.event(30, "door", "", kind="motion")
    watched.event(40, kind="health", label="")
    watched.alert(3 * HOUR + 1)
    with client(here.app) as session:
        found = session.get("/api/gallery/2025-11-21").json()
        door = session.get("/api/gallery/2025-11-21", params={"camera": "door"}).json()
        later = session.get("/api/gallery/2025-11-22", params={"severity": "alert"}).json()
        days = session.get("/api/days", params={"from": "2025-11-20", "to": "2025-11-22"}).json()["days"]
    yard = found["cameras"][0]
    assert [one["id"] for one in yard["alerts"]] == [one.id for one in reversed(alerts)]
    assert [one["id"] for one in yard["quiet"]] == [quiet.id]
    assert (found["day"], yard["title"], yard["left_out"]) == ("2025-11-21", "The yard", 0)
    assert [[one["id"] for one in camera["quiet"]] for camera in door["cameras"]] == [[motion.id]]
    assert len(later["cameras"][0]["alerts"]) == 1
    assert days == [
        {"day": "2025-11-20", "alerts": 0, "quiet": 0, "events": 0},
        {"day": "2025-11-21", "alerts": 12, "quiet": 2, "events": 14},
        {"day": "2025-11-22", "alerts": 1, "quiet": 0, "events": 1},
    ]


def test_days_of_another_camera_are_not_counted(here: Place) -> None:
    """rel:S02."""
    Watched(here.store).alert(1, "door")
    here.rooms = replace(here.rooms, access=Everybody(only("yard")))
    with client(here.app) as session:
        assert (
            session.get("/api/days", params={"from": "2025-11-21", "to": "2025-11-21"}).json()["days"][0]["alerts"] == 0
        )
        assert [one["camera"] for one in session.get("/api/gallery/2025-11-21").json()["cameras"]] == ["yard"]
        assert session.get("/api/gallery/2025-11-21", params={"camera": "door"}).status_code == 404


@pytest.mark.parametrize("span", [("2025-11-22", "2025-11-21"), ("2020-01-01", "2025-01-01"), ("today", "2025-01-01")])
def test_days_that_make_no_sense_are_told(here: Place, span: tuple[str, str]) -> None:
    with client(here.app) as session:
        assert session.get("/api/days", params={"from": span[0], "to": span[1]}).status_code == 400
        assert session.get("/api/gallery/0001-01-01").status_code == 400
