"""Events over the server: also those no rule wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from redshank.clock import US_PER_S, rfc3339
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


def ids(session: httpx.Client, **asked: Any) -> list[str]:
    answer = session.get("/api/events", params=asked)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_events_come_newest_first_a_page_at_a_time(here: Place, watched: Watched) -> None:
    made = [watched.event(number).id for number in range(7)]
    found: list[str] = []
    after: str | None = ""
    with client(here.app) as session:
        while after is not None:
            page = session.get("/api/events", params={"limit": 2, "after": after}).json()
            found += [item["id"] for item in page["items"]]
            after = page["next"]
    assert found == made[::-1]


def test_quiet_events_led_to_no_alert(here: Place, watched: Watched) -> None:
    alert, quiet = watched.alert(1), watched.quiet(2)
    moved = watched.event(3, "door", "", kind="motion")
    with client(here.app) as session:
        assert ids(session) == [moved.id, quiet.id, alert.tracks[0]]
        assert ids(session, quiet="1") == [moved.id, quiet.id]
        assert ids(session, quiet="0") == [alert.tracks[0]]
        assert ids(session, kind="motion") == [moved.id]
        assert ids(session, label="person", camera="yard", quiet="1") == [quiet.id]
        assert ids(session, **{"from": NOON + 2 * US_PER_S, "to": NOON + 3 * US_PER_S}) == [quiet.id]
        (_, item, _) = session.get("/api/events").json()["items"]
    assert item == {
        "id": quiet.id, "kind": "track", "camera": "yard", "title": "The yard", "start": rfc3339(quiet.start),
        "end": rfc3339(quiet.start + 4 * US_PER_S), "label": "person", "score": 0.81, "box": [0.25, 0.25, 0.5, 0.75],
        "best_time": rfc3339(quiet.start), "zones": [], "alert": None, "reviewed": False, "mark": None, "note": "",
    }  # fmt: skip


def test_events_of_another_camera_are_not_there(here: Place, watched: Watched) -> None:
    """rel:S02."""
    watched.event(1, "door")
    mine = watched.event(2).id
    here.rooms = replace(here.rooms, access=Everybody(only("yard")))
    with client(here.app) as session:
        assert ids(session) == [mine]
        assert session.get("/api/events", params={"camera": "door"}).status_code == 404
