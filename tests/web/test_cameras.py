"""The cameras there are, as one may see them; and keeping nothing of one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from redshank.access.who import Verb, Who
from redshank.clock import US_PER_S
from redshank.store import ledger
from redshank.web.rooms import Rooms
from tests.playback.recording import NOON, numbered
from tests.web.serving import Everybody, Place, client, place

LIMITED = Who("user", "u2", "guard", rights={Verb.LIVE: frozenset({"yard"})})
STATE = {
    "camera": "yard",
    "stream": "main",
    "status": "offline",
    "since": "2026-11-21T12:00:00.000000Z",
    "reason": "no answer",
    "codec": "h264",
    "width": 640,
    "height": 360,
    "fps": 10.0,
    "bitrate": 900_000,
    "recording": {"mode": "continuous", "private": False, "recording": True},
    "analysed": {"now": "2 person"},
}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main", "sub"), "street": ("main",)}
        made.status = {"cameras": [STATE]}
        yield made


def test_a_camera_says_how_it_is_and_what_one_may_do_with_it(here: Place) -> None:
    here.rooms = Rooms(access=Everybody(LIMITED))
    with client(here.app) as session:
        (yard,) = session.get("/api/cameras").json()["cameras"]
    assert (yard["id"], yard["title"], yard["status"], yard["reason"]) == ("yard", "The yard", "offline", "no answer")
    assert yard["rights"] == ["live"]
    assert yard["now"] == "2 person"
    assert yard["recording"] is True
    assert [stream["codec"] for stream in yard["streams"]] == ["h264", ""]


def test_what_is_recorded_is_for_who_may_look_at_the_history(here: Place) -> None:
    """rel:S02"""
    here.recording.add(numbered(6), NOON)
    here.know()
    files = []
    for rights in (
        {Verb.LIVE: None},
        {Verb.LIVE: None, Verb.HISTORY: frozenset({"street"})},
        {Verb.LIVE: None, Verb.HISTORY: None},
    ):
        here.rooms = Rooms(access=Everybody(Who("user", "u2", "guard", rights=rights)))
        with client(here.app) as session:
            found = {one["id"]: one for one in session.get("/api/cameras").json()["cameras"]}["yard"]["streams"][0]
        files.append((found["files"] > 0, found["bytes"] > 0, found["first"] is not None, found["last"] is not None))
    assert files == [(False,) * 4, (False,) * 4, (True,) * 4]


def test_a_camera_nobody_heard_of_yet_is_connecting(here: Place) -> None:
    with client(here.app) as session:
        street, _yard = session.get("/api/cameras").json()["cameras"]
    assert (street["id"], street["status"], street["since"]) == ("street", "connecting", None)


def test_private_holds_for_as_long_as_was_said(here: Place) -> None:
    with client(here.app) as session:
        assert session.post("/api/cameras/yard/private", json={"on": True, "minutes": 10}).status_code == 204
        now = here.clock.now()
        assert "yard" in here.store.read(partial(ledger.private, now=now))
        assert "yard" not in here.store.read(partial(ledger.private, now=now + 601 * US_PER_S))
        assert session.post("/api/cameras/yard/private", json={"on": False}).status_code == 204
        assert "yard" not in here.store.read(partial(ledger.private, now=now))


@pytest.mark.parametrize("wrong", [{}, {"on": "perhaps"}, {"on": True, "minutes": -1}, {"on": True, "for": 5}])
def test_what_makes_no_sense_switches_nothing(here: Place, wrong: dict[str, object]) -> None:
    with client(here.app) as session:
        assert session.post("/api/cameras/yard/private", json=wrong).status_code == 400
    assert not here.store.read(partial(ledger.private, now=here.clock.now()))


def test_who_may_only_look_cannot_make_it_private(here: Place) -> None:
    here.rooms = Rooms(access=Everybody(LIMITED))
    with client(here.app) as session:
        assert session.post("/api/cameras/yard/private", json={"on": True}).status_code == 403
        assert session.post("/api/cameras/street/private", json={"on": True}).status_code == 403
