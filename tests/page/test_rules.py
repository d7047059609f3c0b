"""Rules in the page of the real program: a word is changed, and the next alert obeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import Program, eventually, jsonl
from tests.harness.broker import free_port
from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding
from tests.page.hands import enter, press, says, write
from tests.page.house import needs_page

pytestmark = [needs_browser, needs_page, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def test_the_next_alert_obeys_a_word_changed_in_the_page(tmp_path: Path, browser: Browser) -> None:
    clip = person_clip(tmp_path / "clip.mp4", 12, walks_in(1, 2, 10), Encoding(fps=10))
    with FakeCamera(clip) as camera:
        text = (
            f"cameras: {{yard: {{url: '{camera.url}'}}}}\nsecurity: {{allow_targets: ['127.0.0.1:{camera.port}']}}\n"
            f"web: {{port: {free_port()}}}\nrtsp: {{enabled: false}}\nrules:\n  visit:\n    labels: cat # for now\n"
            f"channels: {{book: {{type: folder, path: {tmp_path}/told}}}}\n"
        )
        with Program(tmp_path / "site", text) as program:
            program.wait_looking("yard", within_s=60)
            page = enter(program, browser, "/rules")
            says(page, "a cat")
            press(page, "Change: a cat")
            page.wait_for("!!document.querySelector('dialog[open] input')")
            press(page, "Remove cat")
            page.click("dialog[open] .words input")
            page.call("Input.insertText", text="person")
            page.press("Enter")
            assert jsonl(tmp_path / "told" / "alerts.jsonl") == []
            press(page, "OK")
            says(page, "a person")
            eventually(lambda: jsonl(tmp_path / "told" / "alerts.jsonl"), 70, program.said()[-2000:])
            told = jsonl(tmp_path / "told" / "alerts.jsonl")[0]
            assert "visit" in str(told)
            says(page, "in the last 7 days", 30)
            page.wait_for("document.querySelector('[data-rule=visit] .lately a')?.innerText.match(/^[1-9]/)", 30)
            assert page.errors == []
            _a_rule_is_made_and_deleted(page, program)
            page.close()


def _a_rule_is_made_and_deleted(page: Page, program: Program) -> None:
    page.open(f"{program.page()}/rules/new?camera=yard&label=dog")
    says(page, "a dog")
    write(page, "Name", "the-dog")
    press(page, "Save the rule")
    page.wait_for("!!document.querySelector('[data-rule=the-dog]')")
    with closing(program.log_in()) as api:
        made = api.get("/api/config").json()["values"]["rules"]["the-dog"]
    assert (made["labels"], made["cameras"]) == (["dog"], ["yard"])
    page.click("[data-rule=the-dog] [aria-label=Delete]")
    says(page, "the-dog is deleted")
    page.wait_for("!document.querySelector('[data-rule=the-dog]')")
    page.click(".toast:last-child button")
    page.wait_for("!!document.querySelector('[data-rule=the-dog]')")
