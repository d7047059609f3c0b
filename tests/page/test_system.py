"""The page of the system: problems first, figures of every camera, and how much is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.harness.browser import Browser, browsing, needs_browser
from tests.page.hands import press, says
from tests.page.house import needs_page
from tests.page.past import Past, past

pytestmark = [needs_browser, needs_page]
LINES = """\
2025-11-21 12:00:00,001 INFO redshank.hub: camera yard/main: online
2025-11-21 12:00:05,002 ERROR redshank.notify: the mail server does not answer
"""


CAMERA = {
    "time": "2025-11-21T13:00:00Z",
    "since": "2025-11-21T12:00:00Z",
    "stream": "main",
    "packets": 1,
    "connects": 1,
}
STATUS = {
    "ok": False,
    "started": "2025-11-21T12:00:00Z",
    "time": "2025-11-21T13:00:00Z",
    "problems": ["yard: no picture since noon"],
    "cameras": [
        {**CAMERA, "camera": "door", "status": "online", "reason": "", "fps": 12.0, "bitrate": 900_000},
        {
            **CAMERA,
            "camera": "yard",
            "status": "offline",
            "reason": "timed out",
            "fps": 0.0,
            "bitrate": 0,
            "analysed": {"fps": 4.5, "motion": 0.0, "now": "", "dropped": 17, "stages": {}},
        },
    ],
    "detector": {"model": "tiny@1", "device": "cpu", "ms": 41.0, "calls": 7, "waiting": 2},
    "channels": {"mail": {"state": "failing", "queued": 5}},
    "processes": {"capture-0": {"pid": 1, "starts": 1}},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    log = tmp_path_factory.mktemp("log") / "redshank.log"
    log.write_text(LINES)
    with past(tmp_path_factory.mktemp("past"), STATUS, log) as made:
        yield made


@pytest.fixture
def notify() -> Iterator[logging.Logger]:
    """What a test says about levels holds for that test."""
    logger = logging.getLogger("redshank.notify")
    before = logger.level
    yield logger
    logger.setLevel(before)


def test_problems_come_first_and_every_camera_has_its_figures(here: Past, browser: Browser) -> None:
    page = here.enter(browser, "/system")
    says(page, "yard: no picture since noon")
    first = page.evaluate("document.querySelector('.system').firstElementChild.innerText")
    assert first == "yard: no picture since noon"
    row = page.evaluate("document.querySelector('[data-camera=yard]').innerText")
    assert all(said in row for said in ("offline", "timed out", "4.5", "17"))
    page.wait_for("document.querySelectorAll('[data-camera=door] .days > *').length === 30")
    assert page.evaluate("document.querySelector('[data-camera]').dataset.camera") == "yard"
    assert page.errors == []
    page.close()


def test_the_log_is_shown_from_a_level_on_and_a_part_says_more_when_asked(
    here: Past, browser: Browser, notify: logging.Logger
) -> None:
    page = here.enter(browser, "/system?level=error")
    page.wait_for("document.querySelectorAll('#log ol li').length === 1")
    says(page, "the mail server does not answer")
    page.open(f"{here.address}/system?module=redshank.hub")
    page.wait_for("document.querySelector('#log ol')?.innerText.includes('camera yard/main: online')")
    page.evaluate(
        "(form => { form[0].value = 'redshank.notify'; form[0].dispatchEvent(new Event('input')) })"
        "(document.querySelector('#log form'))"
    )
    press(page, "Set")
    says(page, "redshank.notify now says debug and more")
    assert notify.level == logging.DEBUG
    page.wait_for("document.querySelector('[data-levels]').innerText.includes('redshank.notify: debug')")
    page.close()
