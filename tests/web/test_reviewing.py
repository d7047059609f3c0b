"""Feedback over the server: marks of the site, what each user has looked over, misses, undo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from redshank.access.who import Role, Verb, Who
from redshank.store.schema_review import reviews
from tests.playback.recording import NOON
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only

BOX = {"time": "2025-11-21T12:00:01Z", "label": "cat", "box": [0.1, 0.2, 0.3, 0.4]}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        yield made


@pytest.fixture
def watched(here: Place) -> Watched:
    return Watched(here.store)


def sit_down(here: Place, who: Who) -> None:
    here.rooms = replace(here.rooms, access=Everybody(who))


def say(session: httpx.Client, *items: str, kind: str = "alert", **said: Any) -> httpx.Response:
    return session.post("/api/reviews", json={"items": [{"kind": kind, "id": id} for id in items], **said})


def ids(session: httpx.Client, **asked: Any) -> list[str]:
    return [item["id"] for item in session.get("/api/alerts", params=asked).json()["items"]]


def test_a_mark_is_the_sites_and_a_tick_is_ones_own(here: Place, watched: Watched) -> None:
    first, second = watched.alert(1).id, watched.alert(2).id
    sit_down(here, only("yard", Role.OPERATOR))
    with client(here.app) as session:
        assert say(session, first, mark="wrong", reviewed=True, note="a tree").status_code == 200
        assert ids(session, reviewed="1") == ids(session, mark="wrong") == [first]
        assert ids(session, reviewed="0") == ids(session, mark="none") == [second]
        assert ids(session, mark="wrong,none") == [second, first]
    sit_down(here, only("yard"))
    with client(here.app) as session:
        item = session.get("/api/alerts").json()["items"][1]
        counts = session.get("/api/alerts/counts").json()
    assert (item["mark"], item["note"], item["reviewed"]) == ("wrong", "a tree", False)
    assert (counts["mark"], counts["reviewed"]) == ({"wrong": 1, "none": 1}, {"0": 2})


def test_what_was_before_sent_again_undoes_it(here: Place, watched: Watched) -> None:
    first, second = watched.alert(1).id, watched.alert(2).id
    with client(here.app) as session:
        say(session, first, mark="right", note="the postman", boxes=[BOX])
        before = session.get("/api/alerts").json()
        done = say(session, first, second, mark="wrong", note="", boxes=[], reviewed=True).json()
        assert session.get("/api/alerts/counts").json()["reviewed"] == {"1": 2}
        undone = session.post("/api/reviews", json=done)
        assert session.get("/api/alerts").json() == before
    assert done["items"][0] == {
        "kind": "alert", "id": first, "reviewed": False, "mark": "right", "note": "the postman", "boxes": [BOX],
    }  # fmt: skip
    assert [item["mark"] for item in undone.json()["items"]] == ["wrong", "wrong"]


def test_what_is_left_out_stays_as_it_is(here: Place, watched: Watched) -> None:
    id = watched.alert(1).id
    with client(here.app) as session:
        say(session, id, mark="right", note="the postman")
        say(session, id, reviewed=True)
        say(session, id, note="the neighbour")
        item = session.get("/api/alerts").json()["items"][0]
        say(session, id, mark=None)
        bare = session.get("/api/alerts").json()["items"][0]
    assert (item["mark"], item["note"], item["reviewed"]) == ("right", "the neighbour", True)
    assert (bare["mark"], bare["note"], bare["reviewed"]) == (None, "the neighbour", True)


def test_events_are_reviewed_as_alerts_are(here: Place, watched: Watched) -> None:
    quiet = watched.quiet(1).id
    with client(here.app) as session:
        assert say(session, quiet, kind="event", mark="missed", reviewed=True).status_code == 200
        found = session.get("/api/events", params={"mark": "missed", "quiet": "1"}).json()["items"]
        assert session.get("/api/events", params={"reviewed": "0"}).json()["items"] == []
    assert [(item["id"], item["mark"], item["reviewed"]) for item in found] == [(quiet, "missed", True)]


def test_a_miss_of_which_nothing_was_said_is_kept(here: Place) -> None:
    asked = {"camera": "yard", "time": str(NOON), "label": "person", "box": [0, 0, 0.5, 1], "note": "behind the car"}
    with client(here.app) as session:
        answer = session.post("/api/misses", json=asked)
    assert answer.status_code == 201
    row = here.store.read(lambda conn: conn.execute(select(reviews)).mappings().one())
    assert (row["kind"], row["item"], row["mark"], row["time"]) == ("miss", answer.json()["id"], "missed", NOON)
    assert (row["label"], row["camera"], row["note"]) == ("person", "yard", "behind the car")


@pytest.mark.parametrize("said", [{"mark": "right"}, {"note": "x"}, {"boxes": [BOX]}])
def test_a_viewer_ticks_off_and_says_nothing_else(here: Place, watched: Watched, said: dict[str, Any]) -> None:
    id = watched.alert(1).id
    sit_down(here, only("yard"))
    with client(here.app) as session:
        assert say(session, id, reviewed=True).status_code == 200
        assert say(session, id, **said).status_code == 403
        miss = session.post("/api/misses", json={"camera": "yard", "time": str(NOON), "label": "person"})
        assert session.get("/api/alerts").json()["items"][0]["note"] == ""
    assert miss.status_code == 403


def test_a_guest_does_not_even_tick_off(here: Place, watched: Watched) -> None:
    id = watched.alert(1).id
    sit_down(here, Who("guest", "g1", "a guest", None, {Verb.HISTORY: frozenset({"yard"})}))
    with client(here.app) as session:
        assert say(session, id, reviewed=True).status_code == 403


def test_what_is_of_another_camera_is_not_there(here: Place, watched: Watched) -> None:
    """rel:S02; and one such item among others changes none of them."""
    mine, foreign = watched.alert(1).id, watched.alert(2, "door").id
    sit_down(here, only("yard", Role.OPERATOR))
    with client(here.app) as session:
        one, other = say(session, mine, foreign, mark="wrong"), say(session, mine, "nothing", mark="wrong")
        assert (one.status_code, one.text) == (404, other.text)
        assert ids(session, mark="wrong") == []
        misses = [
            session.post("/api/misses", json={"camera": camera, "time": str(NOON), "label": "x"})
            for camera in ("door", "nowhere")
        ]
    assert misses[0].status_code == 404
    assert misses[0].text == misses[1].text


@pytest.mark.parametrize(
    "body",
    [
        {"items": []},
        {"items": [{"kind": "alert", "id": "x"}], "mark": "odd"},
        {"items": [{"kind": "alert", "id": "x"}], "note": "x" * 10_001},
        {"items": [{"kind": "miss", "id": "x"}]},
        {"items": [{"kind": "alert", "id": "x"}], "boxes": [{**BOX, "box": [0, 0, 2, 2]}]},
        {"items": [{"kind": "alert", "id": "x"}], "who": "me"},
    ],
)
def test_nonsense_is_told(here: Place, body: dict[str, Any]) -> None:
    with client(here.app) as session:
        assert session.post("/api/reviews", json=body).status_code == 400


def test_marks_are_in_the_audit_with_who_made_them(here: Place, watched: Watched) -> None:
    id = watched.alert(1).id
    door = Everybody(only("yard", Role.OPERATOR))
    here.rooms = replace(here.rooms, access=door)
    with client(here.app) as session:
        say(session, id, mark="wrong")
        say(session, id, reviewed=True)
    assert len([line for line in door.audit.lines if "review" in line]) == 1


def test_a_box_is_drawn_at_a_time(here: Place) -> None:
    alert = Watched(here.store).alert(1)
    with client(here.app) as session:
        for time, status in (("soon", 400), ("2026-11-21T12:00:00Z", 200), (str(alert.opened), 200)):
            box = {"time": time, "label": "person", "box": [0.1, 0.1, 0.2, 0.2]}
            asked = {"items": [{"kind": "alert", "id": alert.id}], "boxes": [box]}
            assert session.post("/api/reviews", json=asked).status_code == status, time
