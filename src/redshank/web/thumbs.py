"""Pictures of alerts and events: the one kept when it opened, a crop around the object, and addresses for a moving preview.

What was kept is on disk; everything else is cut from the footage. The studio decodes. Crops are kept beside the pictures of alerts and
go with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from redshank.access.who import Verb
from redshank.alert import compose
from redshank.alert.base import Picture
from redshank.clock import rfc3339
from redshank.model import Box
from redshank.playback.thumb import MOST_BYTES, WIDTH, region
from redshank.store.rows import Row, alert_in, box_in
from redshank.web.alert import alert_span, event_row
from redshank.web.alerts import alert_row
from redshank.web.guard import needs
from redshank.web.pictures import found_at, made_of
from redshank.web.review import Review, Reviewing
from redshank.web.site import Site, WebSite, studio_of

routes = APIRouter(prefix="/api")
PREVIEWS = 12
JPEG = "image/jpeg"


class Preview(BaseModel):
    """Addresses of pictures across a clip, in order."""

    pictures: list[str]


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a picture is to show."""

    id: str
    camera: str
    time: int
    box: Box | None
    final: bool
    """Whether it can still become another one."""

    @property
    def name(self) -> str:
        """Of its crop."""
        return f"alerts/{rfc3339(self.time)[:10]}/{self.id}.thumb.jpg"


@routes.get("/alerts/{alert}/picture.jpg", response_class=Response)
@needs(Verb.HISTORY)
async def alert_picture(
    site: Site, review: Reviewing, alert: str, width: Annotated[int, Query(ge=16, le=8192)] = 8192
) -> Response:
    """The picture kept when it opened, with what was seen drawn in; else what the footage shows of that moment."""
    row = await run_in_threadpool(alert_row, site, alert)
    kept = await run_in_threadpool(_kept, review, row)
    if kept is None:
        found = await run_in_threadpool(found_at, site, row["camera"], "main", row["opened"])
        return await made_of(site, found, {"width": width})
    if width >= kept.width:
        return Response(kept.jpeg, media_type=JPEG)
    return await _cut(site, kept, {"width": width})


@routes.get("/alerts/{alert}/thumb.jpg", response_class=Response)
@needs(Verb.HISTORY)
async def alert_thumb(site: Site, review: Reviewing, alert: str) -> Response:
    """What it is about, 4:3, at most 20 kB."""
    row = await run_in_threadpool(alert_row, site, alert)
    subject = _Subject(alert, row["camera"], row["opened"], box_in(row["verdict"]["box"]), True)
    known = await run_in_threadpool(_known, review, subject)
    if known is not None:
        return Response(known, media_type=JPEG)
    kept = await run_in_threadpool(_kept, review, row)
    if kept is None:
        return await _from_footage(site, review, subject)
    made = await _cut(site, kept, _small(region(subject.box, kept.width / kept.height)))
    await run_in_threadpool(_keep, review, subject, bytes(made.body))
    return made


@routes.get("/events/{event}/thumb.jpg", response_class=Response)
@needs(Verb.HISTORY)
async def event_thumb(site: Site, review: Reviewing, event: str) -> Response:
    """The object when it was seen best, cut from the footage; 4:3, at most 20 kB."""
    row = await run_in_threadpool(event_row, site, event)
    time = row["best_time"] or row["start"]
    subject = _Subject(event, row["camera"], time, box_in(row["box"]), row["end"] is not None)
    known = await run_in_threadpool(_known, review, subject)
    return await _from_footage(site, review, subject) if known is None else Response(known, media_type=JPEG)


@routes.get("/alerts/{alert}/preview.json", response_model=Preview)
@needs(Verb.HISTORY)
def preview(site: Site, alert: str) -> object:
    """Up to 12 pictures across its clip."""
    span = alert_span(site, alert_row(site, alert))
    stream = "sub" if "sub" in site.cameras()[span.camera].streams else "main"
    step = max(500_000, (span.end - span.start) // PREVIEWS)
    times = range(span.start + step // 2, span.end, step)[:PREVIEWS]
    return {"pictures": [f"/api/picture/{span.camera}/{time}.jpg?stream={stream}&width=320" for time in times]}


async def _from_footage(site: WebSite, review: Review, subject: _Subject) -> Response:
    found = await run_in_threadpool(found_at, site, subject.camera, "main", subject.time)
    shape = found[0].coded.format
    made = await made_of(site, found, _small(region(subject.box, shape.width / shape.height)))
    if subject.final:
        await run_in_threadpool(_keep, review, subject, bytes(made.body))
    return made


async def _cut(site: WebSite, kept: Picture, wanted: dict[str, object]) -> Response:
    """Of a picture that was kept, which has its masks already."""
    told = {"format": ["mjpeg", "", kept.width, kept.height], "samples": [[0, 0, 0, True, len(kept.jpeg)]]}
    answer = await studio_of(site).ask("picture", {**told, "until": 0, "masks": (), **wanted}, kept.jpeg)
    return Response(answer.body, media_type=JPEG)


def _small(part: Box) -> dict[str, object]:
    return {"width": WIDTH, "region": [part.x1, part.y1, part.x2, part.y2], "bytes": MOST_BYTES}


def _kept(review: Review, row: Row) -> Picture | None:
    """Blocks."""
    evidence = compose.load(review.pictures, alert_in(row)) if review.pictures is not None else None
    return evidence.picture if evidence is not None else None


def _known(review: Review, subject: _Subject) -> bytes | None:
    """Blocks."""
    return review.pictures.read(subject.name) if review.pictures is not None and subject.final else None


def _keep(review: Review, subject: _Subject, jpeg: bytes) -> None:
    """Blocks."""
    if review.pictures is not None:
        review.pictures.put(subject.name, jpeg, replace=True)
