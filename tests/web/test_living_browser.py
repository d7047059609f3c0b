"""Live pictures in a real Chromium: the numbers the page shows are those the camera sent, soon after."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redshank.clock import NS_PER_S
from tests.harness.browser import Page, browsing, needs_browser
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip, read_number
from tests.live.filming import CLOCK
from tests.web.test_living import page

pytestmark = needs_browser
PLAYER = """
window.play = path => {
  const video = document.createElement('video'), source = new MediaSource(), queue = [];
  let buffer;
  video.muted = true;
  window.video = video;
  document.body.append(video);
  video.src = URL.createObjectURL(source);
  const next = () => { if (buffer && !buffer.updating && queue.length) buffer.appendBuffer(queue.shift()) };
  source.onsourceopen = () => {
    const socket = new WebSocket(`ws://${location.host}${path}`);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({data}) => {
      if (typeof data === 'string') {
        const said = JSON.parse(data);
        if (said.mime && !buffer) {
          window.told = said;
          buffer = source.addSourceBuffer(said.mime);
          buffer.onupdateend = () => {
            const there = video.buffered;
            if (there.length && video.currentTime < there.start(0)) video.currentTime = there.end(0) - 0.1;
            if (there.length && there.end(0) - video.currentTime > 1) video.currentTime = there.end(0) - 0.1;
            video.play();
            next();
          };
        }
        return;
      }
      queue.push(data);
      next();
    };
  };
};
window.look = () => {
  const canvas = document.createElement('canvas'), wide = video.videoWidth;
  canvas.width = wide; canvas.height = wide / 8;
  const brush = canvas.getContext('2d');
  brush.drawImage(video, 0, 0);
  const pixels = brush.getImageData(0, 0, canvas.width, canvas.height).data;
  return [wide, Array.from({length: pixels.length / 4}, (_, at) => pixels[at * 4 + 1])];
};
"""


def seen(page: Page) -> int | None:
    """The number that the page shows at this moment."""
    wide, levels = page.evaluate("look()")
    return read_number(np.array(levels, np.uint8).reshape(-1, wide))


def watch(address: str, camera: FakeCamera, path: str) -> dict[str, Any]:
    """What it told, how many ranges are buffered, what was shown in turn, and how late: seconds."""
    with browsing() as browser:
        tab = browser.page("about:blank")
        tab.call("Page.setBypassCSP", enabled=True)
        tab.open(f"{address.replace('ws:', 'http:')}/healthz")
        tab.evaluate(PLAYER)
        tab.evaluate(f"play('{path}')")
        tab.wait_for("video.videoWidth > 0 && video.currentTime > 0 && !video.paused")
        shown, late = list[int](), list[float]()
        for _ in range(20):
            number = seen(tab)
            now_ns = CLOCK.mono_ns()
            sent = [one for one in camera.journal if one.stamp.number == number]
            if number is not None and sent:
                shown.append(number)
                late.append((now_ns - sent[-1].stamp.mono_ns) / NS_PER_S)
            CLOCK.wait(0.1)
        ranges = tab.evaluate("video.buffered.length")
        return {
            "told": tab.evaluate("told"),
            "ranges": ranges,
            "shown": shown,
            "late": late,
            "errors": tab.errors,
            "why": tab.evaluate("video.error && video.error.message"),
        }


async def test_chromium_shows_what_the_camera_sees(tmp_path: Path) -> None:
    await shown_by_chromium({"bframes": 2, "audio": "pcm_alaw"}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("clip", [{}, {"audio": "aac"}], ids=str)
async def test_chromium_shows_other_streams_too(clip: dict[str, Any], tmp_path: Path) -> None:
    await shown_by_chromium(clip, tmp_path)


async def shown_by_chromium(clip: dict[str, Any], folder: Path) -> None:
    with FakeCamera(cached_clip(20, fps=20, **clip)) as camera:
        async with page(folder, camera) as (address, _film):
            found = await asyncio.to_thread(watch, address, camera, "/api/live/yard/mse?codecs=h264,aac")
    assert (found["errors"], found["why"]) == ([], None)
    assert found["ranges"] == 1
    assert len(set(found["shown"])) >= 10
    assert ("mp4a" in found["told"]["codecs"]) == ("audio" in clip)
    assert sorted(found["late"])[len(found["late"]) // 2] < 2, found["late"]
