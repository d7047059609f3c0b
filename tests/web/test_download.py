"""What a filter shows, taken along: tables a spreadsheet opens, archives with pictures and clips."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from redshank.alert.base import Picture
from redshank.alert.compose import Evidence, save
from redshank.blobs.disk import DiskBlobs
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from redshank.web.table import MARK, lines
from tests.playback.recording import NOON, numbered
from tests.web.serving import Everybody, Place, client, place
from tests.web.watched import Watched, only


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "door": ("main",)}
        made.rooms = Rooms(access=Everybody(), review=Review(DiskBlobs(tmp_path / "pictures")))
        yield made


def rows_of(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(MARK)
    return list(csv.DictReader(io.StringIO(data[len(MARK) :].decode(), newline="")))


def test_the_table_holds_exactly_what_the_filter_shows(here: Place) -> None:
    watched = Watched(here.store)
    dogs = [watched.alert(number, label="dog", zones=("drive", "door")).id for number in range(250)]
    watched.alert(500)
    with client(here.app) as session:
        answer = session.get("/api/alerts.csv", params={"label": "dog"})
    rows = rows_of(answer.content)
    assert answer.headers["content-disposition"] == 'attachment; filename="alerts.csv"'
    assert [row["id"] for row in rows] == dogs[::-1]
    assert (rows[0]["zones"], rows[0]["title"], rows[0]["score"]) == ("drive door", "The yard", "0.81")


def test_no_cell_is_a_formula() -> None:
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =cmd|' /C calc'!A0", "fine", 3.5, None, -1]
    table = b"".join(lines(["a"] * len(evil), [evil])).decode("utf-8-sig")
    cells = next(csv.reader(io.StringIO(table.partition("\r\n")[2], newline="")))
    assert cells == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "' =cmd|' /C calc'!A0", "fine", "3.5", "", "-1"]


def test_an_archive_holds_pictures_clips_and_the_table(here: Place) -> None:
    here.recording.add(numbered(6), NOON)
    here.know()
    watched = Watched(here.store)
    shown, other, late = watched.alert(2), watched.alert(3, label="dog"), watched.alert(900)
    pictures = here.rooms.review.pictures
    assert pictures is not None
    for alert in (shown, other):
        save(pictures, alert, Evidence(Picture("x.jpg", b"\xff\xd8" + alert.id.encode(), 2, 2)))
    with client(here.app) as session:
        answer = session.get("/api/download.zip", params={"label": "person", "clips": "1"})
        bare = session.get("/api/download.zip", params={"label": "person"})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    rows = rows_of(archive.read("alerts.csv"))
    assert [(row["id"], bool(row["picture"]), bool(row["clip"])) for row in rows] == [
        (late.id, False, False),
        (shown.id, True, True),
    ]
    assert sorted(archive.namelist()) == sorted(["alerts.csv", rows[1]["picture"], rows[1]["clip"]])
    assert archive.read(rows[1]["picture"]).endswith(shown.id.encode())
    with av.open(io.BytesIO(archive.read(rows[1]["clip"])), "r") as clip:
        assert len(list(clip.decode(video=0))) == 60
    assert not any(name.endswith(".mp4") for name in zipfile.ZipFile(io.BytesIO(bare.content)).namelist())


def test_what_does_not_fit_is_said(here: Place) -> None:
    watched = Watched(here.store)
    for number in range(5):
        watched.alert(number)
    here.rooms = replace(here.rooms, review=replace(here.rooms.review, most_files=3))
    with client(here.app) as session:
        answer = session.get("/api/download.zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert answer.headers["redshank-left-out"] == "2"
    assert archive.read("LEFT-OUT.txt").startswith(b"2 more alerts")
    assert len(rows_of(archive.read("alerts.csv"))) == 3


def test_downloads_are_of_ones_own_cameras_and_in_the_audit(here: Place) -> None:
    """rel:S02."""
    watched = Watched(here.store)
    watched.alert(1, "door")
    mine = watched.alert(2).id
    door = Everybody(only("yard"))
    here.rooms = replace(here.rooms, access=door)
    with client(here.app) as session:
        assert [row["id"] for row in rows_of(session.get("/api/alerts.csv").content)] == [mine]
        assert session.get("/api/download.zip").status_code == 403  # a viewer may not export
    assert ("guard", "download", "", "alerts.csv") in door.audit.lines
