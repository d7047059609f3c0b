"""The inbox over the server: filters, pages, numbers, one alert."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from redshank.clock import US_PER_S, rfc3339
from redshank.web.rooms import Rooms
from tests.playback.recording import NOON
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        yield made


@pytest.fixture
def watched(here: Place) -> Watched:
    return Watched(here.store)


@pytest.fixture
def session(here: Place) -> Iterator[httpx.Client]:
    with client(here.app) as made:
        yield made


def ids(session: httpx.Client, **asked: Any) -> list[str]:
    answer = session.get("/api/alerts", params=asked)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_alerts_come_newest_first_a_page_at_a_time(watched: Watched, session: httpx.Client) -> None:
    # Two at each instant: a page may end between them.
    made = [watched.alert(number // 2).id for number in range(11)]
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = session.get("/api/alerts", params={"limit": 3, "after": after}).json()
        found += [item["id"] for item in page["items"]]
        after = page["next"]
    assert found == sorted(made, key=lambda id: (made.index(id) // 2, id), reverse=True)


def test_an_alert_in_the_list_says_what_it_is(watched: Watched, session: httpx.Client) -> None:
    alert = watched.alert(5, zones=("drive",))
    item = session.get("/api/alerts").json()["items"][0]
    assert item == {
        "id": alert.id, "rule": "people", "camera": "yard", "title": "The yard", "label": "person", "score": 0.81,
        "box": [0.25, 0.25, 0.5, 0.75], "zones": ["drive"], "severity": "alert", "state": "closed",
        "opened": rfc3339(NOON + 5 * US_PER_S), "updated": rfc3339(NOON + 5 * US_PER_S),
        "closed": rfc3339(NOON + 9 * US_PER_S), "tracks": list(alert.tracks), "grouped": 0, "reason": "ended",
        "reviewed": False, "mark": None, "note": "", "picture": False,
    }  # fmt: skip


def test_each_filter_takes_what_it_names(watched: Watched, session: httpx.Client) -> None:
    dog = watched.alert(1, label="dog", zones=("drive", "door")).id
    car = watched.alert(2, "door", label="car", rule="cars", severity="quiet").id
    now = watched.alert(3, zones=("drive2",), state="open", closed=None).id
    assert ids(session, label="dog,car") == [car, dog]
    assert ids(session, camera="door") == [car]
    assert ids(session, zone="drive") == [dog]
    assert ids(session, zone="drive,drive2") == [now, dog]
    assert ids(session, rule="cars") == [car]
    assert ids(session, severity="alert") == [now, dog]
    assert ids(session, state="open") == [now]
    assert ids(session, **{"from": NOON + 2 * US_PER_S, "to": rfc3339(NOON + 3 * US_PER_S)}) == [car]
    assert ids(session, label="dog", camera="door") == []
    assert ids(session, mark="none", reviewed="0") == [now, car, dog]
    assert ids(session, mark="right,wrong") == ids(session, reviewed="1") == []


def test_numbers_are_counted_without_their_own_filter(watched: Watched, session: httpx.Client) -> None:
    for number in range(3):
        watched.alert(number, zones=("drive",))
    watched.alert(4, label="dog")
    watched.alert(5, "door", label="dog", rule="animals", severity="quiet")
    found = session.get("/api/alerts/counts", params={"label": "dog", "camera": "yard"}).json()
    assert found == {
        "total": 1, "camera": {"yard": 1, "door": 1}, "label": {"person": 3, "dog": 1}, "zone": {}, "severity": {"alert": 1},
        "rule": {"people": 1}, "state": {"closed": 1}, "reviewed": {"0": 1}, "mark": {"none": 1},
    }  # fmt: skip
    assert session.get("/api/alerts/counts").json()["zone"] == {"drive": 3}
    late = session.get("/api/alerts/counts", params={"from": NOON + 4 * US_PER_S, "to": NOON + 9 * US_PER_S}).json()
    assert late["total"] == 2


def test_what_is_of_another_camera_is_not_there(here: Place, watched: Watched) -> None:
    """rel:S02."""
    foreign = watched.alert(1, "door").id
    mine = watched.alert(2).id
    here.rooms = Rooms(access=Everybody(only("yard")))
    with client(here.app) as session:
        assert ids(session) == [mine]
        assert session.get("/api/alerts/counts").json()["camera"] == {"yard": 1}
        assert session.get(f"/api/alerts/{mine}").json()["id"] == mine
        answers = [session.get(f"/api/alerts/{id}") for id in (foreign, "019aa000-0000-7000-8000-ffffffffffff")]
        cameras = [session.get("/api/alerts", params={"camera": camera}) for camera in ("door", "nowhere")]
    for one, other in (answers, cameras):
        assert (one.status_code, one.text) == (404, other.text)


@pytest.mark.parametrize(
    "asked",
    [{"after": "x"}, {"limit": 501}, {"severity": "loud"}, {"mark": "odd"}, {"from": "noon"}, {"reviewed": "yes"},
     {"label": ",".join(str(n) for n in range(65))}],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_told(session: httpx.Client, asked: dict[str, Any]) -> None:
    answer = session.get("/api/alerts", params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
