"""The past on one canvas, in a real browser: zooming and panning, cameras held together, a range taken along as a film."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import pytest

from redshank.clock import US_PER_S
from tests.e2e.program import CLOCK, Program, eventually
from tests.e2e.recording import BLIND, config, until_recorded
from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.page.house import needs_page
from tests.page.past import Past, past
from tests.playback.recording import NOON

pytestmark = [needs_browser, needs_page]
AT = "at=2025-11-21T12:00:20Z&camera=yard,door&span=2m"
VIEW = "(() => { const d = document.querySelector('canvas').dataset; return [Number(d.from), Number(d.to)] })()"
READY = "document.querySelectorAll('[data-state=ready]').length"
TIMES = """[...document.querySelectorAll('figure')].map(one =>
  [...one.querySelectorAll('video')].find(video => getComputedStyle(video).visibility === 'visible').currentTime)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with past(tmp_path_factory.mktemp("past")) as made:
        made.watched.alert(10)
        yield made


def opened(here: Past, browser: Browser, query: str = AT) -> Page:
    page = here.enter(browser, f"/history?{query}")
    page.wait_for(f"{READY} === 2 && document.querySelector('canvas').width > 0")
    return page


def wheel(page: Page, share: float, by: float) -> float:
    """At a share of the canvas; the time that was there before, and is there after, in seconds of difference."""
    box = page.evaluate(
        "(() => { const r = document.querySelector('canvas').getBoundingClientRect(); return [r.x, r.y, r.width] })()"
    )
    before = page.evaluate(VIEW)
    page.call(
        "Input.dispatchMouseEvent", type="mouseWheel", x=box[0] + share * box[2], y=box[1] + 40, deltaX=0, deltaY=by
    )
    page.wait_for(f"{VIEW}[0] !== {before[0]} || {VIEW}[1] !== {before[1]}")
    after = page.evaluate(VIEW)
    return abs(at(after, share) - at(before, share)) / US_PER_S


def at(view: list[float], share: float) -> float:
    return view[0] + share * (view[1] - view[0])


def test_cameras_are_held_at_one_time(here: Past, browser: Browser) -> None:
    page = opened(here, browser)
    first = page.evaluate(TIMES)
    assert abs(first[0] - 20) < 0.2
    assert abs(first[0] - first[1]) < 0.1
    page.press(" ")
    page.wait_for(f"Math.min(...{TIMES}) > {first[0]} + 1")
    times = page.evaluate(TIMES)
    assert abs(times[0] - times[1]) < 0.5
    page.press(" ")
    page.wait_for("document.querySelectorAll('figure video').values().every(one => one.paused)")
    assert page.errors == []


def test_the_wheel_zooms_around_what_is_pointed_at(here: Past, browser: Browser) -> None:
    page = opened(here, browser)
    for share, by in ((0.25, -300.0), (0.7, -300.0), (0.5, 300.0)):
        span = page.evaluate(f"{VIEW}[1] - {VIEW}[0]")
        # A pixel of the canvas is 1/800 of the view.
        assert wheel(page, share, by) < span / US_PER_S / 800
        assert (page.evaluate(f"{VIEW}[1] - {VIEW}[0]") < span) == (by < 0)


def test_dragging_pans_and_a_click_goes_there(here: Past, browser: Browser) -> None:
    page = opened(here, browser)
    before = page.evaluate(VIEW)
    page.drag("canvas", (0.5, 0.6), (0.75, 0.6))
    page.wait_for(f"{VIEW}[0] < {before[0]}")
    after = page.evaluate(VIEW)
    span = before[1] - before[0]
    assert abs((before[0] - after[0]) / span - 0.25) < 0.01
    assert after[1] - after[0] == span
    wanted = (NOON + 30 * US_PER_S - after[0]) / span
    page.drag("canvas", (wanted, 0.9), (wanted, 0.9))
    page.wait_for(f"{TIMES}.every(time => Math.abs(time - 30) < 1.5)")


def test_where_we_are_is_an_address(here: Past, browser: Browser) -> None:
    page = opened(here, browser)
    page.press("+")
    page.wait_for("location.search.includes('span=60s')")
    found = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    assert found["camera"] == "yard,door"
    assert found["at"].startswith("2025-11-21T12:00:20")


def test_a_time_without_footage_says_so(here: Past, browser: Browser) -> None:
    page = here.enter(browser, "/history?at=2025-11-21T12:10:00Z&camera=yard&span=10m")
    page.wait_for("!!document.querySelector('[data-state=gap]')")
    assert page.evaluate("document.querySelector('figure').innerText.length > 0")


def test_a_time_that_comes_twice_says_which_it_is(here: Past, browser: Browser) -> None:
    """On 2025-10-26 clocks of Berlin were set back at 03:00: 00:30 and 01:30 UTC are both 02:30 there."""
    page = browser.page(fresh=True)
    # The clocks are those of the site, wherever one looks from.
    page.call("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
    page.call("Network.setCookie", name="redshank", value=here.cookie, url=here.address, httpOnly=True)
    told = []
    for hour in (0, 1):
        page.open(f"{here.address}/history?at=2025-10-26T{hour:02}:30:00Z&camera=yard&span=1h")
        page.wait_for("!!document.querySelector('.now b')")
        told.append(page.evaluate("document.querySelector('.now b').innerText"))
    assert told[0].startswith("02:30:00")
    assert told[0].endswith("+02:00")
    assert told[1].startswith("02:30:00")
    assert told[1].endswith("+01:00")


@pytest.mark.slow
def test_a_chosen_range_is_exported_as_a_film_of_its_length(browser: Browser, tmp_path: Path) -> None:
    """The running program, a real camera, the page, and the file that comes out of it."""
    with FakeCamera(cached_clip(20, gop_s=1)) as camera:
        text = config({"yard": camera}, "record: {segment: 4, streams: [main]}\n" + BLIND)
        with Program(tmp_path, text.replace("web: {enabled: false}\n", "web: {port: 8990}\n")) as program:
            until_recorded(program, ["yard"])
            address = eventually(lambda: _address(program), 20, "the page")
            password = {"name": "admin", "password": "a password of nobody"}
            cookies = httpx.post(f"{address}/api/setup", json=password, trust_env=False).raise_for_status().cookies
            with httpx.Client(base_url=address, cookies=cookies, trust_env=False) as session:
                begun = CLOCK.now()
                eventually(lambda: _footage_s(session, begun) > 9, 30, "some seconds of footage")
                page = browser.page(fresh=True)
                page.size(1280, 900)
                page.call("Network.setCookie", name="redshank", value=cookies["redshank"], url=address, httpOnly=True)
                page.open(f"{address}/history?at={begun + 5 * US_PER_S}&camera=yard&span=30s")
                page.wait_for(f"{READY} === 1", 30)
                view = page.evaluate(VIEW)
                page.press("e")
                page.wait_for("!!document.querySelector('.selection')")
                page.evaluate("document.querySelector('.selection .primary').click()")
                page.wait_for("!!document.querySelector('[data-status=done] a')", 30)
                film = session.get(page.evaluate("document.querySelector('[data-status=done] a').getAttribute('href')"))
    with av.open(io.BytesIO(film.content), "r") as file:
        seconds = float((file.duration or 0) / av.time_base)
    assert abs(seconds - (view[1] - view[0]) / 10 / US_PER_S) < 0.3


def _address(program: Program) -> str:
    words = program.said().split()
    return next((word.rstrip("/") for word in words if word.startswith("http://127.0.0.1:") and "#" not in word), "")


def _footage_s(session: httpx.Client, since: int) -> float:
    answer = session.get("/api/recordings/yard", params={"from": since, "to": CLOCK.now() + US_PER_S})
    found: float = json.loads(answer.text)["completeness"]["footage_s"]
    return found
