"""WebRTC by WHEP (draft-ietf-wish-whep): an SDP offer is posted, the answer names the session, DELETE ends it. On the event loop."""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from redshank.access.who import Verb
from redshank.live.film import TooMany
from redshank.live.rtc import CannotSend, Wanted
from redshank.web.answer import Problem, camera_of
from redshank.web.glancing import still_may, subject_of
from redshank.web.guard import Asker, needs
from redshank.web.rooms import Rooms, there
from redshank.web.site import Site

routes = APIRouter(prefix="/api/live")

MOST_SDP = 64 << 10
SDP = "application/sdp"
_MEDIA = re.compile(r"^m=(\w+)", re.MULTILINE)


@routes.post("/{camera}/whep", status_code=201)
@needs(Verb.LIVE)
async def begin(
    request: Request,
    site: Site,
    who: Asker,
    camera: str,
    stream: Annotated[Literal["auto", "main", "sub"], Query()] = "auto",
) -> Response:
    """Offer → 201 with the answer and the session's address in `Location`."""
    subject = subject_of(site, camera)
    streams = subject.streams if stream == "auto" else tuple(one for one in subject.streams if one == stream)
    if not streams:
        raise Problem(404, "there is no such stream")
    rooms: Rooms = request.app.state.rooms
    rtc = there(rooms.rtc, "WebRTC")
    wanted = Wanted(camera, streams, partial(still_may, rooms, who), who.id, _here(request))
    try:
        answered = await rtc.offer(wanted, await _offer(request))
    except (TooMany, CannotSend) as error:
        detail = f"{error}; /api/live/{camera}/mse shows every camera"
        raise Problem(503, detail, {"Retry-After": "5"}) from error
    headers = {"Location": f"/api/live/{camera}/whep/{answered.session}", "Redshank-Stream": answered.stream}
    if answered.transcoded:
        headers["Redshank-Transcoded"] = "1"
    return Response(answered.sdp, 201, headers, SDP)


@routes.delete("/{camera}/whep/{session}", status_code=204)
@needs(Verb.LIVE)
async def end(request: Request, site: Site, who: Asker, camera: str, session: str) -> Response:
    """End one's own session."""
    camera_of(site, camera)
    if not there(request.app.state.rooms.rtc, "WebRTC").close(session, camera, who.id):
        raise Problem(404, "there is no such session")
    return Response(status_code=204)


async def _offer(request: Request) -> str:
    """The offer: one video, at most one sound, nothing else. Raises Problem."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
        raise Problem(415, f"the body must be an SDP offer ({SDP})")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_SDP:
            raise Problem(413, "the offer is too large")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if sorted(_MEDIA.findall(text)) not in (["video"], ["audio", "video"]):
        raise Problem(400, "the offer must ask for one video and at most one sound, and nothing else")
    return text


def _here(request: Request) -> bool:
    """Whether the browser is on this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
