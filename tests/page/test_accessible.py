"""The page is for everybody: WCAG A and AA as far as axe-core sees it, in both themes; the keyboard alone is enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import Program, eventually
from tests.harness.broker import free_port
from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding
from tests.page.hands import enter
from tests.page.house import House, house, needs_page
from tests.page.past import Past, past

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
needs_axe = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: `npm ci` in ui/")
pytestmark = [needs_browser, needs_page]
RUN = """axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then(({ violations }) => violations
  .filter(({ impact }) => ['serious', 'critical'].includes(impact))
  .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(one => one.html.slice(0, 160)).join(' | ')}`))"""
READY = "!document.querySelector('.skeleton, [aria-busy=true]') && !!document.querySelector('h1, h2')"
PAGES = (
    "/live",
    "/camera/yard",
    "/alerts",
    "/gallery",
    "/history",
    "/rules",
    "/insights",
    "/setup",
    "/setup/cameras",
    "/setup/cameras/new",
    "/setup/cameras/yard",
    "/setup/cameras/yard/zones",
    "/setup/channels",
    "/setup/people",
    "/setup/storage",
    "/setup/models",
    "/setup/config",
    "/setup/import",
    "/setup/device",
    "/system",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with past(tmp_path_factory.mktemp("past")) as made:
        made.watched.alert(5, zones=("drive",))
        made.walk(made.watched.alert(20))
        yield made


def barred(page: Page) -> list[str]:
    """What is wrong with what is shown, in both themes: by theme, rule and element."""
    found = []
    page.wait_for(READY, 20)
    page.evaluate(f"{AXE.read_text()};0")
    for dark in (True, False):
        page.theme(dark)
        page.wait_for(
            "!document.getAnimations().some(one => one.playState === 'running' && one.effect.getTiming().iterations === 1)"
        )
        found += [f"{'dark' if dark else 'light'} {one}" for one in page.evaluate(RUN, 60)]
    return found


@needs_axe
def test_what_happened_bars_nobody(before: Past, browser: Browser) -> None:
    page = before.enter(browser, "/alerts?day=2025-11-21")
    page.wait_for("!!document.querySelector('article a')")
    found = barred(page)
    page.evaluate("document.querySelector('article a').click()")
    page.wait_for("location.pathname.startsWith('/alerts/') && !!document.querySelector('video')")
    assert found + barred(page) == []
    page.close()


@needs_axe
def test_the_door_and_the_wall_bar_nobody(here: House, browser: Browser) -> None:
    door = browser.page(f"{here.address}/", fresh=True)
    door.wait_for("!!document.querySelector('input[type=password]')")
    inside = here.enter(browser, "/live")
    inside.wait_for("!!document.querySelector('[data-camera]')")
    assert barred(door) + barred(inside) == []
    door.close()
    inside.close()


@needs_axe
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_page_of_the_program_bars_anybody(browser: Browser, tmp_path: Path) -> None:
    clip = person_clip(tmp_path / "clip.mp4", 12, walks_in(1, 2, 5), Encoding(fps=10))
    with FakeCamera(clip) as camera:
        text = (
            f"cameras: {{yard: {{url: '{camera.url}', zones: {{path: [0.1, 0.5, 0.6, 0.5, 0.6, 0.9]}}}}}}\n"
            f"security: {{allow_targets: ['127.0.0.1:{camera.port}']}}\nweb: {{port: {free_port()}}}\n"
            "rtsp: {enabled: false}\n"
        )
        with Program(tmp_path / "site", text) as program, closing(program.log_in()) as client:
            eventually(lambda: client.get("/api/alerts").json()["items"], 40, "an alert")
            page = enter(program, browser)
            found = {}
            for path in PAGES:
                page.open(f"{program.page()}{path}")
                found[path] = barred(page)
            page.close()
    assert {path: told for path, told in found.items() if told} == {}


def test_the_first_key_leads_past_the_menu(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.wait_for("!!document.querySelector('[data-camera]')")
    page.press("Tab", 9)
    at = "document.activeElement.getBoundingClientRect()"
    page.wait_for(f"document.activeElement.matches('a.skip') && {at}.top >= 0")
    page.press("Enter")
    page.wait_for("document.activeElement.id === 'content'")
    page.close()


def test_every_control_of_the_frame_is_reached_by_keys(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.wait_for("!!document.querySelector('[data-camera]') && document.querySelectorAll('footer a').length > 0")
    controls = (
        "[...document.querySelectorAll('a[href], button, input, select')]"
        ".filter(one => one.getClientRects().length && !one.disabled)"
    )
    count = page.evaluate(f"{controls}.length")
    page.evaluate("window.seen = new Set(); addEventListener('focusin', event => seen.add(event.target)); 0")
    for _ in range(count + 5):
        page.press("Tab", 9)
    assert page.evaluate(f"{controls}.filter(one => !seen.has(one)).map(one => one.outerHTML.slice(0, 120))") == []
    page.close()


def test_a_question_keeps_the_focus_and_gives_it_back(here: House, browser: Browser) -> None:
    page = here.enter(browser, "/live")
    page.wait_for("!!document.querySelector('[data-camera]')")
    page.evaluate("document.querySelector('[data-camera]').focus()")
    page.press("?")
    page.wait_for("!!document.activeElement.closest('dialog[open]')")
    for _ in range(4):
        page.press("Tab", 9)
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.press("Escape", 27)
    page.wait_for("document.activeElement.matches('[data-camera]')")
    page.close()
