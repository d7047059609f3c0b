"""Pictures of every page of the demo, in both themes at three widths, for docs/images/page.

    python -m benchmarks.screens [--link http://127.0.0.1:8970/#enter=…] [--only live,alert] [--folder docs/images/page]

Without a link it starts `redshank demo` and lets it run for a while, so that there is something to look back on.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from tests.harness.browser import Browser, Page, browsing

from redshank.clock import NS_PER_S, SystemClock

CLOCK = SystemClock()
SIZES = ((1280, 800), (2560, 1440), (390, 844))
MOST_BYTES = 200_000
SETTLED_S = 1.0
SMALLER = ((1.0, 256), (0.75, 256), (0.6, 256), (0.5, 256), (0.5, 64))
"""Share of the width, colours."""
LINK = re.compile(r"http://127\.0\.0\.1:\d+/#enter=\S+")
LOGGED_IN = "/live"
PAGES = {
    "live": LOGGED_IN,
    "camera": "/camera/street",
    "alerts": "/alerts",
    "alert": "/alerts/{alert}",
    "gallery": "/gallery",
    "history": "/history?camera=corner,street&span=2m",
    "rules": "/rules",
    "insights": "/insights",
    "setup": "/setup/cameras",
    "zones": "/setup/cameras/street/zones",
    "people": "/setup/people",
    "config": "/setup/config",
    "system": "/system",
}
READY = """[...document.images].every(one =>
    one.complete || one.getBoundingClientRect().top > innerHeight || !one.getClientRects().length)
  && !document.querySelector('.skeleton')
  && [...document.querySelectorAll('video')].every(one => one.readyState > 1 || getComputedStyle(one).visibility === 'hidden')"""


@contextmanager
def demo(folder: Path, seconds: float) -> Iterator[str]:
    """A demo that has run for so long; its link, which logs in once."""
    said = folder / "said"
    command = [str(Path(sys.executable).with_name("redshank")), "demo", "--dir", str(folder), "--no-view"]
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        while (found := LINK.search(said.read_text())) is None:
            if process.poll() is not None:
                sys.exit(said.read_text())
            CLOCK.wait(0.2)
        CLOCK.wait(seconds)
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def settled(page: Page) -> None:
    """Until everything that comes has come; what never does is in the picture too."""
    deadline = CLOCK.mono_ns() + 6 * NS_PER_S
    while not page.evaluate(READY) and CLOCK.mono_ns() < deadline:
        CLOCK.wait(0.1)
    CLOCK.wait(SETTLED_S)


def small(png: bytes) -> bytes:
    """The same picture in 256 colours, narrower while it is still too large, and at last with fewer."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for share, colours in SMALLER:
        size = (round(picture.width * share), round(picture.height * share))
        shown = picture if share == 1 else picture.resize(size, Image.Resampling.LANCZOS)
        out = io.BytesIO()
        shown.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


def enter(browser: Browser, link: str) -> str:
    """The cookie of a session, by the link."""
    page = browser.page(fresh=True)
    page.open(link)
    page.wait_for("document.querySelector('.frame') && location.hash === ''", 30)
    cookies: list[dict[str, Any]] = page.call("Network.getCookies")["cookies"]
    page.close()
    return next(str(one["value"]) for one in cookies if one["name"] == "redshank")


def paths(page: Page) -> dict[str, str]:
    """Of every page; an alert that has a picture and has ended stands for all."""
    alert = page.evaluate(
        "fetch('/api/alerts?limit=50').then(answer => answer.json()).then(found =>"
        " (found.items.find(one => one.picture && one.state === 'closed') ?? found.items[0])?.id)"
    )
    return {name: path.format(alert=alert) for name, path in PAGES.items()}


def take(browser: Browser, link: str, folder: Path, only: list[str]) -> None:
    """Every picture into the folder."""
    address, _, _ = link.partition("/#")
    cookie = enter(browser, link) if "#enter=" in link else link.rpartition("#")[2]
    for dark in (True, False):
        inside, outside = browser.page(fresh=True), browser.page(fresh=True)
        inside.call("Network.setCookie", name="redshank", value=cookie, url=address, httpOnly=True, sameSite="Strict")
        for page in (inside, outside):
            page.theme(dark)
        inside.open(f"{address}{LOGGED_IN}")
        for name, path in {**paths(inside), "enter": "/"}.items():
            if only and name not in only:
                continue
            page = outside if name == "enter" else inside
            page.size(*SIZES[0])
            page.open(f"{address}{path}")
            for width, height in SIZES:
                page.size(width, height, mobile=width < 640)
                settled(page)
                file = folder / f"{name}-{'dark' if dark else 'light'}-{width}.png"
                file.write_bytes(small(page.screenshot()))
                print(f"{file.name} {file.stat().st_size // 1000} kB {page.errors or ''}", flush=True)
                page.said.clear()
        inside.close()
        outside.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--link", help="of a demo that runs already: with its ticket, or #COOKIE")
    parser.add_argument("--only", default="", help="names, with commas")
    parser.add_argument("--folder", type=Path, default=Path("docs/images/page"))
    parser.add_argument("--seconds", type=float, default=90, help="how long the demo runs before")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    only = [one for one in asked.only.split(",") if one]
    with browsing() as browser:
        if asked.link:
            take(browser, asked.link, asked.folder, only)
            return
        with tempfile.TemporaryDirectory() as folder, demo(Path(folder), asked.seconds) as link:
            take(browser, link, asked.folder, only)


if __name__ == "__main__":
    main()
