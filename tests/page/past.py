"""A site to look back on: two cameras with footage of the noon of 2025-11-21, what was seen in it, and a browser that is logged in.

with past(folder) as here, browsing() as browser:
    page = here.enter(browser, "/alerts")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from redshank.access.desk import Desk
from redshank.access.password import Passwords
from redshank.blobs.disk import DiskBlobs
from redshank.model import Alert
from redshank.news import News
from redshank.rules.rule import Rule
from redshank.store import outbox
from redshank.store.outbox import Wanted
from redshank.trail.trails import Trails
from redshank.web.guard import COOKIE
from redshank.web.review import Review
from redshank.web.rooms import Rooms
from tests.access.people import CHEAP, admin
from tests.harness.browser import Browser, Page
from tests.harness.loop_thread import LoopThread
from tests.playback.decoding import InlineStudio
from tests.playback.recording import NOON, numbered
from tests.rules.script import box_at, observe, track
from tests.web.serving import Place, client, place
from tests.web.watched import Watched

FOOTAGE_S = 40
GOP_S = 2
ZONE = "Europe/Berlin"
RULE = Rule("people", labels=("person",), min_score=0.5, cooldown_s=600)


@dataclass
class Past:
    """Times are seconds after noon."""

    place: Place
    watched: Watched
    trails: Trails
    cookie: str
    address: str = ""

    def enter(self, browser: Browser, path: str, width: int = 1280) -> Page:
        """A page of its own, logged in as the administrator."""
        page = browser.page(fresh=True)
        page.size(width, 900)
        page.call(
            "Network.setCookie", name=COOKIE, value=self.cookie, url=self.address, httpOnly=True, sameSite="Strict"
        )
        page.open(f"{self.address}{path}")
        return page

    def walk(self, alert: Alert) -> None:
        """What was seen of an alert: five looks a second for four seconds, from left to right."""
        for number in range(20):
            seen = track(alert.tracks[0], number, box=box_at(0.2 + number / 40, 0.9), score=0.81)
            look = observe(0, seen, camera=alert.camera, motion=0.04)
            self.trails.offer(replace(look, time=alert.opened + number * 200_000))
        self.trails.settle()

    def tell(self, alert: Alert) -> None:
        """By mail, which worked the second time."""
        wanted = Wanted(f"n-{alert.id}", alert.id, "mail", "open", alert.opened, alert.opened, "key", 600)
        store = self.place.store
        store.write(partial(outbox.queue, wanted=wanted)).result(5)
        store.write(partial(outbox.failed, id=wanted.id, now=NOON, error="the server did not answer", due=NOON)).result(
            5
        )
        store.write(partial(outbox.sent, id=wanted.id, now=alert.opened + 900_000)).result(5)


@contextmanager
def past(folder: Path, status: Mapping[str, Any] | None = None, log: Path | None = None) -> Iterator[Past]:
    """Serves until the block ends."""
    with ExitStack() as stack:
        here = stack.enter_context(place(folder))
        here.cameras = {"yard": ("main",), "door": ("main",)}
        here.studio = InlineStudio()
        here.status = status or {}
        for camera in here.cameras:
            here.recording.add(numbered(FOOTAGE_S, gop_s=GOP_S), NOON, camera=camera, segment_s=10)
        here.know()
        loop = LoopThread("past")
        stack.callback(loop.stop)
        desk = Desk(here.store, here.clock, Passwords(CHEAP))
        stack.callback(desk.close)
        trails = Trails(folder / "trails", here.clock)
        stack.callback(trails.close)
        review = Review(DiskBlobs(folder / "pictures"), trails, lambda: {"people": RULE}, lambda: ZoneInfo(ZONE))
        here.rooms = Rooms(access=desk, news=News(), review=review, log=log, zone=lambda: ZONE)
        made = Past(here, Watched(here.store), trails, loop.call(admin(desk)))
        session = stack.enter_context(client(here.app, loop))
        made.address = str(session.base_url).rstrip("/")
        yield made
