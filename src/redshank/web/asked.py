"""A range of a stream, as an address asks for it: checked, and what there is of it. Blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Path

from redshank.clock import US_PER_S, rfc3339
from redshank.model import Segment
from redshank.playback import hls
from redshank.playback.fallback import Choice, choose
from redshank.playback.footage import NoFootage
from redshank.playback.plan import Plan
from redshank.store import recordings
from redshank.web.answer import Problem, range_of, stream_of
from redshank.web.site import Site, WebSite

HOUR_US = 3600 * US_PER_S
MOST_US = 7 * 24 * HOUR_US
"""Of one movie or playlist."""
MP4, CHUNK = "video/mp4", "video/iso.segment"
Seq = Annotated[int, Path(ge=0, lt=1 << 63)]
"""A file's number, as the database has them."""
ANY = frozenset({"h264", "hevc"})
TRANSCODED = {"Redshank-Transcoded": "1"}
"""Headers of whatever is not as it was recorded."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A range of a stream, both known."""

    site: WebSite
    camera: str
    stream: str
    start: int
    end: int
    accepted: frozenset[str]
    """Codecs the browser can play."""

    @property
    def below(self) -> str:
        """The address of its playlist, without the name."""
        return f"/api/play/{self.camera}/{self.stream}/{self.start}/{self.end}/"

    def choice(self) -> Choice:
        """Blocks."""
        others = [one for one in self.site.cameras()[self.camera].streams if one != self.stream]
        return choose(self._plan, self.stream, others, self.accepted)

    def _plan(self, stream: str) -> Plan:
        return self.site.plan(self.camera, stream, self.start, self.end)

    def growing(self, plan: Plan) -> bool:
        """Whether more of the range may still be recorded."""
        return not plan.reached and self.site.clock.now() < self.end + hls.LATE_US


def asked(site: Site, camera: str, stream: str, start: str, end: str, codecs: str = "") -> Asked:
    """`codecs`: what the browser can play, as `h264` or `h264,hevc`; not given: everything. Raises Problem."""
    stream_of(site, camera, stream)
    accepted = frozenset(codecs.split(",")) if codecs else frozenset[str]()
    if not accepted <= ANY:
        raise Problem(400, "codecs: expected h264, hevc or both, separated by a comma")
    return Asked(site, camera, stream, *range_of(start, end, MOST_US), accepted)


async def _asked(site: Site, camera: str, stream: str, start: str, end: str, codecs: str = "") -> Asked:
    """Of the address. Not in the pool: nothing here blocks."""
    return asked(site, camera, stream, start, end, codecs)


Range = Annotated[Asked, Depends(_asked)]


def segment_of(wanted: Asked, seq: int) -> Segment:
    """Finished or running. Raises NoFootage."""
    running = [one for one in wanted.site.running(wanted.camera, wanted.stream) if one.seq == seq]
    get = partial(recordings.get, camera=wanted.camera, stream=wanted.stream, seq=seq)
    found = wanted.site.store.read(get) or next(iter(running), None)
    if found is None:
        raise NoFootage("there is no such part of the footage")
    return found


def of_setup(wanted: Asked, setup: str) -> Segment:
    """The first file of this kind in the range, looked for an hour at a time. Raises NoFootage."""
    for begin in range(wanted.start, wanted.end, HOUR_US):
        span = (begin, min(begin + HOUR_US, wanted.end))
        for segment in sorted(wanted.site.segments(wanted.camera, wanted.stream, *span), key=lambda one: one.start):
            if segment.setup == setup and segment.media_to > segment.media_from:
                return segment
    raise NoFootage("there is no footage of this kind in the range")


def name_of(plan: Plan) -> str:
    """`yard-main-20261121T120000Z.mp4`: the time it begins at, UTC."""
    begins = rfc3339(plan.pieces[0].start if plan.pieces else plan.start)
    compact = begins[:19].replace("-", "").replace(":", "")
    return f"{plan.camera}-{plan.stream}-{compact}Z.mp4"
