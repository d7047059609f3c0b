"""Jumping about in one movie, with a real browser and with FFmpeg: the picture asked for, and always from a keyframe.

Chromium reads an MP4 with FFmpeg, which knows the fragments by `sidx` and by what it has read so far: so several jumps in one player.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from redshank.clock import US_PER_S
from tests.harness.browser import Page, browsing, needs_browser
from tests.harness.footage import luma_of, read_number
from tests.playback.recording import NOON, numbered
from tests.web.serving import client, place

FPS, LENGTH_S, FROM_S, TO_S, JUMPS = 24, 60, 1.5, 58.7, 20
MOVIE = f"/api/play/yard/main/{NOON + round(FROM_S * US_PER_S)}/{NOON + round(TO_S * US_PER_S)}.mp4"
PLAYER = """
window.load = async path => {
  const video = window.video = document.createElement('video');
  video.muted = true;
  video.preload = 'auto';
  video.src = path;
  document.body.append(video);
  await happens('loadeddata');
};
const happens = name => new Promise((done, failed) => {
  video.addEventListener(name, done, {once: true});
  video.addEventListener('error', () => failed(new Error(video.error.message)), {once: true});
});
window.jump = async to => {
  const shown = new Promise(done => video.requestVideoFrameCallback(done));
  video.currentTime = to;
  await happens('seeked');
  await shown;
  const canvas = document.createElement('canvas'), wide = video.videoWidth;
  canvas.width = wide; canvas.height = wide / 8;
  const brush = canvas.getContext('2d');
  brush.drawImage(video, 0, 0);
  const pixels = brush.getImageData(0, 0, canvas.width, canvas.height).data;
  return [wide, Array.from({length: pixels.length / 4}, (_, at) => pixels[at * 4 + 1])];
};
"""


def jumps() -> list[int]:
    """Numbers of pictures in the range, in no order."""
    dice = random.Random(4)
    return [dice.randrange(round(FROM_S * FPS), round(TO_S * FPS) - 1) for _ in range(JUMPS)]


@pytest.fixture(params=[{"gop_s": 8.3, "bframes": 3, "audio": "aac"}, {"gop_s": 2}], ids=["long", "short"])
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    with place(tmp_path) as here:
        here.recording.add(numbered(LENGTH_S, fps=FPS, **request.param), NOON, segment_s=15)
        here.know()
        with client(here.app) as session:
            yield session


@needs_browser
def test_a_browser_that_jumps_about_shows_each_picture_asked_for(yard: httpx.Client) -> None:
    with browsing() as browser:
        page = browser.page("about:blank")
        page.call("Page.setBypassCSP", enabled=True)
        page.open(f"{yard.base_url}/healthz")
        page.evaluate(PLAYER)
        page.evaluate(f"load('{MOVIE}')")
        wanted = jumps()
        assert [_shown(page, number) for number in wanted] == wanted
        assert page.evaluate("video.error") is None


def _shown(page: Page, number: int) -> int | None:
    wide, levels = page.evaluate(f"jump({(number + 0.5) / FPS - FROM_S})")
    return read_number(np.array(levels, np.uint8).reshape(-1, wide))


def test_ffmpeg_jumps_to_a_keyframe_at_or_before_and_decodes_every_picture_from_there(yard: httpx.Client) -> None:
    with av.open(io.BytesIO(yard.get(MOVIE).content), "r") as file:
        for number in jumps():
            at_s = (number + 0.5) / FPS - FROM_S
            shown = _decoded(file, at_s)
            assert shown[-1] == number, at_s
            assert shown == list(range(number - len(shown) + 1, number + 1)), at_s


def _decoded(file: av.container.InputContainer, at_s: float) -> Sequence[int | None]:
    """Numbers of the pictures from where it lands to the one shown at `at_s`."""
    video = file.streams.video[0]
    assert video.time_base is not None
    file.seek(round(at_s / video.time_base), stream=video)
    shown: list[int | None] = []
    for count, packet in enumerate(file.demux(video)):
        assert count or packet.is_keyframe, at_s
        for frame in packet.decode():
            assert frame.pts is not None
            time_s = float(frame.pts * video.time_base)
            if time_s > at_s:
                return shown
            shown.append(read_number(luma_of(frame)))
    return shown
