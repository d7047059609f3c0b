"""The page of one camera: moving pixels by each way, and what can be done with them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.harness.browser import Browser, browsing, needs_browser
from tests.page.house import House, house, needs_page
from tests.page.reading import moving

pytestmark = [needs_browser, needs_page]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.mark.parametrize("method", ["auto", "webrtc", "hls", "mjpeg"])
def test_pixels_move_by_each_way(here: House, browser: Browser, method: str) -> None:
    page = here.enter(browser, "/camera/yard", {"camera": {"method": method}})
    moving(page, timeout_s=30)
    used = page.evaluate("document.querySelector('.player').dataset.method")
    assert used == {"auto": "mse"}.get(method, method)
    page.wait_for("document.querySelector('[data-badge]').dataset.badge === 'live'")
    assert page.errors == []
    page.close()


def test_the_figures_of_the_player_are_those_of_the_stream(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/yard", {"camera": {"figures": True}})
    moving(page)
    text = page.wait_for("(t => /[1-9]\\d?\\.\\d\\s/.test(t) && t)(document.querySelector('.player dl').innerText)")
    assert "WebSocket (MSE)" in text
    assert "640 × 360 · main" in text
    assert "avc1." in text
    lag = page.evaluate("parseFloat(/Behind\\s+([\\d.]+) s/.exec(document.querySelector('.player dl').innerText)[1])")
    assert 0 < lag < 3
    page.close()


def test_sound_comes_only_when_it_is_asked_for(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/yard", {"camera": {"figures": True}})
    moving(page)
    codecs = "document.querySelector('.player dl').innerText"
    page.wait_for(f"{codecs}.includes('avc1')")
    assert "mp4a" not in page.evaluate(codecs)
    assert page.evaluate("document.querySelector('video').muted")
    page.press("m")
    page.wait_for(f"{codecs}.includes('mp4a')")
    moving(page)
    assert not page.evaluate("document.querySelector('video').muted")
    page.close()


def test_a_picture_is_saved_as_it_comes(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/yard")
    moving(page)
    page.evaluate("HTMLAnchorElement.prototype.click = function () { window.saved = [this.download, this.href] }; 0")
    page.click("[aria-label='Save this picture']")
    name, address = page.wait_for("window.saved")
    assert re.fullmatch(r"yard-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.jpg", name)
    look = f"(async () => {{ const i = new Image(); i.src = {address!r}; await i.decode(); return [i.width, i.height] }})()"
    assert page.evaluate(look) == [640, 360]
    page.close()


def test_zones_are_drawn_where_they_are(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/yard", {"camera": {"zones": True}})
    moving(page)
    blue = """(() => {
      const canvas = document.querySelector('.player canvas[aria-hidden]');
      const pen = canvas.getContext('2d');
      const [w, h] = [canvas.width, canvas.height];
      const high = Math.min(h, w * 9 / 16), wide = high * 16 / 9;
      const at = (x, y) => pen.getImageData((w - wide) / 2 + x * wide, (h - high) / 2 + y * high, 1, 1).data[3];
      return [at(0.3, 0.7) > 0, at(0.8, 0.2) > 0];
    })()"""
    page.wait_for(f"{blue}[0]")
    assert page.evaluate(blue) == [True, False]
    page.close()


def test_a_private_camera_shows_nothing_until_that_is_ended(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/yard")
    moving(page)
    page.click("[aria-label='Make private']")
    page.click("button.item")
    page.wait_for(
        "document.querySelector('[data-badge]').dataset.badge === 'private' && !document.querySelector('.player')"
    )
    page.click(".tools > button:last-child")
    page.wait_for("!!document.querySelector('.player')")
    moving(page)
    page.close()


def test_what_is_no_camera_leads_back(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/nowhere")
    page.click("#content a[href='/live']")
    page.wait_for("location.pathname === '/live'")
    page.close()


def test_it_fits_on_a_phone(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/yard")
    page.size(390, 844, mobile=True)
    moving(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("document.querySelector('main').scrollWidth") == 390
    page.close()


def test_the_player_comes_back_after_a_restart_of_the_server(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/camera/yard")
    moving(page)
    here.stop()
    page.wait_for("['stalled'].includes(document.querySelector('[data-badge]').dataset.badge)")
    page.wait_for("!!document.querySelector('.lost')")
    here.start()
    page.wait_for("document.querySelector('[data-badge]').dataset.badge === 'live'", 30)
    moving(page)
    page.wait_for("!document.querySelector('.lost')")
    page.close()
