"""One alert or event over the server: why, who was told, where it was, what was seen picture by picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from redshank.clock import US_PER_S, rfc3339
from redshank.model import Alert
from redshank.rules.rule import Rule
from redshank.store import outbox
from redshank.store.outbox import Wanted
from redshank.trail.trails import Trails
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from tests.playback.recording import NOON
from tests.rules.script import box_at, observe, track
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only

RULE = Rule("people", labels=("person",), min_score=0.5, cooldown_s=600)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        trails = Trails(tmp_path / "trails", made.clock)
        made.rooms = Rooms(access=Everybody(), review=Review(trails=trails, rules=lambda: {"people": RULE}))
        yield made
        trails.close()


@pytest.fixture
def watched(here: Place) -> Watched:
    return Watched(here.store)


def walk(here: Place, alert: Alert) -> None:
    """What was seen of it: five looks a second for four seconds, from before it opened."""
    trails = here.rooms.review.trails
    assert trails is not None
    for number in range(20):
        seen = track(alert.tracks[0], number, box=box_at(0.1 + number / 40, 0.9), score=0.81)
        trails.offer(replace(observe(0, seen, camera=alert.camera, motion=0.04), time=alert.opened + number * 200_000))
    trails.settle()


def test_the_rule_in_words_names_no_camera_and_no_channel_that_is_none_of_theirs(here: Place, watched: Watched) -> None:
    """rel:S02"""
    alert = watched.alert(5)
    rule = replace(RULE, cameras=("door", "yard"), channels=("boss-phone",), cooldown_s=0)
    review = replace(here.rooms.review, rules=lambda: {"people": rule})
    texts = []
    for who in (None, only("yard")):
        here.rooms = Rooms(access=Everybody(who), review=review)
        with client(here.app) as session:
            texts.append(session.get(f"/api/alerts/{alert.id}").json()["rule_text"])
    score = "with a score of at least 50 %"
    assert texts == [
        f"When a person is seen on The door or The yard {score}, tell boss-phone.",
        f"When a person is seen on The yard {score}, tell those chosen for it.",
    ]


def test_an_alert_says_why_it_fired(here: Place, watched: Watched) -> None:
    alert = watched.alert(5)
    with client(here.app) as session:
        found = session.get(f"/api/alerts/{alert.id}").json()
    assert found["rule_text"] == (
        "When a person is seen with a score of at least 50 %, tell every channel, at most every 10 min."
    )
    (verdict,) = found["verdicts"]
    assert verdict["change"] == "open"
    assert verdict["conditions"][1] == {"name": "score", "wanted": ">= 0.50", "got": "0.81", "met": True}
    assert found["verdict"] == verdict
    assert (found["clip_start"], found["clip_end"]) == (rfc3339(NOON), rfc3339(NOON + 14 * US_PER_S))


def test_an_alert_says_who_was_told_and_what_was_held_back(here: Place, watched: Watched) -> None:
    first, second = watched.alert(1), watched.alert(2)
    for number, alert in enumerate((first, second)):
        wanted = Wanted(f"n{number}", alert.id, "mail", "open", alert.opened, alert.opened, "key", 600)
        here.store.write(partial(outbox.queue, wanted=wanted)).result(5)
    tell = partial(outbox.failed, id="n0", now=NOON, error="the server did not answer", due=NOON)
    here.store.write(tell).result(5)
    here.store.write(partial(outbox.sent, id="n0", now=NOON + US_PER_S)).result(5)
    with client(here.app) as session:
        (told,) = session.get(f"/api/alerts/{first.id}").json()["told"]
        (held,) = session.get(f"/api/alerts/{second.id}").json()["told"]
    assert (told["channel"], told["kind"], told["status"]) == ("mail", "open", "sent")
    assert [(one["outcome"], one["error"]) for one in told["deliveries"]] == [
        ("failed", "the server did not answer"),
        ("sent", ""),
    ]
    assert held["status"] == "suppressed"
    assert held["error"]


def test_an_alert_has_the_paths_of_its_objects(here: Place, watched: Watched) -> None:
    alert = watched.alert(5)
    walk(here, alert)
    with client(here.app) as session:
        (event,) = session.get(f"/api/alerts/{alert.id}").json()["events"]
        alone = session.get(f"/api/events/{event['id']}").json()
    points = event["trail"]["points"]
    assert (event["id"], event["alert"], len(points)) == (alert.tracks[0], alert.id, 20)
    assert points[0] == [
        alert.opened,
        pytest.approx(0.05),
        pytest.approx(0.6),
        0.15,
        0.9,
        pytest.approx(0.81, abs=0.005),
    ]
    assert alone == event


def test_frames_show_what_was_seen_in_each_analysed_picture(here: Place, watched: Watched) -> None:
    alert = watched.alert(5)
    walk(here, alert)
    with client(here.app) as session:
        found = session.get(f"/api/alerts/{alert.id}/frames").json()
        same = session.get(f"/api/events/{alert.tracks[0]}/frames").json()
    frame = found["frames"][3]
    assert found == same
    assert (len(found["frames"]), found["left_out"]) == (20, 0)
    assert frame["time"] == rfc3339(alert.opened + 600_000)
    assert frame["picture"] == f"/api/picture/yard/{alert.opened + 600_000}.jpg"
    assert frame["motion"] == pytest.approx(0.04, abs=0.002)
    (seen,) = frame["tracks"]
    assert (seen["track"], seen["label"], seen["state"], seen["seen"]) == (alert.tracks[0], "person", "active", True)


def test_boxes_of_a_range_are_what_is_drawn_over_the_footage(here: Place, watched: Watched) -> None:
    alert = watched.alert(5)
    walk(here, alert)
    with client(here.app) as session:
        span = {"from": alert.opened, "to": alert.opened + US_PER_S}
        found = session.get("/api/boxes/yard", params=span).json()["frames"]
        long = session.get("/api/boxes/yard", params={"from": NOON, "to": NOON + 601 * US_PER_S})
    assert [time for time, _tracks in found] == [alert.opened + number * 200_000 for number in range(5)]
    assert found[0][1] == [[alert.tracks[0], "person", 0.812, 0.05, 0.6, 0.15, 0.9, "active"]]
    assert long.status_code == 400


def test_a_quiet_event_says_which_conditions_were_not_met(here: Place, watched: Watched) -> None:
    event = watched.quiet(3)
    with client(here.app) as session:
        found = session.get(f"/api/events/{event.id}").json()
    assert found["alert"] is None
    assert [one["met"] for one in found["verdicts"][0]["conditions"]] == [True, False]
    assert found["trail"] == {"points": []}


def test_explanations_of_another_camera_are_not_there(here: Place, watched: Watched) -> None:
    """rel:S02."""
    foreign = watched.alert(1, "door")
    here.rooms = replace(here.rooms, access=Everybody(only("yard")))
    nothing = "019aa000-0000-7000-8000-ffffffffffff"
    with client(here.app) as session:
        for address in ("/api/alerts/{}", "/api/alerts/{}/frames"):
            one, other = (session.get(address.format(id)) for id in (foreign.id, nothing))
            assert (one.status_code, one.text) == (404, other.text)
        for address in ("/api/events/{}", "/api/events/{}/frames"):
            one, other = (session.get(address.format(id)) for id in (foreign.tracks[0], nothing))
            assert (one.status_code, one.text) == (404, other.text)
        span = {"from": NOON, "to": NOON + 1}
        one, other = (session.get(f"/api/boxes/{camera}", params=span) for camera in ("door", "nowhere"))
        assert (one.status_code, one.text) == (404, other.text)
