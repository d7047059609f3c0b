"""Live pictures over the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redshank.access.who import Role, Verb, Who
from redshank.clock import US_PER_S, rfc3339
from redshank.live.pictures import Stills
from tests.harness.footage import cached_clip, read_number
from tests.live.cameras import Cameras
from tests.playback.decoding import InlineStudio, luma_of_jpeg
from tests.web.serving import Everybody, Place, client, place


@pytest.fixture
def cameras() -> Cameras:
    return Cameras()


@pytest.fixture
def here(tmp_path: Path, cameras: Cameras) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.rooms = replace(made.rooms, stills=Stills(cameras, InlineStudio(), made.clock))
        yield made


def test_the_newest_picture_says_when_it_was(here: Place, cameras: Cameras) -> None:
    cameras.add(cached_clip(1), here.clock.now() - US_PER_S, stream="sub")
    with client(here.app) as session:
        answer = session.get("/api/live/yard/latest.jpg", params={"width": 320})
        again = session.get("/api/live/yard/latest.jpg?width=320", headers={"If-None-Match": answer.headers["etag"]})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["redshank-time"] == rfc3339(here.clock.now() - US_PER_S)
    assert answer.headers["cache-control"] == "private, no-store"
    assert read_number(luma_of_jpeg(answer.content)) == 0
    assert (again.status_code, again.content) == (304, b"")


def test_none_is_said_and_why(here: Place, cameras: Cameras) -> None:
    here.rooms = replace(
        here.rooms, stills=Stills(cameras, InlineStudio(), here.clock, lambda _camera: "it is private")
    )
    with client(here.app) as session:
        answer = session.get("/api/live/yard/latest.jpg")
        wide = session.get("/api/live/yard/latest.jpg?width=9999")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "there is no picture of this camera now: it is private",
    )
    assert wide.status_code == 400


def test_a_foreign_camera_is_not_there(here: Place, cameras: Cameras) -> None:
    cameras.add(cached_clip(1), here.clock.now() - US_PER_S)
    guest = Who("user", "g1", "guest", Role.VIEWER, {Verb.LIVE: frozenset({"drive"})})
    here.rooms = replace(here.rooms, access=Everybody(guest))
    with client(here.app) as session:
        foreign, unknown = (session.get(f"/api/live/{name}/latest.jpg") for name in ("yard", "nowhere"))
    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json()) == (404, unknown.json())
