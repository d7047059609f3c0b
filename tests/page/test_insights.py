"""Insights in a real browser: the numbers are those of the API, and each leads to the alerts behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from redshank.web.guard import COOKIE
from tests.harness.browser import Browser, browsing, needs_browser
from tests.page.hands import says
from tests.page.house import needs_page
from tests.page.past import Past, past

pytestmark = [needs_browser, needs_page]
RANGE = {"from": "2025-11-20T00:00:00Z", "to": "2025-11-22T00:00:00Z"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with past(tmp_path_factory.mktemp("past")) as made:
        alert = made.watched.alert(5, zones=("drive",))
        made.watched.alert(8, label="car")
        made.watched.alert(11, camera="door")
        made.watched.quiet(14, label="dog")
        made.walk(alert)
        made.tell(alert)
        yield made


def said(here: Past, path: str, **more: str) -> Any:
    with closing(httpx.Client(base_url=here.address, cookies={COOKIE: here.cookie}, trust_env=False)) as api:
        found = api.get(path, params={**RANGE, **more})
        found.raise_for_status()
        return found.json()


def test_the_numbers_are_those_of_the_api_and_of_the_list(here: Past, browser: Browser) -> None:
    found = said(here, "/api/insights")
    assert found["funnel"]["alerts"] == 3
    page = here.enter(browser, f"/insights?from={RANGE['from']}&to={RANGE['to']}")
    shown = page.wait_for("document.querySelector('[data-funnel]')?.dataset.funnel")
    assert json.loads(shown) == found["funnel"]
    rows = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-count]')]"
        ".map(one => [one.dataset.count, +one.querySelector('a').innerText]))"
    )
    wanted = {f"{name}:{value}": count for name in ("camera", "label", "zone") for value, count in found[name].items()}
    assert rows == wanted
    page.wait_for("document.querySelector('.chart canvas')?.width > 0")
    page.click("[data-count='label:car'] a")
    page.wait_for("location.pathname === '/alerts' && document.querySelectorAll('article').length === 1")
    assert "label=car" in page.evaluate("location.search")
    # There is no live picture here.
    assert [one for one in page.errors if "latest.jpg" not in one] == []
    page.close()


def test_a_name_filters_everything_by_its_address(here: Past, browser: Browser) -> None:
    page = here.enter(browser, f"/insights?from={RANGE['from']}&to={RANGE['to']}")
    page.click("[data-count='camera:door'] button")
    page.wait_for("JSON.parse(document.querySelector('[data-funnel]').dataset.funnel).alerts === 1")
    assert "camera=door" in page.evaluate("location.search")
    page.open(page.evaluate("location.href"))
    page.wait_for("JSON.parse(document.querySelector('[data-funnel]')?.dataset.funnel ?? '{}').alerts === 1")
    page.close()


def test_the_heat_is_drawn_where_something_stood(here: Past, browser: Browser) -> None:
    cells = said(here, "/api/insights/heat/yard")["counts"]
    assert sum(cells) > 0
    page = here.enter(browser, f"/insights?from={RANGE['from']}&to={RANGE['to']}&heat=yard")
    says(page, "Most in one place")
    drawn = page.evaluate(
        "(canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
        ".filter((_, n) => n % 4 === 3).map(one => one > 0))(document.querySelector('.picture canvas'))"
    )
    assert drawn == [one > 0 for one in cells]
    page.close()
