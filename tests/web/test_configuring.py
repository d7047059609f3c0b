"""The configuration over the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from redshank.access.who import ROLE_RIGHTS, Role, Who
from redshank.apply import difference
from redshank.config.editor import Editor
from redshank.web.rooms import Rooms
from tests.web.serving import Everybody, Place, client, place

FILE = """\
# My site
cameras:
  yard:   # behind the house
    url: rtsp://10.0.0.9:554/live
    user: admin
    password: hunter2-canary
detect:
  fps: 5     # enough
channels:
  hook: {type: webhook, url: "https://ann:s3cr3t-canary@hooks.example.org/x", secret: !secret hook}
"""
CANARIES = ("hunter2-canary", "s3cr3t-canary", "whsec-canary")


@dataclass
class Reloaded:
    """What the running site says."""

    live: tuple[str, ...] = ("detect.fps",)
    restart: tuple[str, ...] = ()
    used: bool = True
    problems: tuple[str, ...] = ()


@dataclass
class Site:
    here: Place
    path: Path
    session: httpx.Client
    door: Everybody
    outcome: list[Reloaded]

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def version(self) -> str:
        return str(self.session.get("/api/config").json()["version"])

    def put(self, *edits: dict[str, Any], version: str | None = None, **more: Any) -> httpx.Response:
        body = {"version": self.version if version is None else version, "edits": list(edits), **more}
        return self.session.put("/api/config", json=body)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    path = tmp_path / "etc" / "redshank.yaml"
    path.parent.mkdir()
    path.write_text(FILE)
    (path.parent / "secrets.yaml").write_text("hook: whsec-canary\n")
    outcome = [Reloaded()]

    async def reload() -> Reloaded:
        return outcome[0]

    with place(tmp_path / "site") as here:
        environ = {"TZ": "UTC", "REDSHANK__DETECT__MIN_SCORE": "0.4"}
        editor = Editor(path, environ, tmp_path / "data", here.clock, difference, reload)
        door = Everybody()
        here.rooms = Rooms(access=door, editor=editor)
        with client(here.app) as session:
            yield Site(here, path, session, door, outcome)


def fps(value: object) -> dict[str, Any]:
    return {"op": "set", "path": ["detect", "fps"], "value": value}


def test_the_page_reads_what_the_file_says_without_any_secret(site: Site) -> None:
    answer = site.session.get("/api/config")
    said = answer.json()
    assert not any(canary in answer.text for canary in CANARIES)
    assert said["values"]["cameras"]["yard"]["streams"]["main"]["password"] == "***"
    assert said["values"]["channels"]["hook"] == {
        "type": "webhook",
        "url": "https://***@hooks.example.org/x",
        "secret": "!secret hook",
    }
    assert said["values"]["detect"] == {"fps": 5}
    assert said["locked"] == ["detect.min_score"]
    assert (said["problems"], said["pending"]) == ([], [])
    assert "  yard:   # behind the house\n" in said["text"]


def test_a_change_is_checked_then_saved_and_told_to_the_running_site(site: Site) -> None:
    asked = {"version": site.version, "edits": [fps(4)]}
    checked = site.session.post("/api/config/check", json=asked).json()
    assert site.text == FILE
    assert checked["applies"] == {"live": ["detect.fps"], "restart": []}
    assert "-  fps: 5     # enough\n+  fps: 4     # enough" in checked["diff"]
    saved = site.put(fps(4), note="less work")
    assert saved.status_code == 200
    assert saved.json()["applied"] == ["detect.fps"]
    assert saved.json()["version"] == site.version
    assert site.text == FILE.replace("fps: 5", "fps: 4")


def test_the_second_of_two_people_gets_a_conflict_that_names_the_first(site: Site) -> None:
    version = site.version
    assert site.put(fps(4), version=version).status_code == 200
    second = site.put(fps(3), version=version)
    assert second.status_code == 409
    assert second.headers["content-type"] == "application/problem+json"
    assert second.json()["who"] == "admin"
    assert second.json()["current"] == site.version
    assert "fps: 4" in site.text


def test_a_value_that_cannot_be_is_refused_with_its_key_and_line(site: Site) -> None:
    refused = site.put(fps(1000))
    assert refused.status_code == 422
    assert refused.json()["problems"] == [
        {"line": 8, "key": "detect.fps", "message": "is '1000': expected a number less than or equal to 60"}
    ]
    assert site.text == FILE


def test_the_whole_text_comes_back_hidden_and_is_saved_with_its_secrets(site: Site) -> None:
    shown = site.session.get("/api/config").json()["text"]
    body = {"version": site.version, "text": shown.replace("fps: 5", "fps: 2") + "# the end\n"}
    assert site.session.put("/api/config", json=body).status_code == 200
    assert site.text == FILE.replace("fps: 5", "fps: 2") + "# the end\n"


def test_what_was_before_can_be_looked_at_and_comes_back(site: Site) -> None:
    before = site.version
    site.put(fps(4), note="less work")
    items = site.session.get("/api/config/history").json()["items"]
    assert [(one["who"], one["note"]) for one in items] == [("admin", "less work"), ("", "")]
    then = site.session.get(f"/api/config/history/{before}").json()
    assert "+  fps: 5" in then["diff"]
    assert not any(canary in then["text"] for canary in CANARIES)
    back = site.session.post(f"/api/config/history/{before}/restore", json={"version": site.version})
    assert back.status_code == 200
    assert site.text == FILE
    assert site.session.get(f"/api/config/history/{'0' * 64}").status_code == 404


def test_what_the_environment_sets_is_refused_with_the_name_of_the_variable(site: Site) -> None:
    refused = site.put({"op": "set", "path": ["detect", "min_score"], "value": 0.9})
    assert refused.status_code == 422
    assert "$REDSHANK__DETECT__MIN_SCORE" in refused.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"edits": []},
        {"edits": [{"op": "set", "path": [], "value": 1}]},
        {"edits": [{"op": "move", "path": ["a"]}]},
        {"edits": [{"op": "set", "path": ["a"] * 21}]},
        {"edits": [{"op": "set", "path": [None]}]},
        {"edits": [fps(1)], "text": "a: 1"},
        {"edits": [fps(1)], "more": 1},
        {"text": 5},
        [],
    ],
)
def test_a_body_that_makes_no_sense_is_a_bad_request(site: Site, body: object) -> None:
    assert site.session.put("/api/config", json=body).status_code == 400
    assert site.text == FILE


def test_only_who_may_configure_is_answered(site: Site) -> None:
    site.door.asker = Who("user", "u2", "vera", Role.VIEWER, ROLE_RIGHTS[Role.VIEWER])
    for method, address in [
        ("GET", ""),
        ("GET", "/schema"),
        ("POST", "/check"),
        ("PUT", ""),
        ("GET", "/history"),
        ("GET", f"/history/{'0' * 64}"),
        ("POST", f"/history/{'0' * 64}/restore"),
    ]:
        body = {"version": "", "edits": [fps(1)]} if "restore" not in address else {"version": ""}
        answer = site.session.request(method, f"/api/config{address}", json=None if method == "GET" else body)
        assert answer.status_code == 403, address


def test_the_schema_describes_rules_cameras_and_channels(site: Site) -> None:
    said = site.session.get("/api/config/schema").json()
    rule = said["properties"]["rules"]["additionalProperties"]["properties"]
    assert rule["cooldown"]["x-unit"] == "s"
    assert said["properties"]["cameras"]["propertyNames"]["pattern"]
    kinds = said["properties"]["channels"]["additionalProperties"]["oneOf"]
    assert {one["properties"]["type"]["const"] for one in kinds} >= {"console", "email", "slack", "webhook"}


def test_what_is_saved_and_not_in_use_is_told_so(site: Site) -> None:
    """The file had a mistake by hand already: what is saved beside it waits for that."""
    assert (site.put({"op": "set", "path": ["detect", "fps"], "value": 4}).json())["used"] is True
    site.outcome[0] = Reloaded((), used=False, problems=("redshank.yaml:9: rules.p.min_score is 7: expected 0 to 1",))
    said = site.put({"op": "set", "path": ["detect", "fps"], "value": 3}).json()
    assert (said["used"], said["applied"]) == (False, [])
    assert said["unused"] == ["redshank.yaml:9: rules.p.min_score is 7: expected 0 to 1"]
