"""H.264 for browsers that play nothing else, chunk by chunk as it is watched. Files are read in the pool, the studio is asked on the
event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from redshank.model import Segment
from redshank.playback import hls, transcoded
from redshank.playback.header import Head, Timing
from redshank.playback.movie import head_of
from redshank.playback.plan import Plan
from redshank.playback.studio import TRANSCODE
from redshank.web.asked import CHUNK, MP4, TRANSCODED, Asked, Range, Seq, name_of, segment_of
from redshank.web.site import studio_of

routes = APIRouter(prefix="/api/play")


@routes.get("/{camera}/{stream}/{start}/{end}/init-{setup}.h264.mp4")
async def init(wanted: Range, setup: str) -> Response:
    """The head of transcoded chunks."""
    site = wanted.site

    def find() -> tuple[Head, int]:
        segment = hls.of_setup(setup, site.plan(wanted.camera, wanted.stream, wanted.start, wanted.end))
        return head_of(segment, site.footage), segment.start

    head, created = await run_in_threadpool(find)
    answer = await studio_of(site).ask(TRANSCODE, transcoded.ask_format(head), b"")
    made = transcoded.init(head, answer.header, Timing(created, None))
    return Response(made, headers=TRANSCODED, media_type=MP4)


@routes.get("/{camera}/{stream}/{start}/{end}/{seq}/{part}.h264.m4s")
async def chunk(wanted: Range, seq: Seq, part: str) -> Response:
    """A few seconds, transcoded."""
    segment = await run_in_threadpool(segment_of, wanted, seq)
    made = await _chunk(wanted, segment, part)
    return Response(made, headers=TRANSCODED, media_type=CHUNK)


async def _chunk(wanted: Asked, segment: Segment, name: str) -> bytes:
    def find() -> transcoded.Transcode:
        return transcoded.begin(hls.part(segment, name, wanted.start, wanted.site.footage))

    return await _made(wanted, await run_in_threadpool(find))


async def _made(wanted: Asked, work: transcoded.Transcode) -> bytes:
    header = {**work.pictures.header(), "masks": wanted.site.cameras()[wanted.camera].masks}
    answer = await studio_of(wanted.site).ask(TRANSCODE, header, work.pictures.data)
    return await run_in_threadpool(transcoded.finish, work, answer)


def movie(request: Request, wanted: Asked, plan: Plan) -> Response:
    """The range as one MP4, made while it is sent: nobody knows its size. Of one kind of pictures, from the start on."""
    headers = {**TRANSCODED, "Accept-Ranges": "none", "Content-Disposition": f'inline; filename="{name_of(plan)}"'}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=MP4)
    return StreamingResponse(_movie(wanted, plan), headers=headers, media_type=MP4)


async def _movie(wanted: Asked, plan: Plan) -> AsyncIterator[bytes]:
    studio, footage, first = studio_of(wanted.site), wanted.site.footage, plan.pieces[0]
    entries = [one for one in hls.chunks(plan) if one.piece.segment.setup == first.segment.setup]
    head = await run_in_threadpool(head_of, first.segment, footage)
    answer = await studio.ask(TRANSCODE, transcoded.ask_format(head), b"")
    length = entries[-1].end - first.start
    yield transcoded.init(head, answer.header, Timing(first.start, length, transcoded.EARLY_US))

    def find(number: int) -> transcoded.Transcode:
        one = entries[number]
        found = hls.part(one.piece.segment, one.name.partition("/")[2], wanted.start, footage)
        return transcoded.begin(transcoded.of_movie(found, one.piece.segment, first.start, number))

    for number in range(len(entries)):
        yield await _made(wanted, await run_in_threadpool(find, number))
