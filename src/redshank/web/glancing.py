"""Pictures of live cameras without a player: the newest one, and a stream of JPEGs. On the event loop; the studio decodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from redshank.access.who import Verb, Who
from redshank.clock import NS_PER_S, US_PER_S, Clock, rfc3339
from redshank.live.film import Shot, TooMany
from redshank.live.pictures import NoPicture, Subject, streams_for
from redshank.live.viewer import Viewer
from redshank.web.answer import Problem, camera_of, same
from redshank.web.guard import Asker, needs
from redshank.web.rooms import Rooms, there
from redshank.web.site import Site, WebSite

routes = APIRouter(prefix="/api/live")

LOOK_S = 2.0
"""So often we look whether whoever watches still may."""
QUIET_S = 10.0
"""Without a picture for so long, a stream of pictures ends: what stands still would look like now."""
EARLY = 0.9
"""Part of the wanted time between two pictures after which the next one may come."""
BOUNDARY = "redshank-picture"

Width = Annotated[int, Query(ge=16, le=3840)]


@routes.get("/{camera}/latest.jpg")
@needs(Verb.LIVE)
async def latest(
    request: Request, site: Site, camera: str, width: Width = 640, max_age_s: Annotated[float, Query(gt=0, le=60)] = 10
) -> Response:
    """The newest picture, masked; `Redshank-Time` says when it was. 503 when there is none so new."""
    subject = subject_of(site, camera)
    stills = there(request.app.state.rooms.stills, "the live view")
    try:
        found = await stills.latest(subject, width, round(max_age_s * US_PER_S))
    except NoPicture as error:
        raise Problem(503, str(error), {"Retry-After": "5"}) from error
    headers = {"Redshank-Time": rfc3339(found.time), "Redshank-Stream": found.stream, "ETag": f'"{found.etag}"'}
    if same(headers["ETag"], request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(found.data, headers=headers, media_type="image/jpeg")


@dataclass(frozen=True, slots=True)
class Asked:
    """How somebody wants to look."""

    width: Width = 640
    fps: Annotated[float, Query(ge=1, le=10)] = 5
    boxes: Annotated[Literal["0", "1"], Query(description="1: with what is seen drawn into it")] = "0"


@routes.get("/{camera}/mjpeg")
@needs(Verb.LIVE)
async def mjpeg(
    request: Request,
    site: Site,
    who: Asker,
    camera: str,
    asked: Annotated[Asked, Depends()],
) -> Response:
    """JPEGs, masked, one after another in one answer, which ends when nothing comes any more or one may not look any more."""
    subject = subject_of(site, camera)
    rooms: Rooms = request.app.state.rooms
    films = there(rooms.films, "the live view")
    stream = streams_for(subject.streams, asked.width)[0]
    watching = films.shots(camera, stream, asked.width, asked.fps, asked.boxes == "1")
    parts = _parts(watching, asked.fps, partial(still_may, rooms, who), films.clock)
    try:
        first = await anext(parts)
    except TooMany as error:
        raise Problem(503, str(error), {"Retry-After": "10"}) from error
    except StopAsyncIteration:
        raise Problem(
            503, "there is no picture of this camera now: nothing comes from it", {"Retry-After": "5"}
        ) from None
    return StreamingResponse(_after(first, parts), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")


async def _after(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part


async def _parts(
    watching: AbstractAsyncContextManager[Viewer[Shot]], fps: float, may: Callable[[], Awaitable[bool]], clock: Clock
) -> AsyncIterator[bytes]:
    """What one viewer is sent, until nothing comes any more or they may not look any more. Raises TooMany."""
    every_us, shown_us = round(US_PER_S / fps * EARLY), 0
    came_ns = looked_ns = clock.mono_ns()
    async with watching as viewer:
        while came_ns + QUIET_S * NS_PER_S > clock.mono_ns():
            if clock.mono_ns() - looked_ns > LOOK_S * NS_PER_S:
                looked_ns = clock.mono_ns()
                if not await may():
                    return
            try:
                async with asyncio.timeout(LOOK_S):
                    shot = await viewer.next()
            except TimeoutError:
                continue
            if shot is None:
                return
            came_ns = clock.mono_ns()
            if abs(shot.time - shown_us) >= every_us:
                shown_us = shot.time
                yield part(shot)


async def still_may(rooms: Rooms, who: Who) -> bool:
    """Whether they still may what they might when they came in."""
    return rooms.access is not None and await rooms.access.still(who)


def part(shot: Shot) -> bytes:
    """One picture of the answer, and when it was."""
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(shot.data)}\r\n"
    return f"{head}Redshank-Time: {rfc3339(shot.time)}\r\n\r\n".encode() + shot.data + b"\r\n"


def subject_of(site: WebSite, camera: str) -> Subject:
    """Raises Problem."""
    known = camera_of(site, camera)
    if not known.enabled:
        raise Problem(503, "there is no picture of this camera now: it is switched off")
    return Subject(camera, known.streams, known.masks)
