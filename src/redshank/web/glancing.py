"""Pictures of live cameras without a player: the newest one, and a stream of JPEGs. On the event loop; the studio decodes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from redshank.access.who import Verb
from redshank.clock import US_PER_S, rfc3339
from redshank.live.pictures import NoPicture, Subject
from redshank.web.answer import Problem, camera_of, same
from redshank.web.guard import needs
from redshank.web.rooms import there
from redshank.web.site import Site, WebSite

routes = APIRouter(prefix="/api/live")

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


def subject_of(site: WebSite, camera: str) -> Subject:
    """Raises Problem."""
    known = camera_of(site, camera)
    if not known.enabled:
        raise Problem(503, "there is no picture of this camera now: it is switched off")
    return Subject(camera, known.streams, known.masks)
