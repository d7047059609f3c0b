"""The browser of the other tests: it runs the page, says what went wrong in it, and is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.harness.browser import Browser, BrowserError, browsing, needs_browser

pytestmark = needs_browser
HTML = """<title>one</title><style>body{margin:0}</style><button id=b onclick="this.textContent='pressed'">press</button>
<input id=i><canvas id=c width=100 height=50></canvas><script>
console.warn('beware'); setTimeout(() => window.later = 7, 100);
c.onpointermove = e => { if (e.buttons) c.dataset.x = e.offsetX }
</script>"""
ADDRESS = "data:text/html," + quote(HTML)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def test_it_runs_the_page_and_answers(browser: Browser) -> None:
    page = browser.page(ADDRESS)
    assert page.evaluate("document.title") == "one"
    assert page.evaluate("Promise.resolve([1, 'two', null])") == [1, "two", None]
    assert page.wait_for("window.later") == 7
    assert "warning: beware" in page.said
    assert page.errors == []


def test_it_clicks_types_and_drags(browser: Browser) -> None:
    page = browser.page(ADDRESS)
    page.click("#b")
    assert page.evaluate("b.textContent") == "pressed"
    page.type("#i", "grüße")
    page.press("!")
    assert page.evaluate("i.value") == "grüße!"
    page.drag("#c", (0.1, 0.5), (0.9, 0.5))
    assert abs(int(page.evaluate("c.dataset.x")) - 90) <= 1


def test_what_goes_wrong_in_the_page_is_told(browser: Browser) -> None:
    page = browser.page(ADDRESS)
    with pytest.raises(BrowserError, match="nothing is not defined"):
        page.evaluate("nothing.here")
    with pytest.raises(BrowserError, match="not true within"):
        page.wait_for("false", 0.2)
    page.evaluate("setTimeout(() => { throw new Error('late') }, 0)")
    page.wait_for("new Promise(done => setTimeout(() => done(true), 20))")
    assert any("late" in line for line in page.errors)
    with pytest.raises(BrowserError, match="net::ERR"):
        page.open("http://127.0.0.1:9/")


def test_its_window_has_the_size_and_the_theme_that_are_wanted(browser: Browser, tmp_path: Path) -> None:
    page = browser.page(ADDRESS)
    page.size(390, 844, 2, mobile=True)
    page.theme(dark=True)
    assert page.evaluate("[innerWidth, devicePixelRatio, matchMedia('(prefers-color-scheme: dark)').matches]")[1:] == [
        2,
        True,
    ]
    assert page.screenshot(tmp_path / "page.png").startswith(b"\x89PNG")
    assert (tmp_path / "page.png").stat().st_size > 1000
    page.close()


def test_a_fresh_page_has_its_own_storage(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text("<title>one</title>")
    address = (tmp_path / "one.html").as_uri()
    first = browser.page(address)
    first.evaluate("localStorage.setItem('a', '1')")
    assert browser.page(address).evaluate("localStorage.getItem('a')") == "1"
    assert browser.page(address, fresh=True).evaluate("localStorage.getItem('a')") is None
