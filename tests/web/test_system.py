"""How everything is: a line for everybody, all of it, and each day's completeness, for those who may; metrics; the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from redshank.access.who import Role, Verb, Who
from redshank.web.logs import parsed
from redshank.web.rooms import Rooms
from tests.playback.recording import NOON, numbered
from tests.web.serving import Everybody, Place, client, place

GUARD = Who("user", "u2", "guard", Role.VIEWER, dict.fromkeys((Verb.LIVE, Verb.HISTORY), frozenset({"yard"})))
STATE = {
    "camera": "yard",
    "stream": "main",
    "status": "online",
    "since": "2026-11-21T12:00:00.000000Z",
    "reason": "",
    "codec": "h264",
    "fps": 9.5,
    "bitrate": 900_000,
    "connects": 2,
    "dropped": {"vision": 3},
    "recording": {"mode": "continuous", "private": False, "recording": True},
    "analysed": {"now": "2 person", "fps": 4.8, "motion": 0.01},
}
STATUS = {
    "ok": False,
    "problems": ["street: offline"],
    "cameras": [STATE, {**STATE, "camera": "street", "status": "offline", "analysed": None}],
    "detector": {"ms": 41.0, "waiting": 1, "calls": 7},
    "detections": 12,
    "alerts": {"open": 1, "total": 4, "suppressed": 2, "latest": []},
    "channels": {"mail": {"state": "failing", "queued": 5}},
    "processes": {"capture-0": {"pid": 1, "starts": 1}},
}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "street": ("main",)}
        made.status = STATUS
        made.rooms = replace(made.rooms, log=tmp_path / "redshank.log", version="1.2.3")
        yield made


def test_the_summary_counts_only_cameras_one_may_see(here: Place) -> None:
    with client(here.app) as session:
        assert session.get("/api/summary").json()["online"] == 1
        assert session.get("/api/summary").json()["problems"] == 1
    here.rooms = Rooms(access=Everybody(GUARD))
    with client(here.app) as session:
        found = session.get("/api/summary").json()
    assert (found["cameras"], found["online"], found["problems"], found["days_left"]) == (1, 1, None, None)


def test_what_footage_there_is_of_the_last_day_is_in_the_summary(here: Place) -> None:
    here.recording.add(numbered(6), NOON)
    here.know()
    with client(here.app) as session:
        assert session.get("/api/summary").json()["complete"] == 100.0
        days = session.get("/api/system/days?camera=yard&days=2").json()["days"]
    assert [day["day"] for day in days] == ["2025-11-20", "2025-11-21"]
    assert days[-1]["percent"] == 100.0
    assert days[-1]["footage_s"] == pytest.approx(6)
    assert days[0]["percent"] is None


def test_metrics_are_what_prometheus_reads_and_name_no_address(here: Place) -> None:
    """rel:S13"""
    with client(here.app) as session:
        answer = session.get("/metrics")
    found = {one.name: one for one in text_string_to_metric_families(answer.text)}
    up = {sample.labels["camera"]: sample.value for sample in found["redshank_camera_up"].samples}
    assert up == {"yard": 1.0, "street": 0.0}
    assert found["redshank_camera_dropped"].samples[0].labels == {
        "camera": "yard",
        "stream": "main",
        "reader": "vision",
    }
    assert found["redshank_detector_seconds"].samples[0].value == pytest.approx(0.041)
    assert found["redshank_channel_up"].samples[0].value == 0.0
    assert "://" not in answer.text.replace("# ", "")


@pytest.mark.parametrize(
    "path", ["/metrics", "/api/status", "/api/system", "/api/logs", "/api/openapi.json", "/api/storage"]
)
def test_who_only_looks_gets_nothing_of_the_machine(here: Place, path: str) -> None:
    """rel:S13"""
    here.rooms = replace(here.rooms, access=Everybody(GUARD))
    with client(here.app) as session:
        assert session.get(path).status_code == 403


def test_readiness_says_no_more_than_that(here: Place) -> None:
    with client(here.app) as session:
        assert session.get("/readyz").json() == {"ok": True}


LOG = """\
2026-11-21 12:00:00,001 INFO redshank.hub: camera yard/main: online camera=yard
2026-11-21 12:00:01,001 ERROR redshank.web.live: it failed
Traceback (most recent call last):
ValueError: no
2026-11-21 12:00:02,001 WARNING redshank.hub: something
"""


def test_the_log_is_read_newest_first_by_level_and_part(here: Place) -> None:
    assert here.rooms.log is not None
    here.rooms.log.write_text(LOG)
    with client(here.app) as session:
        texts = [one["text"] for one in session.get("/api/logs?level=warning").json()["items"]]
        hub = session.get("/api/logs?module=redshank.hub").json()["items"]
        assert session.get("/api/logs?level=all").status_code == 400
    assert texts == ["something", "it failed\nTraceback (most recent call last):\nValueError: no"]
    assert [one["level"] for one in hub] == ["WARNING", "INFO"]


def test_a_part_can_be_made_to_say_more(here: Place) -> None:
    with client(here.app) as session:
        assert session.put("/api/logs/level", json={"module": "redshank.hub", "level": "debug"}).status_code == 204
        assert logging.getLogger("redshank.hub").level == logging.DEBUG
        assert session.get("/api/logs").json()["levels"]["redshank.hub"] == "debug"
        assert session.put("/api/logs/level", json={"module": "redshank.hub", "level": "info"}).status_code == 204
        for wrong in ("root", "uvicorn", "redshank..", "redshank.a b"):
            assert session.put("/api/logs/level", json={"module": wrong, "level": "debug"}).status_code == 404


def test_a_line_before_the_first_is_nobodys() -> None:
    assert parsed("Traceback\n") == []
