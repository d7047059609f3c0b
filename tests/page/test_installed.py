"""The page as an app of its own: it installs, opens without the server, keeps nothing of the API, and takes a new version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.page.house import House, house, needs_page

pytestmark = [needs_browser, needs_page]
KEPT = """(async () => {
  const found = await Promise.all((await caches.keys()).map(async name => (await (await caches.open(name)).keys()).map(one => one.url)))
  return found.flat().map(url => new URL(url).pathname)
})()"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def entered(here: House, browser: Browser, path: str = "/live") -> Page:
    """Logged in, with its worker in charge."""
    page = here.enter(browser, path)
    page.wait_for("!!navigator.serviceWorker.controller", 30)
    page.wait_for("!!document.querySelector('[data-camera]')", 30)
    return page


def test_a_browser_has_nothing_against_installing_it(here: House, browser: Browser) -> None:
    # A context of its own counts as a private window, where nothing can be installed.
    page = browser.page(f"{here.address}/")
    page.wait_for("!!navigator.serviceWorker.controller", 30)
    told = page.call("Page.getAppManifest")
    assert told["url"] == f"{here.address}/manifest.webmanifest"
    assert told["errors"] == []
    assert page.call("Page.getInstallabilityErrors")["installabilityErrors"] == []
    page.close()


def test_it_opens_without_the_server_says_so_and_goes_on_when_that_is_back(here: House, browser: Browser) -> None:
    page = entered(here, browser)
    page.open(f"{here.address}/live")
    page.wait_for("!!document.querySelector('[data-camera]')", 30)
    here.stop()
    try:
        page.open(f"{here.address}/alerts")
        page.wait_for("document.querySelector('[role=alert]')?.innerText.includes('cannot be reached')")
    finally:
        here.start()
    page.wait_for("!!document.querySelector('nav') && location.pathname === '/alerts'", 30)
    page.close()


def test_nothing_of_the_api_is_kept(here: House, browser: Browser) -> None:
    page = entered(here, browser)
    page.wait_for("performance.getEntriesByType('resource').some(one => one.name.includes('/api/alerts'))")
    kept = page.evaluate(KEPT)
    assert "/" in kept
    assert not [path for path in kept if path.startswith(("/api", "/healthz", "/readyz", "/metrics"))]
    page.close()


def test_a_page_that_is_older_than_the_server_takes_the_new_one_once(here: House, browser: Browser) -> None:
    page = entered(here, browser)
    page.call("Network.setBypassServiceWorker", bypass=True)
    page.call("Network.setBlockedURLs", urls=["*/assets/System-*.js"])
    page.evaluate("window.before = true; document.querySelector('nav a[href=\"/system\"]').click()")
    page.wait_for("!window.before && !!document.querySelector('main [role=alert]')", 30)
    assert page.evaluate("location.pathname") == "/system"
    # Still gone: it does not go round in circles.
    page.evaluate("window.before = true")
    page.evaluate("new Promise(resolve => setTimeout(resolve, 800))")
    assert page.evaluate("window.before")
    page.call("Network.setBlockedURLs", urls=[])
    page.click("main [role=alert] button")
    page.wait_for("!window.before && !!document.querySelector('nav') && !document.querySelector('main .failed')", 30)
    page.close()
