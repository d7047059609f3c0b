"""What the studio makes of footage: the picture of an instant, and sprites.

Files are read in the pool, the studio is asked on the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from redshank.access.who import Verb
from redshank.clock import rfc3339
from redshank.media.codec_config import VIDEO_SCALE
from redshank.playback import sprite
from redshank.playback.instant import BACK_US, Instant, instant
from redshank.playback.stretch import scaled
from redshank.web.answer import Json, Problem, camera_of, stream_of, time_of
from redshank.web.guard import needs
from redshank.web.site import Site, WebSite, studio_of

routes = APIRouter(prefix="/api")


@routes.get("/picture/{camera}/{time}.jpg")
@needs(Verb.HISTORY)
async def picture(
    site: Site, camera: str, time: str, stream: str = "main", width: Annotated[int, Query(ge=16, le=8192)] = 1920
) -> Response:
    """The picture that was shown at a time, else the last one before it; privacy masks are black."""
    stream_of(site, camera, stream)
    found = await run_in_threadpool(found_at, site, camera, stream, time_of(time))
    return await made_of(site, found, {"width": width})


def found_at(site: WebSite, camera: str, stream: str, time: int) -> tuple[Instant, int]:
    """What to decode for this time, and the tick up to which. Blocks. Raises NoFootage, StoreError."""
    found = instant(site.segments(camera, stream, time - BACK_US, time + 1), time, site.footage)
    return found, scaled(time - found.segment.start, VIDEO_SCALE) + found.lead


async def made_of(site: WebSite, found: tuple[Instant, int], wanted: Mapping[str, object]) -> Response:
    """The picture, masked; `wanted`: as the studio takes it."""
    one, until = found
    masks = site.cameras()[one.segment.camera].masks
    header = {**one.coded.header(), "until": until, "masks": masks, **wanted}
    answer = await studio_of(site).ask("picture", header, one.coded.data)
    headers = {"Redshank-Time": rfc3339(one.time(answer.header["pts"])), "Redshank-Stream": one.segment.stream}
    return Response(answer.body, headers=headers, media_type="image/jpeg")


@routes.get("/sprites/{camera}/{day}/{hour}.json")
@needs(Verb.HISTORY)
def sprites(site: Site, camera: str, day: str, hour: int) -> Json:
    """What is where on an hour's sheet (UTC): a tile a minute."""
    return _sheet(site, camera, day, hour).json()


@routes.get("/sprites/{camera}/{day}/{hour}.jpg")
@needs(Verb.HISTORY)
async def sprite_sheet(site: Site, camera: str, day: str, hour: int) -> Response:
    """The sheet itself; made when it is first asked for."""
    wanted = await run_in_threadpool(_sheet, site, camera, day, hour)
    headers = {"ETag": f'"{wanted.name.rpartition("/")[2]}"', "Redshank-Tiles": str(len(wanted.tiles))}
    known = await run_in_threadpool(site.blobs.read, wanted.name) if site.blobs is not None else None
    if known is not None:
        return Response(known, headers=headers, media_type="image/jpeg")
    header, body = await run_in_threadpool(sprite.request, wanted, site.footage)
    answer = await studio_of(site).ask("sheet", header, body)
    past = site.clock.now() > wanted.start + sprite.HOUR_US
    if site.blobs is not None and past and len(answer.header["made"]) == len(wanted.tiles):
        await run_in_threadpool(sprite.keep, site.blobs, wanted, answer.body)
    return Response(answer.body, headers=headers, media_type="image/jpeg")


def _sheet(site: WebSite, camera: str, day: str, hour: int) -> sprite.Sheet:
    """Of the smallest stream that has a minute. Raises Problem."""
    known = camera_of(site, camera)
    if not 0 <= hour < 24:
        raise Problem(400, "the hour is one from 0 to 23, UTC")
    start = time_of(f"{day}T{hour:02}:00:00Z")
    segments = [
        segment
        for stream in sorted(known.streams, key=lambda one: one != "sub")
        for segment in site.segments(camera, stream, start, start + sprite.HOUR_US)
    ]
    return sprite.sheet(camera, start, segments, known.masks)
