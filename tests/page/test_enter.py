"""How one comes in, and what happens when one may not any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.access.people import PASSWORD
from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.page.house import House, house, needs_page

pytestmark = [needs_browser, needs_page]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house"), ("yard", "door")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.evaluate("document.querySelectorAll('input').forEach(one => (one.value = ''))")
    page.type("input[name=username]", "admin")
    page.type("input[type=password]", password)
    page.press("Enter")


def test_the_first_visit_makes_the_administrator(browser: Browser, tmp_path: Path) -> None:
    with house(tmp_path, account=False) as new:
        page = browser.page(fresh=True)
        page.open(f"{new.address}/")
        page.wait_for("document.querySelectorAll('input[type=password]').length === 2")
        page.evaluate("document.querySelectorAll('input[type=password]')[0].focus()")
        page.call("Input.insertText", text="too short")
        page.wait_for("document.body.innerText.includes('3 more characters')")
        assert page.evaluate("document.querySelector('button[type=submit]').disabled")
        page.call("Input.insertText", text=" but not now")
        page.evaluate("document.querySelectorAll('input[type=password]')[1].focus()")
        page.call("Input.insertText", text="too short but not now")
        page.click("button[type=submit]:not(:disabled)")
        page.wait_for("document.querySelector('nav') && document.querySelectorAll('[data-camera]').length === 1")
        assert not page.errors
        page.close()


def test_a_wrong_password_is_said_and_the_right_one_leads_where_one_was_going(here: House, browser: Browser) -> None:
    page = browser.page(fresh=True)
    page.open(f"{here.address}/camera/yard")
    log_in(page, "not the password")
    page.wait_for("document.querySelector('[role=alert]')?.innerText.includes('not right')")
    assert page.evaluate("document.querySelector('input[type=password]').value") == ""
    log_in(page)
    page.wait_for("!!document.querySelector('.player')")
    assert page.evaluate("location.pathname") == "/camera/yard"
    page.close()


def test_a_guest_link_lets_in_is_not_kept_and_shows_only_its_camera(here: House, browser: Browser) -> None:
    with closing(here.client()) as admin:
        link = admin.post(
            "/api/guests", json={"name": "Anna", "cameras": ["door"], "verbs": ["live"], "hours": 1}
        ).json()["link"]
    page = browser.page(fresh=True)
    page.open(f"{here.address}{link[link.index('/#enter=') :]}")
    page.wait_for("document.querySelectorAll('[data-camera]').length === 1")
    assert page.evaluate("[location.hash, document.querySelector('[data-camera]').dataset.camera]") == ["", "door"]
    assert page.evaluate("[...document.querySelectorAll('nav .place')].map(one => one.pathname)") == ["/live"]
    again = browser.page(fresh=True)
    again.open(f"{here.address}/#enter=nothing-of-ours")
    again.wait_for("document.querySelector('[role=alert]')?.innerText.includes('does not work any more')")
    assert again.evaluate("location.hash") == ""
    again.close()
    page.close()


def test_a_session_that_ends_under_an_open_page_is_begun_again_where_one_was(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/door")
    page.wait_for("!!document.querySelector('.player')")
    cookies = page.call("Network.getCookies", urls=[here.address])["cookies"]
    secret = {"cookie": f"redshank={cookies[0]['value']}"}
    httpx.post(f"{here.address}/api/logout", headers=secret, trust_env=False).raise_for_status()
    page.wait_for("document.body.innerText.includes('Your session has ended')", 20)
    log_in(page)
    page.wait_for("!!document.querySelector('.player')")
    assert page.evaluate("location.pathname") == "/camera/door"
    page.close()


def test_too_many_attempts_are_told_with_the_time_to_wait(here: House, browser: Browser) -> None:
    page = browser.page(fresh=True)
    page.open(f"{here.address}/")
    for _ in range(12):
        log_in(page, "guessing and guessing")
        said = page.wait_for("document.querySelector('[role=alert]')?.innerText")
        if "Too many attempts" in said:
            break
    first = page.wait_for("Number(/(\\d+) s/.exec(document.querySelector('[role=alert]').innerText)?.[1])")
    assert page.evaluate("document.querySelector('button[type=submit]').disabled")
    page.wait_for(f"Number(/(\\d+) s/.exec(document.querySelector('[role=alert]')?.innerText)?.[1]) < {first} || true")
    page.close()
