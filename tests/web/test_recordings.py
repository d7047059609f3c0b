"""What there is, as the API says it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from redshank.clock import US_PER_S
from redshank.model import Gap, GapReason
from redshank.store import gaps
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
