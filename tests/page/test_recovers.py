"""Every page of the program goes on by itself after a restart of the server under it, and asks to log in when the session is over."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.harness.broker import free_port
from tests.harness.browser import browsing, needs_browser
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.page.hands import enter
from tests.page.house import needs_page

pytestmark = [needs_browser, needs_page, pytest.mark.slow, pytest.mark.timeout(300)]
PAGES = ("/live", "/camera/yard", "/alerts", "/history", "/rules", "/insights", "/setup/config", "/system")
THERE = "!!document.querySelector('#content > *') && !document.querySelector('#content .skeleton, #content .failed')"


def test_every_page_goes_on_after_a_restart_and_ends_with_the_session(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(20, gop_s=1)) as camera, browsing() as browser:
        text = (
            f"cameras: {{yard: {{url: '{camera.url}'}}}}\nsecurity: {{allow_targets: ['127.0.0.1:{camera.port}']}}\n"
            f"web: {{port: {free_port()}}}\nrtsp: {{enabled: false}}\n"
        )
        with Program(tmp_path, text) as program:
            program.wait_camera("yard", within_s=40)
            pages = {path: enter(program, browser, path) for path in PAGES}
            for page in pages.values():
                page.wait_for(THERE, 40)
                page.evaluate("window.before = true")
            program.stop()
            for page in pages.values():
                page.wait_for("!!document.querySelector('.lost')", 30)
            program.start()
            program.wait_camera("yard", within_s=40)
            for page in pages.values():
                page.wait_for(f"window.before && !document.querySelector('.lost') && {THERE}", 40)
            with closing(program.log_in()) as client:
                own = next(one["id"] for one in client.get("/api/sessions").json()["items"] if one["current"])
                others = [one["id"] for one in client.get("/api/sessions").json()["items"] if one["id"] != own]
                for session in others:
                    client.delete(f"/api/sessions/{session}").raise_for_status()
            for path, page in pages.items():
                page.wait_for("!!document.querySelector('input[type=password]')", 30)
                assert page.evaluate("location.pathname") == path
