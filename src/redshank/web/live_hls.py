"""Live pictures as low-latency HLS. On the hub's event loop: a request for what is about to be made waits for it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from redshank.access.who import Verb
from redshank.live.hls import LiveHls, Window
from redshank.web.answer import Problem, stream_of
from redshank.web.guard import needs
from redshank.web.rooms import there
from redshank.web.site import Site

PLAYLIST = "application/vnd.apple.mpegurl"
Stream = Literal["main", "sub"]
routes = APIRouter(prefix="/api/live/{camera}/hls")


async def _window(request: Request, site: Site, camera: str, stream: Stream) -> Window:
    """Raises Problem."""
    if not stream_of(site, camera, stream).enabled:
        raise Problem(503, "no picture comes from the camera at the moment: it is switched off")
    hls: LiveHls = there(request.app.state.rooms.live_hls, "live view")
    window = await hls.window(camera, stream)
    if window is None:
        why = hls.why(camera, stream) or "nothing comes from it"
        raise Problem(503, f"no picture comes from the camera at the moment: {why}", {"Retry-After": "2"})
    return window


@routes.get("/master.m3u8")
@needs(Verb.LIVE)
async def master(request: Request, site: Site, camera: str, stream: Stream = "main") -> Response:
    """The playlist for a player: one stream, its codecs and size."""
    window = await _window(request, site, camera, stream)
    return Response(window.master(f"{stream}/index.m3u8"), media_type=PLAYLIST)


@routes.get("/index.m3u8")
@needs(Verb.LIVE)
async def short(request: Request, site: Site, camera: str, stream: Stream = "main") -> Response:
    """The same without the detour, for players that want none; never waits for what is not there yet."""
    window = await _window(request, site, camera, stream)
    return Response(window.playlist(f"{stream}/"), media_type=PLAYLIST)


@routes.get("/{stream}/index.m3u8")
@needs(Verb.LIVE)
async def playlist(
    request: Request,
    site: Site,
    camera: str,
    stream: Stream,
    number: Annotated[int | None, Query(alias="_HLS_msn", ge=0, lt=10**9)] = None,
    part: Annotated[int | None, Query(alias="_HLS_part", ge=0, lt=10**4)] = None,
) -> Response:
    """What is in the window; with `_HLS_msn` and `_HLS_part` once that part is in it (RFC 8216bis §6.2.5.2)."""
    window = await _window(request, site, camera, stream)
    if number is None and part is not None:
        raise Problem(400, "_HLS_part without _HLS_msn")
    # Without a part the whole segment is meant: it is whole once the next one has begun.
    wanted = None if number is None else (number, part) if part is not None else (number + 1, 0)
    if wanted is not None and not await window.until(*wanted):
        raise Problem(400 if window.far(wanted[0]) else 503, "what is asked for has not come")
    return Response(window.playlist(), media_type=PLAYLIST)


@routes.get("/{stream}/{name}")
@needs(Verb.LIVE)
async def piece(request: Request, site: Site, camera: str, stream: Stream, name: str) -> Response:
    """An init segment, a segment or a part."""
    window = await _window(request, site, camera, stream)
    data = await window.piece(name)
    if data is None:
        raise Problem(404, "there is no such piece in the window any more")
    return Response(data, media_type="video/mp4")
