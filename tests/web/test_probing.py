"""Trying a camera over the server: lines as they come, nothing but cameras, nothing secret."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redshank.media.settings import SourceSettings
from redshank.playback.studio import Busy
from redshank.templates import TEMPLATES
from redshank.web.trial import Told
from tests.web.serving import Place, client, place


class Scripted:
    """A prober that tells what it is given."""

    def __init__(self, *told: Told | Busy) -> None:
        self.told = told
        self.tried: list[SourceSettings] = []

    async def probe(self, source: SourceSettings) -> AsyncGenerator[Told, None]:
        self.tried.append(source)
        for one in self.told:
            if isinstance(one, Busy):
                raise one
            yield one


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def test_each_thing_is_a_line_and_the_login_is_taken_out_of_the_address(here: Place) -> None:
    prober = Scripted(
        Told("step", {"name": "port", "verdict": "ok"}), Told("picture", {}, b"\xff\xd8"), Told("done", {"ok": True})
    )
    here.rooms = replace(here.rooms, prober=prober)
    with client(here.app) as session:
        answer = session.post("/api/cameras/probe", json={"url": "rtsp://me:p%40ss@192.168.1.9/cam"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["kind"] for line in lines] == ["step", "picture", "done"]
    assert lines[1]["picture"] == "/9g="
    assert (prober.tried[0].url, prober.tried[0].user, prober.tried[0].password) == (
        "rtsp://192.168.1.9/cam",
        "me",
        "p@ss",
    )


def test_too_many_at_once_is_told_as_the_end(here: Place) -> None:
    here.rooms = replace(here.rooms, prober=Scripted(Busy("try again")))
    with client(here.app) as session:
        answer = session.post("/api/cameras/probe", json={"url": "rtsp://192.168.1.9/cam"})
    assert json.loads(answer.text) == {"kind": "done", "ok": False, "reason": "try again"}


@pytest.mark.parametrize(
    "url",
    [
        "/etc/passwd",
        "file:/etc/passwd",
        "concat:/etc/passwd|x",
        "exec:ls",
        "-i /etc/passwd",
        "v4l2:/dev/../etc/passwd",
        "data:x",
    ],
)
def test_nothing_but_a_camera_is_tried(here: Place, url: str) -> None:
    """rel:S05"""
    prober = Scripted()
    here.rooms = replace(here.rooms, prober=prober)
    with client(here.app) as session:
        assert session.post("/api/cameras/probe", json={"url": url}).status_code == 400
    assert prober.tried == []


def test_every_template_has_a_place_for_the_address(here: Place) -> None:
    with client(here.app) as session:
        listed = session.get("/api/cameras/templates").json()["templates"]
    assert {one["id"] for one in listed} == set(TEMPLATES)
    for one in listed:
        assert "{host}" in one["main"] or one["main"] in ("usb:0", "csi:0")
        assert not one["sub"] or "{host}" in one["sub"]
