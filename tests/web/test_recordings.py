"""What there is, as the API says it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from redshank.clock import US_PER_S
from redshank.model import Gap, GapReason, Segment
from redshank.store import gaps
from redshank.web.app import make_app
from redshank.web.heavy import AT_ONCE
from tests.playback.recording import NOON, numbered
from tests.web.serving import Place, client, place


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.recording.add(numbered(6), NOON)
        made.recording.add(numbered(6), NOON + 10 * US_PER_S)
        made.know()
        gap = Gap("yard", "main", NOON + 6 * US_PER_S, NOON + 10 * US_PER_S, GapReason.OFFLINE)
        made.store.write(partial(gaps.tell, gap=gap)).result()
        yield made


def test_recordings_tell_files_gaps_and_completeness(here: Place) -> None:
    with client(here.app) as session:
        said = session.get("/api/recordings/yard", params={"from": NOON, "to": "2025-11-21T12:00:16Z"}).json()
    assert [one["start"][11:19] for one in said["segments"]] == ["12:00:00", "12:00:03", "12:00:10", "12:00:13"]
    assert said["gaps"] == [
        {"start": "2025-11-21T12:00:06.000000Z", "end": "2025-11-21T12:00:10.000000Z", "reason": "offline"}
    ]
    assert said["completeness"] == {"percent": 75.0, "footage_s": 12.0, "gaps_s": {"offline": 4.0}}


def test_a_file_that_is_being_written_is_listed_as_running(here: Place) -> None:
    here.recording.run(numbered(20), NOON + 16 * US_PER_S, 5)
    with client(here.app) as session:
        said = session.get("/api/recordings/yard", params={"from": NOON, "to": NOON + 60 * US_PER_S}).json()
    assert [one["running"] for one in said["segments"]] == [False, False, False, False, True]


def test_a_timeline_tells_coverage_and_why_there_is_none(here: Place) -> None:
    with client(here.app) as session:
        params = {"from": NOON, "to": NOON + 16 * US_PER_S, "buckets": 16}
        said = session.get("/api/timeline/yard", params=params).json()
    assert said["footage"] == [1.0] * 6 + [0.0] * 4 + [1.0] * 6
    assert said["reasons"] == [None] * 6 + ["offline"] * 4 + [None] * 6


def test_cameras_are_listed_with_what_they_have(here: Place) -> None:
    with client(here.app) as session:
        (camera,) = session.get("/api/cameras").json()["cameras"]
    assert (camera["id"], camera["title"]) == ("yard", "The yard")
    main, sub = camera["streams"]
    assert (main["files"], main["first"]) == (4, "2025-11-21T12:00:00.000000Z")
    assert main["bytes"] == sum(one.size for one in here.recording.segments)
    assert (sub["files"], sub["first"]) == (0, None)


def test_status_and_storage_are_what_the_site_says(here: Place) -> None:
    here.status = {"cameras": 1}
    with client(here.app) as session:
        assert session.get("/api/status").json() == {"cameras": 1}
        assert session.get("/api/storage").json() == {"volumes": []}


@pytest.mark.parametrize("query", ["", "?from=1", "?from=5&to=4", "?from=a&to=b", "?from=0&to=999999999999999"])
def test_a_listing_without_a_sensible_range_is_a_problem(here: Place, query: str) -> None:
    with client(here.app) as session:
        answer = session.get(f"/api/recordings/yard{query}")
        assert answer.status_code == 400
        assert answer.json()["detail"]
        assert session.get("/api/recordings/nobody?from=1&to=2").status_code == 404
        assert session.get("/api/timeline/yard?from=1&to=2&buckets=0").status_code == 400


def test_a_timeline_is_of_a_year_at_most(here: Place) -> None:
    day = 24 * 3600 * US_PER_S
    with client(here.app) as session:
        year = {"from": str(NOON - 366 * day), "to": str(NOON), "buckets": "366"}
        assert len(session.get("/api/timeline/yard", params=year).json()["footage"]) == 366
        assert session.get("/api/timeline/yard", params={**year, "from": str(NOON - 401 * day)}).status_code == 400


def test_long_listings_take_turns_and_no_thread_from_the_rest(here: Place) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def running(_camera: str, _stream: str) -> list[Segment]:
        begun.release()
        assert go_on.wait(10)
        return []

    app = make_app(replace(here.site, running=running), here.rooms)
    with client(app) as session, ThreadPoolExecutor(10) as pool:
        address = f"/api/recordings/yard?from={NOON}&to={NOON + US_PER_S}"
        answers = [pool.submit(session.get, address) for _ in range(10)]
        assert all(begun.acquire(timeout=10) for _ in range(AT_ONCE))
        assert session.get("/api/cameras").status_code == 200
        assert not begun.acquire(timeout=0.1)
        go_on.set()
        assert [one.result().status_code for one in answers] == [200] * 10
