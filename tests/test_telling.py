"""What a running site says to whoever listens, and that nothing is made when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from redshank.clock import US_PER_S
from redshank.judgement import Changes
from redshank.model import Alert, Box, Event, Observation, Track, TrackState, Verdict
from redshank.news import News
from redshank.telling import Teller
from tests.harness.clocks import FakeClock

NOON = 1_763_726_400 * US_PER_S
BOX = Box(0.1, 0.2, 0.30001, 0.4)
VERDICT = Verdict("people", "yard", NOON, True, ())
ALERT = Alert(
    "a1", "people", "yard", "open", NOON, NOON, None, "person", 0.9, BOX, ("e1",), ("drive",), "alert", VERDICT
)
EVENT = Event("e1", "track", "yard", NOON, None, "person", 0.9, BOX, NOON)


def track(state: TrackState) -> Track:
    return Track("t1", 1, "person", state, BOX, 0.87654, 0.9, NOON, NOON, NOON, True, 3)


def teller(news: News, status: Mapping[str, Any] | None = None) -> Teller:
    return Teller(news, FakeClock(autojump=True), lambda: status or {}, lambda camera: f"The {camera}")


async def test_what_is_committed_is_said_with_the_cameras_title() -> None:
    news = News()
    listener = news.listen()
    listener.want(["alerts", "events"])
    teller(news).heard(Changes(events=(EVENT,), alerts=(ALERT,)))
    event, alert = await listener.take()
    assert (event.topic, event.camera, event.data["id"], event.data["end"]) == ("events", "yard", "e1", None)
    assert alert.data["title"] == "The yard"
    assert alert.data["opened"] == "2025-11-21T12:00:00.000000Z"
    assert alert.data["box"] == [0.1, 0.2, 0.3, 0.4]


async def test_only_what_is_really_there_is_drawn_on_a_picture() -> None:
    news = News()
    listener = news.listen()
    listener.want(["observations:yard"])
    tracks = tuple(track(state) for state in TrackState)
    teller(news).seen(Observation("yard", "main", 1, 1, NOON, tracks, motion=0.25))
    teller(news).seen(Observation("street", "main", 1, 1, NOON, tracks))
    (one,) = await listener.take()
    assert [each["state"] for each in one.data["tracks"]] == ["active", "stationary"]
    assert one.data["tracks"][0]["score"] == 0.877
    assert one.data["motion"] == 0.25


async def test_cameras_are_told_each_second_and_the_site_only_what_it_says_of_itself() -> None:
    news = News()
    listener = news.listen()
    listener.want(["cameras", "status"])
    status = {
        "ok": True, "time": "t", "problems": [], "detector": {}, "channels": {},
        "cameras": [{"camera": "yard", "stream": "main"}], "alerts": {"latest": ["of another camera"]},
    }  # fmt: skip
    running = asyncio.ensure_future(teller(news, status).run())
    first = (await listener.take())[:2]
    running.cancel()
    assert [(item.topic, item.camera) for item in first] == [("cameras", "yard"), ("status", "")]
    assert "alerts" not in first[1].data


async def test_nothing_is_made_when_nobody_listens() -> None:
    def never() -> Mapping[str, Any]:
        raise AssertionError("nobody asked")

    clock = FakeClock()
    silent = Teller(News(), clock, never)
    running = asyncio.ensure_future(silent.run())
    await asyncio.sleep(0)
    assert clock.slept == [1.0]
    running.cancel()
