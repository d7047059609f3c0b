"""The wall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.page.house import House, house, needs_page
from tests.page.reading import moving

pytestmark = [needs_browser, needs_page]
NAMES = ("yard", "door", "drive")
BADGE = "document.querySelector('[data-camera={}] [data-badge]').dataset.badge"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house"), NAMES) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def tiles(page: Page) -> list[list[Any]]:
    """[camera, left, top, width, height] of each."""
    page.wait_for(f"document.querySelectorAll('[data-camera]').length === {len(NAMES)}")
    found: list[list[Any]] = page.evaluate(
        "[...document.querySelectorAll('[data-camera]')].map(tile => { const r = tile.getBoundingClientRect();"
        " return [tile.dataset.camera, r.x, r.y, r.width, r.height] })"
    )
    return found


def test_the_tiles_lie_side_by_side_and_all_are_seen(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.size(1280, 800)
    page.wait_for(f"document.querySelectorAll('[data-camera]:has(img, .flows)').length === {len(NAMES)}", 30)
    shown = tiles(page)
    assert [tile[0] for tile in shown] == list(NAMES)
    assert all(abs(width / height - 16 / 9) < 0.02 for *_, width, height in shown)
    assert max(y + height for _, _, y, _, height in shown) <= 800
    page.close()


def test_a_tile_becomes_video_when_it_is_pointed_at_and_a_picture_again(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.size(1280, 800)
    page.wait_for("!!document.querySelector('[data-camera=door] img')", 30)
    assert page.evaluate("!document.querySelector('[data-camera=door] .player')")
    _, x, y, width, height = next(tile for tile in tiles(page) if tile[0] == "door")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + width / 2, y=y + height / 2)
    moving(page, "[data-camera=door] .player")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=600, y=20)
    page.wait_for("!document.querySelector('[data-camera=door] .player')")
    page.close()


def test_pressing_twice_fills_the_wall_and_again_takes_it_back(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.size(1280, 800)
    _, x, y, width, height = tiles(page)[1]
    for count in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            page.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x + width / 2,
                y=y + height / 2,
                button="left",
                clickCount=count,
            )
    page.wait_for("location.search === '?fill=door' && document.querySelectorAll('[data-camera]').length === 1")
    moving(page)
    page.press("Escape")
    page.wait_for(f"location.search === '' && document.querySelectorAll('[data-camera]').length === {len(NAMES)}")
    page.close()


def test_the_order_is_kept_for_the_person(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.size(1280, 800)
    tiles(page)
    page.click("[aria-label='Arrange']")
    page.evaluate("document.querySelector('[data-camera=drive]').focus()")
    page.press("ArrowLeft", 37)
    page.wait_for(
        "[...document.querySelectorAll('[data-camera]')].map(one => one.dataset.camera).join() === 'yard,drive,door'"
    )
    page.evaluate("new Promise(resolve => setTimeout(resolve, 1200))")
    page.open(f"{here.address}/live")
    assert [tile[0] for tile in tiles(page)] == ["yard", "drive", "door"]
    page.close()


def test_what_is_not_seen_costs_nothing(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.size(390, 400, mobile=True)
    page.open(f"{here.address}/live")
    asked = "performance.getEntriesByType('resource').map(one => one.name).filter(name => name.includes('/latest.jpg'))"
    page.wait_for(f"{asked}.some(name => name.includes('/yard/'))", 30)
    page.wait_for(f"{asked}.filter(name => name.includes('/yard/')).length > 1", 30)
    assert not page.evaluate(f"{asked}.some(name => name.includes('/drive/'))")
    page.evaluate("document.querySelector('[data-camera=drive]').scrollIntoView()")
    page.wait_for(f"{asked}.some(name => name.includes('/drive/'))", 30)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()


def test_the_badge_says_when_a_camera_is_away(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.size(1280, 800)
    page.wait_for(f"{BADGE.format('yard')} === 'live'", 30)
    moving(page, "[data-camera=yard] .player")
    here.cameras["yard"].refuse()
    try:
        page.wait_for(f"{BADGE.format('yard')} === 'offline'", 30)
        assert "since" in page.evaluate("document.querySelector('[data-camera=yard] [data-badge]').innerText")
        assert page.evaluate(BADGE.format("door")) == "live"
        page.wait_for("document.querySelector('footer').innerText.includes('2 of 3 cameras')")
    finally:
        here.cameras["yard"].answer()
    page.wait_for(f"{BADGE.format('yard')} === 'live'", 40)
    moving(page, "[data-camera=yard] .player", 30)
    page.close()


def test_keys_lead_to_the_pages_and_tell_themselves(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    tiles(page)
    page.press("?")
    page.wait_for("document.querySelector('dialog[open]')?.innerText.includes('Alerts')")
    page.press("Escape", 27)
    page.wait_for("!document.querySelector('dialog[open]')")
    page.press("g")
    page.press("h")
    page.wait_for("location.pathname === '/history'")
    page.press("g")
    page.press("l")
    page.wait_for("location.pathname === '/live'")
    page.press("/")
    page.wait_for("document.activeElement.type === 'search'")
    page.close()


def test_the_first_load_is_small_and_quick(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    sizes = "performance.getEntriesByType('resource').filter(one => one.name.includes('/assets/')).map(one => one.encodedBodySize)"
    tiles(page)
    assert page.evaluate(f"{sizes}.reduce((sum, one) => sum + one, 0)") < 300_000
    assert not page.errors
    page.close()
