"""The set-up in the page of the real program: a camera by the wizard, a zone by hand, two editors, the history, and who sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.e2e.program import Program, eventually
from tests.harness.broker import free_port
from tests.harness.browser import Browser, browsing, needs_browser
from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import cached_clip
from tests.page.hands import enter, press, says, write
from tests.page.house import needs_page
from tests.page.reading import moving

pytestmark = [needs_browser, needs_page, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Site:
    """`yard` is configured; `gate` is a camera nobody has added."""

    program: Program
    yard: FakeCamera
    gate: FakeCamera


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    clip = cached_clip(20, gop_s=1)
    with FakeCamera(clip, CameraSettings(backlog=True)) as yard, FakeCamera(clip, CameraSettings(backlog=True)) as gate:
        text = (
            f"# What stands here stays.\ncameras:\n  yard:\n    url: {yard.url}\n    friendly_name: The yard # east\n"
            f'web: {{port: {free_port()}}}\nsecurity: {{allow_targets: ["127.0.0.1:{yard.port}", "127.0.0.1:{gate.port}"]}}\n'
            "rtsp: {enabled: false}\n"
        )
        with Program(tmp_path_factory.mktemp("site"), text) as program:
            program.page(60)
            program.wait_camera("yard", within_s=60)
            yield Site(program, yard, gate)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def test_a_camera_added_in_the_wizard_moves_on_the_wall_without_a_restart(site: Site, browser: Browser) -> None:
    """req:P-15 req:P-16."""
    pids = site.program.pids()
    page = enter(site.program, browser, "/setup/cameras/new")
    write(page, "Address of the main stream", site.gate.url)
    press(page, "Try it")
    page.wait_for("document.querySelector('[data-trying] img')?.naturalWidth > 0", 30)
    page.wait_for("document.querySelector('[data-trying]').dataset.trying === 'ok'", 30)
    write(page, "What people call it", "Front gate!")
    press(page, "Add the camera")
    page.wait_for("location.pathname === '/setup/cameras/front-gate/zones'", 30)
    site.program.wait_camera("front-gate", within_s=40)
    page.open(f"{site.program.page()}/camera/front-gate")
    moving(page, timeout_s=30)
    assert set(pids) <= set(site.program.pids())
    text = site.program.config.read_text()
    assert text.startswith("# What stands here stays.")
    assert "friendly_name: The yard # east" in text
    # What has just been seen has no footage yet, and so no small picture.
    assert [one for one in page.errors if "thumb.jpg" not in one] == []
    page.close()


def test_a_zone_drawn_on_the_picture_holds_at_once(site: Site, browser: Browser) -> None:
    page = enter(site.program, browser, "/setup/cameras/yard/zones")
    press(page, "New zone")
    page.wait_for("document.querySelectorAll('[data-corner]').length === 4")
    page.wait_for("document.querySelector('.polygons img').naturalWidth > 0", 30)
    # Near the corner of the picture: it snaps to it.
    page.drag(".polygons", (0.3, 0.35), (0.006, 0.008))
    page.evaluate("document.querySelector('[data-corner=\"2\"]').focus()")
    page.press("ArrowRight")
    write(page, "Name", "drive")
    page.press("Tab", 9)
    press(page, "Save")
    says(page, "Saved")
    with closing(site.program.log_in()) as api:
        zones = next(one for one in api.get("/api/cameras").json()["cameras"] if one["id"] == "yard")["zones"]
    assert [round(x, 3) for x in zones["drive"][0]] == [0, 0]
    assert zones["drive"][2][0] == pytest.approx(0.6 + 0.002, abs=0.0005)
    page.close()


def test_the_second_of_two_editors_is_asked_and_loses_nothing(site: Site, browser: Browser) -> None:
    """Two people editing one setting: the second sees a conflict."""
    first = enter(site.program, browser, "/setup/cameras/yard")
    second = enter(site.program, browser, "/setup/cameras/yard")
    for page, place in ((first, "North"), (second, "South")):
        write(page, "Location", place)
    press(first, "Save")
    says(first, "Saved")
    press(second, "Save")
    says(second, "admin changed the configuration")
    press(second, "Look at theirs first")
    says(second, "1 change")
    assert second.evaluate("document.querySelector('[data-key=\"cameras.yard.location\"] input').value") == "South"
    press(second, "Save")
    says(second, "Saved")
    assert "South" in site.program.config.read_text()
    first.close()
    second.close()


def test_an_earlier_configuration_comes_back_from_the_history(site: Site, browser: Browser) -> None:
    with closing(site.program.log_in()) as api:
        now = api.get("/api/config").json()
        edit = {"op": "set", "path": ["cameras", "yard", "location"], "value": "Elsewhere"}
        asked = {"version": now["version"], "edits": [edit], "note": "a mistake"}
        api.put("/api/config", json=asked).raise_for_status()
    page = enter(site.program, browser, "/setup/config/history")
    says(page, "a mistake")
    page.click(f"[data-version='{now['version']}'] button")
    page.wait_for("document.querySelector('[data-diff]')?.innerText.includes('Elsewhere')")
    press(page, "Go back to this")
    says(page, "As it was then")
    assert "Elsewhere" not in site.program.config.read_text()
    page.close()


def test_a_text_is_checked_before_it_is_saved(site: Site, browser: Browser) -> None:
    page = enter(site.program, browser, "/setup/config")
    page.wait_for("document.querySelector('textarea')?.value.includes('cameras:')")
    before = site.program.config.read_text()
    page.evaluate(
        "(area => { area.value += 'detect: {fps: 900}\\n'; area.dispatchEvent(new Event('input', {bubbles: true})) })"
        "(document.querySelector('textarea'))"
    )
    press(page, "Check what changes")
    says(page, "This would bring mistakes")
    says(page, "detect.fps")
    assert page.evaluate("[...document.querySelectorAll('button')].find(one => one.innerText === 'Apply').disabled")
    assert site.program.config.read_text() == before
    page.close()


def test_a_viewer_sees_none_of_it(site: Site, browser: Browser) -> None:
    with closing(site.program.log_in()) as api:
        person = {"name": "Vera", "role": "viewer", "password": "only for looking"}
        api.post("/api/users", json=person).raise_for_status()
    page = enter(site.program, browser, "/setup", "Vera", "only for looking")
    says(page, "There is no such page")
    links = page.evaluate("[...document.querySelectorAll('nav a')].map(one => one.getAttribute('href'))")
    assert not {"/setup", "/rules", "/system"} & set(links)
    for path in ("/rules", "/system", "/setup/people"):
        page.open(f"{site.program.page()}{path}")
        says(page, "There is no such page")
    page.close()


def test_a_removed_camera_asks_for_its_name_first(site: Site, browser: Browser) -> None:
    with closing(site.program.log_in()) as api:
        version = api.get("/api/config").json()["version"]
        edit = {"op": "set", "path": ["cameras", "old"], "value": {"url": site.gate.url}}
        api.put("/api/config", json={"version": version, "edits": [edit]}).raise_for_status()
    page = enter(site.program, browser, "/setup/cameras/old")
    press(page, "Remove")
    page.wait_for("document.querySelector('dialog[open] footer .danger')?.disabled")
    write(page, "Type old to confirm", "old")
    press(page, "Remove the camera")
    page.wait_for("location.pathname === '/setup/cameras'")
    eventually(lambda: "old:" not in site.program.config.read_text(), 5, "the file without it")
    press(page, "Undo")
    says(page, "As it was before")
    assert "old:" in site.program.config.read_text()
    page.close()
