"""A smoke test in WebKitGTK: the engine of iPhones and Macs, as near as one gets here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.access.people import PASSWORD
from tests.harness.webkit import needs_webkit, webkit
from tests.page.house import house, needs_page

TYPE = """
const done = arguments[0];
for (const [name, value] of Object.entries({NAME: 'admin', PASSWORD: '%s'})) {
  const field = document.querySelector(name === 'NAME' ? 'input:not([type=password])' : 'input[type=password]');
  field.value = value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
}
document.querySelector('form').requestSubmit();
done(true);
"""

MOVES = """
[...document.querySelectorAll('main video')].some(one => one.videoWidth > 100 && one.currentTime > 1)
|| [...document.querySelectorAll('main canvas, main img')].some(one => (one.naturalWidth || one.width) > 100)
"""


@needs_webkit
@needs_page
@pytest.mark.timeout(180)
def test_one_logs_in_and_sees_pictures_and_the_inbox(tmp_path: Path) -> None:
    with house(tmp_path, ("yard",)) as here, webkit() as page:
        page.open(f"{here.address}/live")
        page.wait_for("document.querySelector('input[type=password]')", 40)
        page.run(TYPE % PASSWORD)
        page.wait_for("document.body.innerText.includes('The yard')", 40)
        page.wait_for(MOVES, 40)
        page.open(f"{here.address}/alerts")
        page.wait_for("document.querySelector('h1')?.textContent.includes('Alerts')", 40)
