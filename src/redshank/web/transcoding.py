"""H.264 for browsers that play nothing else, chunk by chunk as it is watched. Files are read in the pool, the studio is asked on the
event loop.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

from anyio import from_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from redshank.access.who import Verb
from redshank.errors import StoreError
from redshank.model import Segment
from redshank.playback import hls, transcoded
from redshank.playback.footage import NoFootage
from redshank.playback.header import Head, Timing
from redshank.playback.movie import head_of
from redshank.playback.plan import Plan
from redshank.playback.studio import TRANSCODE, Busy, Refused
from redshank.web.asked import CHUNK, MP4, TRANSCODED, Asked, Range, Seq, name_of, of_setup, segment_of
from redshank.web.guard import needs
from redshank.web.site import studio_of

log = logging.getLogger(__name__)

AGAIN_S = 0.5
TRIES = 60
routes = APIRouter(prefix="/api/play")


@routes.get("/{camera}/{stream}/{start}/{end}/init-{setup}.h264.mp4")
@needs(Verb.HISTORY)
async def init(wanted: Range, setup: str) -> Response:
    """The head of transcoded chunks."""
    site = wanted.site

    def find() -> tuple[Head, int]:
        segment = of_setup(wanted, setup)
        return head_of(segment, site.footage), segment.start

    head, created = await run_in_threadpool(find)
    answer = await studio_of(site).ask(TRANSCODE, transcoded.ask_format(head), b"")
    made = transcoded.init(head, answer.header, Timing(created, None))
    return Response(made, headers=TRANSCODED, media_type=MP4)


@routes.get("/{camera}/{stream}/{start}/{end}/{seq}/{part}.h264.m4s")
@needs(Verb.HISTORY)
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
    """The range as one MP4, made while it is sent: nobody knows its size. Of one kind of pictures, from the start on. In the pool."""
    footage, first = wanted.site.footage, plan.pieces[0]
    entries = [one for one in hls.chunks(plan) if one.piece.segment.setup == first.segment.setup]
    if not entries:
        raise NoFootage("what there is of this time is still being recorded: try again in a few seconds")
    headers = {**TRANSCODED, "Accept-Ranges": "none", "Content-Disposition": f'inline; filename="{name_of(plan)}"'}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=MP4)
    head = head_of(first.segment, footage)
    answer = from_thread.run(studio_of(wanted.site).ask, TRANSCODE, transcoded.ask_format(head), b"")
    timing = Timing(first.start, entries[-1].end - first.start, transcoded.EARLY_US)
    begins = transcoded.init(head, answer.header, timing)
    return StreamingResponse(_movie(wanted, entries, begins), headers=headers, media_type=MP4)


async def _movie(wanted: Asked, entries: Sequence[hls.Chunk], begins: bytes) -> AsyncIterator[bytes]:
    """What is lost or damaged is left out, as in every movie (rel:T05)."""
    start = entries[0].piece.start

    def find(number: int) -> transcoded.Transcode:
        one = entries[number]
        found = hls.part(one.piece.segment, one.name.partition("/")[2], wanted.start, wanted.site.footage)
        return transcoded.begin(transcoded.of_movie(found, one.piece.segment, start, number))

    yield begins
    for number in range(len(entries)):
        try:
            made = await _patiently(wanted, await run_in_threadpool(find, number))
        except (StoreError, Refused) as error:
            log.warning("left out of a movie", extra={"path": entries[number].piece.segment.path, "reason": str(error)})
            continue
        yield made


async def _patiently(wanted: Asked, work: transcoded.Transcode) -> bytes:
    """In the middle of a movie there is no other answer than to wait."""
    for _ in range(TRIES):
        try:
            return await _made(wanted, work)
        except Busy:
            await wanted.site.clock.sleep(AGAIN_S)
    return await _made(wanted, work)
