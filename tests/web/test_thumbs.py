"""Pictures of alerts and events over the server: kept ones, crops, previews."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redshank.alert.base import Picture
from redshank.alert.compose import Evidence, save
from redshank.blobs.disk import DiskBlobs
from redshank.model import Alert, Box
from redshank.playback.thumb import region
from redshank.vision.picture import jpeg
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from tests.playback.decoding import InlineStudio, luma_of_jpeg
from tests.playback.recording import NOON, numbered
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.studio = InlineStudio()
        made.cameras = {"yard": ("main",), "door": ("main",)}
        made.rooms = Rooms(access=Everybody(), review=Review(DiskBlobs(tmp_path / "pictures")))
        yield made


def keep(here: Place, alert: Alert) -> bytes:
    """The picture of an alert: noise, with a bright left half."""
    pixels = np.random.default_rng(1).integers(0, 60, (720, 1280, 3), np.uint8)
    pixels[:, :640] += 180
    data = jpeg(pixels, 95)
    assert here.rooms.review.pictures is not None
    save(here.rooms.review.pictures, alert, Evidence(Picture("yard.jpg", data, 1280, 720)))
    return data


def test_the_picture_of_an_alert_is_the_one_that_was_kept(here: Place) -> None:
    alert = Watched(here.store).alert(1)
    data = keep(here, alert)
    with client(here.app) as session:
        whole = session.get(f"/api/alerts/{alert.id}/picture.jpg")
        small = session.get(f"/api/alerts/{alert.id}/picture.jpg", params={"width": 320})
        listed = session.get("/api/alerts").json()["items"][0]
    assert (whole.headers["content-type"], whole.content) == ("image/jpeg", data)
    assert luma_of_jpeg(small.content).shape == (180, 320)
    assert listed["picture"] is True


def test_a_thumb_shows_the_object_in_little_and_is_made_once(here: Place) -> None:
    """Noise is the worst a JPEG can be asked for."""
    alert = Watched(here.store).alert(1, box=Box(0.6, 0.4, 0.7, 0.6))
    keep(here, replace(alert, verdict=alert.verdict))
    studio = here.studio
    assert isinstance(studio, InlineStudio)
    with client(here.app) as session:
        first, again = (session.get(f"/api/alerts/{alert.id}/thumb.jpg") for _ in range(2))
    assert len(first.content) <= 20_000
    assert luma_of_jpeg(first.content).shape == (240, 320)
    assert again.content == first.content
    assert studio.asked == ["picture"]


def test_without_a_kept_picture_the_footage_shows_it(here: Place) -> None:
    here.recording.add(numbered(6), NOON)
    here.know()
    watched = Watched(here.store)
    alert, event = watched.alert(1), watched.event(2, best_time=NOON + 2_500_000)
    late = watched.alert(90)
    with client(here.app) as session:
        picture = session.get(f"/api/alerts/{alert.id}/picture.jpg")
        thumbs = [
            session.get(f"/api/alerts/{alert.id}/thumb.jpg"),
            session.get(f"/api/events/{event.id}/thumb.jpg"),
        ]
        none = session.get(f"/api/alerts/{late.id}/thumb.jpg")
    assert picture.status_code == 200
    assert [luma_of_jpeg(one.content).shape for one in thumbs] == [(156, 208)] * 2  # 4:3 of a small picture
    assert max(len(one.content) for one in thumbs) <= 20_000
    assert none.status_code == 404


def test_a_preview_is_pictures_across_the_clip(here: Place) -> None:
    alert = Watched(here.store).alert(5)
    with client(here.app) as session:
        pictures = session.get(f"/api/alerts/{alert.id}/preview.json").json()["pictures"]
    times = [int(one.split("/")[4].partition(".")[0]) for one in pictures]
    assert len(times) == 12
    assert NOON <= times[0] < times[-1] <= NOON + 14_000_000


def test_pictures_of_another_camera_are_not_there(here: Place) -> None:
    """rel:S02."""
    alert = Watched(here.store).alert(1, "door")
    keep(here, alert)
    here.rooms = replace(here.rooms, access=Everybody(only("yard")))
    nothing = "019aa000-0000-7000-8000-ffffffffffff"
    with client(here.app) as session:
        for name in ("picture.jpg", "thumb.jpg", "preview.json"):
            one, other = (session.get(f"/api/alerts/{id}/{name}") for id in (alert.id, nothing))
            assert (one.status_code, one.text) == (404, other.text)
        one, other = (session.get(f"/api/events/{id}/thumb.jpg") for id in (alert.tracks[0], nothing))
        assert (one.status_code, one.text) == (404, other.text)


@pytest.mark.parametrize("aspect", [16 / 9, 4 / 3, 9 / 16, 1.0])
@pytest.mark.parametrize("box", [None, Box(0.9, 0.0, 1.0, 0.1), Box(0, 0, 1, 1), Box(0.4, 0.4, 0.45, 0.5)])
def test_what_a_thumb_shows_lies_in_the_picture_around_the_object(box: Box | None, aspect: float) -> None:
    shown = region(box, aspect)
    assert shown.x1 >= 0
    assert shown.y1 >= 0
    assert max(shown.x2, shown.y2) <= 1 + 1e-9
    assert shown.width * aspect / shown.height == pytest.approx(4 / 3)
    if box and box.area < 0.1:
        assert shown.x1 <= box.x1 + 1e-9
        assert box.x2 <= shown.x2 + 1e-9
