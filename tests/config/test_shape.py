"""The page edits `streams`; the file keeps the shape it has."""

from __future__ import annotations

from pathlib import Path

from redshank.config.edit import Edit
from redshank.config.load import load
from redshank.config.secret import Secret
from redshank.config.yaml_text import Value
from tests.config.test_editor import FILE, Site

INPUTS = """\
cameras:
  gate:
    # as in Frigate
    ffmpeg:
      inputs:
        - {path: "rtsp://10.0.0.1/sub", roles: [detect]}   # small
        - {path: "rtsp://ann:hunter2@10.0.0.1/main", roles: record}
    zones: {a: "0,0,1,0,1,1"}   # all
"""
LOGIN = """\
cameras:
  gate:
    user: ann     # for both
    password: hunter2
    streams:
      main: {url: "rtsp://10.0.0.1/main"}
      sub: {url: "rtsp://10.0.0.1/sub"}
"""


def streams(site: Site, camera: str) -> object:
    return site.editor.read().values["cameras"][camera]["streams"]


def test_every_shape_is_shown_as_streams(tmp_path: Path) -> None:
    assert streams(Site(tmp_path / "a"), "yard") == {
        "main": {"url": "rtsp://10.0.0.9:554/live", "user": "admin", "password": "***"}
    }
    assert streams(Site(tmp_path / "b", INPUTS), "gate") == {
        "main": {"url": "rtsp://***@10.0.0.1/main"},
        "sub": {"url": "rtsp://10.0.0.1/sub"},
    }
    assert streams(Site(tmp_path / "c", LOGIN), "gate") == {
        "main": {"url": "rtsp://10.0.0.1/main", "user": "ann", "password": "***"},
        "sub": {"url": "rtsp://10.0.0.1/sub", "user": "ann", "password": "***"},
    }


def test_a_camera_with_an_address_only_keeps_it_there(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.save(Edit("set", ("cameras", "yard", "streams", "main", "url"), "rtsp://10.0.0.8/x"))
    assert site.text == FILE.replace("rtsp://10.0.0.9:554/live", "rtsp://10.0.0.8/x")
    whole: Value = {"url": "rtsp://10.0.0.8/x", "user": "admin", "password": "***", "transport": "udp"}
    site.save(Edit("set", ("cameras", "yard", "streams", "main"), whole))
    assert "    password: hunter2\n    transport: udp\n" in site.text


def test_a_second_stream_turns_the_address_into_streams_and_keeps_the_password(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.save(Edit("set", ("cameras", "yard", "streams", "sub"), {"url": "rtsp://10.0.0.9/sub"}))
    camera = load(site.path, site.environ).config.cameras["yard"]
    assert camera.streams["main"].password == Secret("hunter2")
    assert camera.streams["sub"].url == "rtsp://10.0.0.9/sub"
    assert "    url:" not in site.text.replace("        url:", "")


def test_inputs_of_frigate_become_streams_when_one_is_edited(tmp_path: Path) -> None:
    site = Site(tmp_path, INPUTS)
    site.save(Edit("set", ("cameras", "gate", "streams", "sub", "transport"), "udp"))
    camera = load(site.path, site.environ).config.cameras["gate"]
    assert camera.streams["main"].password == Secret("hunter2")
    assert (camera.streams["sub"].url, camera.streams["sub"].transport) == ("rtsp://10.0.0.1/sub", "udp")
    assert 'zones: {a: "0,0,1,0,1,1"}   # all\n' in site.text


def test_a_login_of_both_streams_stays_at_the_camera(tmp_path: Path) -> None:
    site = Site(tmp_path, LOGIN)
    shown = site.editor.read().values["cameras"]["gate"]
    site.save(Edit("set", ("cameras", "gate"), {**shown, "order": 2}))
    assert site.text == LOGIN + "    order: 2\n"
    site.save(Edit("set", ("cameras", "gate", "streams", "sub", "password"), "***"))
    assert site.text == LOGIN + "    order: 2\n"
    site.save(Edit("set", ("cameras", "gate", "streams", "sub", "user"), "bob"))
    assert 'sub: {url: "rtsp://10.0.0.1/sub", user: bob}' in site.text
