"""Footage as a browser plays it: one MP4 of a range, or HLS. Routes run in the pool; nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from redshank.clock import US_PER_S, rfc3339
from redshank.model import Segment
from redshank.playback import hls
from redshank.playback.fallback import Choice, choose
from redshank.playback.footage import NoFootage
from redshank.playback.movie import Movie, head_of, make_movie, present
from redshank.playback.plan import Plan
from redshank.store import recordings
from redshank.web.answer import Json, Problem, byte_range, range_of, same, stream_of
from redshank.web.site import Site, WebSite

routes = APIRouter(prefix="/api/play")
MOST_US = 7 * 24 * 3600 * US_PER_S
"""Of one movie or playlist."""
PLAYLIST = "application/vnd.apple.mpegurl"
TOLD = 20
"""Holes named in a header; all of them are in the JSON."""
ANY = frozenset({"h264", "hevc"})


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


Range = Annotated[Asked, Depends(asked)]


@routes.head("/{camera}/{stream}/{start}/{end}.mp4", include_in_schema=False)
@routes.get("/{camera}/{stream}/{start}/{end}.mp4")
def movie(request: Request, wanted: Range) -> Response:
    """The range as one MP4, to the picture; nothing is re-encoded. Any byte range of it."""
    choice = wanted.choice()
    if choice.transcoded:
        raise Problem(406, "this can only be transcoded: ask for its index.m3u8")
    return send(request, make_movie(choice.plan, wanted.site.footage), {"Redshank-Stream": choice.stream})


def send(request: Request, made: Movie, more: dict[str, str]) -> Response:
    """A movie, or the bytes of it that were asked for."""
    if same(made.etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers={"ETag": made.etag})
    condition = request.headers.get("if-range", made.etag)
    span = byte_range(request.headers.get("range"), made.size) if condition == made.etag else None
    low, high = span or (0, made.size)
    headers = {
        "ETag": made.etag,
        "Accept-Ranges": "bytes",
        "Content-Length": str(high - low),
        "Content-Disposition": f'inline; filename="{name_of(made.plan)}"',
        **({"Content-Range": f"bytes {low}-{high - 1}/{made.size}"} if span else {}),
        **_told(made),
        **more,
    }
    blocks: Iterator[bytes] = iter(()) if request.method == "HEAD" else made.blocks(low, high)
    return StreamingResponse(blocks, 206 if span else 200, headers, "video/mp4")


def name_of(plan: Plan) -> str:
    """`yard-main-20261121T120000Z.mp4`: the time it begins at, UTC."""
    begins = rfc3339(plan.pieces[0].start if plan.pieces else plan.start)
    compact = begins[:19].replace("-", "").replace(":", "")
    return f"{plan.camera}-{plan.stream}-{compact}Z.mp4"


def _told(made: Movie) -> dict[str, str]:
    """What a movie leaves out."""
    holes = [f"{rfc3339(start)}/{rfc3339(end)}" for start, end in made.plan.holes[:TOLD]]
    return {
        "Redshank-Start": rfc3339(made.plan.pieces[0].start),
        "Redshank-Duration": f"{made.plan.length / US_PER_S:.6f}",
        **({"Redshank-Gaps": ", ".join(holes)} if holes else {}),
        **({"Redshank-Lost": str(len(made.lost))} if made.lost else {}),
        **({"Redshank-Silent": "1"} if made.silent else {}),
    }


@routes.get("/{camera}/{stream}/{start}/{end}.json")
def described(wanted: Range) -> Json:
    """What a range holds, before it is played."""
    choice = wanted.choice()
    plan, lost = present(choice.plan, wanted.site.footage)
    kinds = {piece.segment.setup: piece.segment for piece in plan.pieces}
    return {
        "camera": wanted.camera,
        "stream": choice.stream,
        "start": rfc3339(plan.pieces[0].start),
        "end": rfc3339(plan.pieces[-1].end),
        "duration_s": plan.length / US_PER_S,
        "complete": not plan.holes,
        "growing": wanted.growing(plan),
        "transcoded": choice.transcoded,
        "codecs": [hls.codecs(head_of(one, wanted.site.footage).formats) for one in kinds.values()],
        "gaps": [{"start": rfc3339(start), "end": rfc3339(end)} for start, end in plan.holes],
        "lost": [lost_of(one) for one in lost],
    }


def lost_of(segment: Segment) -> Json:
    """A file that should be there and is not."""
    return {"start": rfc3339(segment.start), "end": rfc3339(segment.end), "path": segment.path}


@routes.get("/{camera}/{start}/{end}/master.m3u8")
def master(site: Site, camera: str, start: str, end: str, codecs: str = "") -> Response:
    """Every stream of the camera that has footage in the range and that the browser can play."""
    found: list[hls.Variant] = []
    streams = site.cameras()[camera].streams if camera in site.cameras() else ("",)
    for stream in streams:
        wanted = asked(site, camera, stream, start, end, codecs)
        choice = wanted.choice()
        if choice.plan.pieces and choice.stream == stream:
            segments = [piece.segment for piece in choice.plan.pieces]
            query = f"?codecs={codecs}" if codecs else ""
            found.append(hls.variant(f"{wanted.below}index.m3u8{query}", segments, head_of(segments[0], site.footage)))
    if not found:
        raise NoFootage("there is no footage of this time")
    return Response(hls.master(found), media_type=PLAYLIST)


@routes.get("/{camera}/{stream}/{start}/{end}/index.m3u8")
def index(wanted: Range) -> Response:
    """One stream. It grows while the range is still being recorded."""
    return playlist(wanted, wanted.end)


def playlist(wanted: Asked, chunks_to: int) -> Response:
    """`chunks_to`: the end of the range that the chunks' addresses name."""
    choice = wanted.choice()
    growing = wanted.growing(choice.plan)
    if not choice.plan.pieces and not growing:
        raise NoFootage("there is no footage of this time")
    plan = present(choice.plan, wanted.site.footage)[0] if choice.plan.pieces else choice.plan
    below = f"/api/play/{wanted.camera}/{choice.stream}/{wanted.start}/{chunks_to}/"
    text = hls.playlist(plan, growing, below, ".h264" if choice.transcoded else "")
    headers = {"Redshank-Stream": choice.stream, **({"Redshank-Transcoded": "1"} if choice.transcoded else {})}
    return Response(text, headers=headers, media_type=PLAYLIST)


@routes.get("/{camera}/{stream}/{start}/{end}/init-{setup}.mp4")
def init(wanted: Range, setup: str) -> Response:
    """The head of the chunks of one kind."""
    plan = wanted.site.plan(wanted.camera, wanted.stream, wanted.start, wanted.end)
    return Response(hls.init(setup, plan, wanted.site.footage), media_type="video/mp4")


@routes.get("/{camera}/{stream}/{start}/{end}/{seq}/{part}.m4s")
def chunk(wanted: Range, seq: int, part: str) -> Response:
    """A few seconds."""
    segment = segment_of(wanted, seq)
    return Response(hls.chunk(segment, part, wanted.start, wanted.site.footage), media_type="video/iso.segment")


def segment_of(wanted: Asked, seq: int) -> Segment:
    """Finished or running. Raises NoFootage."""
    running = [one for one in wanted.site.running(wanted.camera, wanted.stream) if one.seq == seq]
    get = partial(recordings.get, camera=wanted.camera, stream=wanted.stream, seq=seq)
    found = wanted.site.store.read(get) or next(iter(running), None)
    if found is None:
        raise NoFootage("there is no such part of the footage")
    return found
