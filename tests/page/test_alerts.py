"""Looking over what happened, in a real browser: the inbox, its filters as addresses, marks with a way back, why one alert fired."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from redshank.access.who import Role
from redshank.model import Alert
from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.page.house import needs_page
from tests.page.past import Past, past

pytestmark = [needs_browser, needs_page]
CARDS = "document.querySelectorAll('article').length"
DAY = "day=2025-11-21"
PIXELS = """(() => {
  const video = document.querySelector('video'), canvas = new OffscreenCanvas(320, 192), pen = canvas.getContext('2d')
  if (video.readyState < 2 || video.seeking) return 0
  pen.drawImage(video, 0, 0, 320, 192)
  return pen.getImageData(0, 0, 320, 192).data.reduce((sum, value, n) => (sum * 31 + value * (n % 97 + 1)) % 1000003, 7)
})()"""
"""A number of the picture that is shown; 0 while there is none."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with past(tmp_path_factory.mktemp("past")) as made:
        made.watched.alert(5, zones=("drive",))
        made.watched.alert(8, label="car")
        made.watched.alert(11, camera="door")
        made.watched.quiet(14, label="dog")
        yield made


@pytest.fixture(scope="module")
def alert(here: Past) -> Alert:
    found = here.watched.alert(20)
    here.walk(found)
    here.tell(found)
    return found


def words(page: Page, selector: str) -> str:
    found: str = page.evaluate(f"[...document.querySelectorAll('{selector}')].map(one => one.innerText).join(' | ')")
    return found


def test_the_inbox_shows_every_alert_with_what_where_and_when(here: Past, browser: Browser) -> None:
    page = here.enter(browser, f"/alerts?{DAY}")
    page.wait_for(f"{CARDS} >= 3")
    told = words(page, "article")
    assert "Car" in told
    assert "drive · The yard" in told
    assert "The door" in told
    page.wait_for("[...document.querySelectorAll('article img')].some(one => one.naturalWidth > 0)")
    assert page.errors == []


def test_a_filter_is_an_address_and_an_address_a_filter(here: Past, browser: Browser) -> None:
    page = here.enter(browser, f"/alerts?{DAY}&label=car")
    page.wait_for(f"{CARDS} === 1")
    assert "Car" in words(page, "article")
    page.click("button[aria-label^='What: ']")
    page.evaluate(
        "[...document.querySelectorAll('.list button')].find(one => one.innerText.includes('people')).click()"
    )
    page.wait_for(f"{CARDS} > 2")
    assert "label=car%2Cperson" in page.evaluate("location.search")
    assert "cars or people" in words(page, ".sentence")
    page.evaluate("history.back()")
    page.wait_for(f"{CARDS} === 1")


def test_what_was_quiet_is_there_too_and_can_be_marked_as_missed(here: Past, browser: Browser) -> None:
    page = here.enter(browser, f"/alerts?{DAY}&show=quiet")
    page.wait_for(f"{CARDS} === 1")
    assert "Dog" in words(page, "article")
    page.press("j")
    page.press("m")
    page.wait_for("!!document.querySelector('article').innerText.includes('Missed')")
    page.wait_for("!!document.querySelector('.toasts').innerText.includes('missed')")


def test_wrong_is_one_key_and_can_be_undone(here: Past, browser: Browser) -> None:
    page = here.enter(browser, f"/alerts?{DAY}&camera=door")
    page.wait_for(f"{CARDS} === 1")
    page.press("j")
    page.press("w")
    page.wait_for("!!document.querySelector('article').innerText.includes('Wrong')")
    assert [one["mark"] for one in asked(here, "/api/alerts?camera=door")] == ["wrong"]
    page.click(".toast button")
    page.wait_for("!document.querySelector('article').innerText.includes('Wrong')")
    assert [(one["mark"], one["reviewed"]) for one in asked(here, "/api/alerts?camera=door")] == [(None, False)]


def asked(here: Past, path: str) -> list[dict[str, object]]:
    answer = httpx.get(f"{here.address}{path}", cookies={"redshank": here.cookie}, trust_env=False)
    items: list[dict[str, object]] = answer.raise_for_status().json()["items"]
    return items


def test_one_alert_says_why_it_fired_and_who_was_told(here: Past, browser: Browser, alert: Alert) -> None:
    page = here.enter(browser, f"/alerts/{alert.id}")
    page.wait_for("!!document.querySelector('#why')")
    told = words(page, "section[aria-labelledby=why]")
    assert "When a person is seen" in told
    assert "0.81" in told
    assert ">= 0.50" in told
    assert page.evaluate("document.querySelectorAll('section[aria-labelledby=why] li.met').length") == 2
    assert "mail told" in words(page, "section[aria-labelledby=told]")
    assert "2 attempts" in words(page, "section[aria-labelledby=told]")
    page.wait_for("document.querySelectorAll('.strip button').length >= 20")


def test_stepping_moves_the_picture_and_the_box_goes_along(here: Past, browser: Browser, alert: Alert) -> None:
    page = here.enter(browser, f"/alerts/{alert.id}")
    page.wait_for(f"{PIXELS} && !!document.querySelector('.over rect')")
    before, left = (
        page.evaluate(PIXELS),
        page.evaluate("Number(document.querySelector('.over rect').getAttribute('x'))"),
    )
    for _ in range(5):
        page.press("ArrowRight")
        page.wait_for("!document.querySelector('video').seeking")
    page.wait_for(f"{PIXELS} && {PIXELS} !== {before}")
    page.wait_for(f"Number(document.querySelector('.over rect').getAttribute('x')) > {left}")
    for _ in range(5):
        page.press("ArrowLeft")
        page.wait_for("!document.querySelector('video').seeking")
    page.wait_for(f"{PIXELS} === {before}")


def test_an_alert_leads_to_its_place_in_history(here: Past, browser: Browser, alert: Alert) -> None:
    page = here.enter(browser, f"/alerts/{alert.id}")
    page.wait_for("!!document.querySelector(\".acts a[href^='/history?']\")")
    href = page.evaluate("document.querySelector(\".acts a[href^='/history?']\").getAttribute('href')")
    assert quote("2025-11-21T12:00:20", safe="") in href
    assert "camera=yard" in href


def test_a_day_is_a_gallery_by_camera(here: Past, browser: Browser) -> None:
    page = here.enter(browser, "/gallery/2025-11-21")
    page.wait_for(f"{CARDS} >= 4")
    assert "The yard" in words(page, ".gallery section h2")
    assert "Dog" in words(page, "article")
    page.click("button[aria-label='Day before']")
    page.wait_for(
        "location.pathname === '/gallery/2025-11-20' && document.body.innerText.includes('Nothing on this day')"
    )


def test_nobody_is_shown_what_they_may_not_do(here: Past, browser: Browser, alert: Alert) -> None:
    page = here.enter(browser, f"/alerts/{alert.id}")
    page.wait_for("!!document.querySelector('.acts')")
    role = page.evaluate("fetch('/api/session').then(answer => answer.json()).then(told => told.role)")
    assert role == Role.ADMIN.value
    assert "Wrong" in words(page, ".acts")


def test_a_wrong_id_says_so_and_the_page_goes_on(here: Past, browser: Browser) -> None:
    page = here.enter(browser, "/alerts/no-such-alert")
    page.wait_for("!!document.querySelector('[role=alert]')")
    assert "there is no such alert" in words(page, "[role=alert]")


def test_thousands_of_alerts_come_a_page_at_a_time(browser: Browser, tmp_path: Path) -> None:
    with past(tmp_path) as here:
        for number in range(200):
            here.watched.alert(number / 10)
        page = here.enter(browser, f"/alerts?{DAY}")
        page.wait_for(f"{CARDS} >= 60")
        page.wait_for(f"(document.querySelector('.end').scrollIntoView(), {CARDS} === 200)", 40)
        page.wait_for("!!document.querySelector('.end').innerText.includes('all of it')")
