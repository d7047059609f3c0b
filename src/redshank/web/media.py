"""Footage as a browser plays it: one MP4 of a range, or HLS. Routes run in the pool; nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from redshank.access.who import Verb
from redshank.clock import US_PER_S, rfc3339
from redshank.model import Segment
from redshank.playback import hls, transcoded
from redshank.playback.footage import NoFootage
from redshank.playback.movie import Movie, head_of, make_movie, present
from redshank.web import transcoding
from redshank.web.answer import Json, byte_range, same
from redshank.web.asked import CHUNK, MP4, TRANSCODED, Asked, Range, Seq, asked, name_of, of_setup, segment_of
from redshank.web.guard import needs
from redshank.web.heavy import heavy
from redshank.web.site import Site

routes = APIRouter(prefix="/api/play")
PLAYLIST = "application/vnd.apple.mpegurl"
TOLD = 20
"""Holes named in a header; all of them are in the JSON."""


@routes.head("/{camera}/{stream}/{start}/{end}.mp4", include_in_schema=False)
@routes.get("/{camera}/{stream}/{start}/{end}.mp4")
@needs(Verb.HISTORY)
def movie(request: Request, wanted: Range) -> Response:
    """The range as one MP4, to the picture; nothing is re-encoded. Any byte range of it."""
    choice = wanted.choice()
    if choice.transcoded:
        return transcoding.movie(request, wanted, choice.plan)
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
    return StreamingResponse(blocks, 206 if span else 200, headers, MP4)


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
@needs(Verb.HISTORY)
async def described(request: Request, wanted: Range) -> Response:
    """What a range holds, before it is played."""
    return await heavy(request, lambda: JSONResponse(_described(wanted)))


def _described(wanted: Asked) -> Json:
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
@needs(Verb.HISTORY)
async def master(request: Request, site: Site, camera: str, start: str, end: str, codecs: str = "") -> Response:
    """Every stream of the camera that has footage in the range and that the browser can play."""
    streams = site.cameras()[camera].streams if camera in site.cameras() else ("",)
    wanted = [asked(site, camera, stream, start, end, codecs) for stream in streams]
    return await heavy(request, lambda: _master(wanted, f"?codecs={codecs}" if codecs else ""))


def _master(streams: Sequence[Asked], asks: str) -> Response:
    found: list[hls.Variant] = []
    for wanted in streams:
        choice = wanted.choice()
        if choice.plan.pieces and choice.stream == wanted.stream:
            segments = [piece.segment for piece in choice.plan.pieces]
            one = hls.variant(f"{wanted.below}index.m3u8{asks}", segments, head_of(segments[0], wanted.site.footage))
            found.append(replace(one, codecs=transcoded.named(one.codecs)) if choice.transcoded else one)
    if not found:
        raise NoFootage("there is no footage of this time")
    return Response(hls.master(found), media_type=PLAYLIST)


@routes.get("/{camera}/{stream}/{start}/{end}/index.m3u8")
@needs(Verb.HISTORY)
async def index(request: Request, wanted: Range) -> Response:
    """One stream. It grows while the range is still being recorded."""
    return await heavy(request, lambda: playlist(wanted, wanted.end))


def playlist(wanted: Asked, chunks_to: int) -> Response:
    """`chunks_to`: the end of the range that the chunks' addresses name."""
    choice = wanted.choice()
    growing = wanted.growing(choice.plan)
    if not choice.plan.pieces and not growing:
        raise NoFootage("there is no footage of this time")
    plan = present(choice.plan, wanted.site.footage)[0] if choice.plan.pieces else choice.plan
    below = f"/api/play/{wanted.camera}/{choice.stream}/{wanted.start}/{chunks_to}/"
    text = hls.playlist(plan, growing, below, ".h264" if choice.transcoded else "")
    headers = {"Redshank-Stream": choice.stream, **(TRANSCODED if choice.transcoded else {})}
    return Response(text, headers=headers, media_type=PLAYLIST)


@routes.get("/{camera}/{stream}/{start}/{end}/init-{setup}.mp4")
@needs(Verb.HISTORY)
def init(wanted: Range, setup: str) -> Response:
    """The head of the chunks of one kind."""
    return Response(hls.init(of_setup(wanted, setup), wanted.site.footage), media_type=MP4)


@routes.get("/{camera}/{stream}/{start}/{end}/{seq}/{part}.m4s")
@needs(Verb.HISTORY)
def chunk(wanted: Range, seq: Seq, part: str) -> Response:
    """A few seconds."""
    segment = segment_of(wanted, seq)
    return Response(hls.chunk(segment, part, wanted.start, wanted.site.footage), media_type=CHUNK)
