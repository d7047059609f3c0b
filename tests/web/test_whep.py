"""WebRTC in a real Chromium: moving pixels, sound, what cannot be sent as it is, and the ways in which a session ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from redshank.clock import SystemClock
from redshank.live.film import Films
from redshank.live.rtc import Links, Rtc
from redshank.on_demand import OnDemand
from redshank.pipe import Note
from redshank.playback.studio import StudioProcess
from redshank.supervisor import Supervisor, Worker
from tests.harness.browser import Browser, Page, browsing, needs_browser
from tests.harness.footage import cached_clip
from tests.harness.loop_thread import LoopThread
from tests.live.cameras import Cameras
from tests.live.playing import play
from tests.web.serving import Everybody, client, place

CLOCK = SystemClock()
WATCH = """
window.watch = async (address) => {
  const peer = window.peer = new RTCPeerConnection();
  peer.addTransceiver('video', {direction: 'recvonly'});
  peer.addTransceiver('audio', {direction: 'recvonly'});
  const video = window.video = document.createElement('video');
  video.muted = true; video.autoplay = true; document.body.append(video);
  const stream = video.srcObject = new MediaStream();
  peer.ontrack = event => { event.receiver.jitterBufferTarget = 0; stream.addTrack(event.track) };
  await peer.setLocalDescription();
  const answer = await fetch(address, {method: 'POST', headers: {'Content-Type': 'application/sdp'}, body: peer.localDescription.sdp});
  if (answer.status !== 201) return [answer.status, (await answer.json()).detail];
  window.session = answer.headers.get('Location');
  await peer.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  return [201, answer.headers.get('Redshank-Transcoded') || ''];
};
// The number that the bar code of the picture shows (tests/harness/footage.py), or null.
window.read = () => {
  const video = window.video, canvas = window.canvas || (window.canvas = document.createElement('canvas'));
  if (!video.videoWidth) return null;
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(video, 0, 0);
  const cell = canvas.width / 32, data = context.getImageData(0, 0, canvas.width, Math.ceil(2 * cell)).data;
  const level = (row, column) => data[4 * (Math.floor((row + .5) * cell) * canvas.width + Math.floor((column + .5) * cell))];
  let bits = '';
  for (let column = 0; column < 22; column++) {
    const contrast = level(0, column) - level(1, column);
    if (Math.abs(contrast) < 40) return null;
    bits += contrast > 0 ? '1' : '0';
  }
  return parseInt(bits.slice(2, 18), 2);
};
window.stats = async (kind) =>
  [...(await window.peer.getStats()).values()].find(one => one.type === 'inbound-rtp' && one.kind === kind) || {};
"""
"""A small WHEP client, as the page has one."""


@dataclass
class Here:
    """A server with a camera, a studio and a WebRTC process of its own."""

    loop: LoopThread = field(default_factory=lambda: LoopThread("hub"))
    cameras: Cameras = field(default_factory=Cameras)
    door: Everybody = field(default_factory=Everybody)

    def __post_init__(self) -> None:
        self.studio = StudioProcess(
            lambda note: self.studio_worker.tell(note), lambda: _kept(self.studio_worker), CLOCK, 60
        )
        self.studio_worker = Worker("studio-0", _settings, self.studio.on_note, self.studio.on_change)
        self.films = Films(self.cameras, self.studio, CLOCK, lambda _camera: ())
        process = OnDemand(self._say, lambda: _kept(self.worker), CLOCK, 60)
        self.rtc = Rtc(Links(self.cameras, self.films, process, self._say, self._waiting, CLOCK))
        self.worker = Worker("rtc-0", _settings, self.rtc.on_note, self.rtc.on_change)

    def _say(self, note: Note) -> bool:
        return self.worker.tell(note)

    def _waiting(self) -> int:
        return self.worker.pipe.waiting if self.worker.pipe is not None else 0

    def play(self, clip: Path, stream: str = "main") -> None:
        self.loop.run(lambda: asyncio.ensure_future(play(self.cameras, clip, CLOCK, stream=stream)))

    def sessions(self) -> int:
        return self.loop.run(lambda: len(self.rtc.sessions))

    def until_sessions(self, number: int, timeout_s: float = 15) -> None:
        deadline = CLOCK.mono_ns() + timeout_s * 1e9
        while self.sessions() != number:
            assert CLOCK.mono_ns() < deadline, f"{self.sessions()} sessions"
            CLOCK.wait(0.05)

    async def stop(self) -> None:
        await self.rtc.stop()
        await self.films.stop()
        await self.studio.stop()


async def _kept(worker: Worker) -> None:
    await Supervisor(CLOCK).keep(worker)


async def _settings() -> bytes:
    return b"{}"


@pytest.fixture
def here() -> Iterator[Here]:
    made = Here()
    yield made
    made.loop.call(made.stop())
    made.loop.stop()


@pytest.fixture
def session(here: Here, tmp_path: Path) -> Iterator[httpx.Client]:
    with place(tmp_path) as made:
        made.cameras = {"yard": ("main",), "drive": ("main", "sub")}
        made.rooms = replace(made.rooms, rtc=here.rtc, films=here.films, access=here.door)
        with client(made.app, here.loop) as opened:
            yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def opened(browser: Browser, session: httpx.Client) -> Page:
    page = browser.page()
    page.call("Page.setBypassCSP", enabled=True)
    page.open(f"{session.base_url}/healthz")
    page.evaluate(WATCH)
    return page


def moving(page: Page) -> None:
    """The picture changes, and shows whole numbers."""
    first = page.wait_for("(n => n === null ? false : [n])(read())", 20)[0]
    page.wait_for(f"(n => n !== null && n !== {first})(read())")


@needs_browser
def test_pixels_move_and_sound_is_heard(here: Here, session: httpx.Client, browser: Browser) -> None:
    here.play(cached_clip(4, audio="aac"))
    page = opened(browser, session)
    assert page.evaluate("watch('/api/live/yard/whep')") == [201, ""]
    moving(page)
    assert page.wait_for("stats('video').then(one => one.framesDecoded > 10 && one)")["packetsLost"] == 0
    page.wait_for("stats('audio').then(one => one.packetsReceived > 20)")
    assert ("admin", "live", "yard", "POST /api/live/{camera}/whep") in here.door.audit.lines
    page.evaluate("fetch(session, {method: 'DELETE'}).then(answer => answer.status)")
    here.until_sessions(0)
    assert page.evaluate("fetch(session, {method: 'DELETE'}).then(answer => answer.status)") == 404
    here.loop.call(until(lambda: here.cameras.watching == 0))


async def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await CLOCK.sleep(0.02)


@needs_browser
@pytest.mark.parametrize(("codec", "bframes"), [("libx264", 2), ("libx265", 0)])
def test_what_webrtc_cannot_carry_comes_transcoded(
    here: Here, session: httpx.Client, browser: Browser, codec: str, bframes: int
) -> None:
    here.play(cached_clip(4, codec=codec, bframes=bframes))
    page = opened(browser, session)
    assert page.evaluate("watch('/api/live/yard/whep')") == [201, "1"]
    moving(page)


@needs_browser
def test_a_session_ends_when_one_may_not_watch_any_more(here: Here, session: httpx.Client, browser: Browser) -> None:
    here.play(cached_clip(4))
    page = opened(browser, session)
    assert page.evaluate("watch('/api/live/yard/whep')") == [201, ""]
    moving(page)
    here.door.asker = None
    here.until_sessions(0, 5)


@needs_browser
def test_a_new_process_takes_new_sessions(here: Here, session: httpx.Client, browser: Browser) -> None:
    here.play(cached_clip(4))
    page = opened(browser, session)
    assert page.evaluate("watch('/api/live/yard/whep')") == [201, ""]
    assert here.worker.pid is not None
    os.kill(here.worker.pid, signal.SIGKILL)
    here.until_sessions(0)
    assert page.evaluate("watch('/api/live/yard/whep')") == [201, ""]
    moving(page)
    assert here.worker.starts == 2


def test_an_offer_that_makes_no_sense_is_refused(here: Here, session: httpx.Client) -> None:
    here.play(cached_clip(4))
    sdp = {"Content-Type": "application/sdp"}
    for body, status in (
        ("", 400),
        ("m=application 9 DTLS/SCTP 5000", 400),
        ("m=video 9 x 1\nm=video 9 x 1", 400),
        ("x" * 70_000, 413),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 503),
        ("v=0\nm=video nonsense", 503),
    ):
        assert session.post("/api/live/yard/whep", content=body, headers=sdp).status_code == status, body
    assert session.post("/api/live/yard/whep", content="v=0").status_code == 415
    assert session.post("/api/live/nowhere/whep", content="v=0", headers=sdp).status_code == 404
    assert session.post("/api/live/yard/whep?stream=sub", content="v=0", headers=sdp).status_code == 404
    assert session.delete("/api/live/yard/whep/x").status_code == 404
    here.until_sessions(0)
