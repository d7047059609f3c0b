"""Exports: footage put into a file while one does something else; watched, fetched, deleted by who ordered it. On the event loop; what
blocks runs in the pool."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from redshank.access.who import Role, Verb, Who
from redshank.archive.orders import Orders, TooMany
from redshank.clock import new_id, rfc3339
from redshank.retain import DAY_US
from redshank.store import exports
from redshank.store.exports import Export
from redshank.web.answer import Problem, camera_of, range_of
from redshank.web.guard import Asker, needs
from redshank.web.review import Noted, Review, Reviewing
from redshank.web.site import Site, WebSite

routes = APIRouter(prefix="/api")
MOST_US = 7 * DAY_US


class ExportOut(BaseModel):
    """One, and how far it is."""

    id: str
    kind: Literal["clip", "evidence", "timelapse"]
    cameras: list[str]
    start: str
    end: str
    status: Literal["queued", "running", "done", "failed"]
    done: float
    """Share that is made, 0–1."""
    bytes: int
    error: str
    """Why it failed, or what is missing in it."""
    owner: str
    """Name of who ordered it."""
    created: str
    updated: str
    address: str | None
    """Of the file, once it is there."""


class Exports(BaseModel):
    """Newest first."""

    items: list[ExportOut]


class NewExport(BaseModel):
    """What to put into a file: of several cameras an archive. A time-lapse is 60 times as fast, and of one camera."""

    model_config = ConfigDict(extra="forbid")
    cameras: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=16)]
    start: Annotated[str, Field(alias="from", max_length=40)]
    end: Annotated[str, Field(alias="to", max_length=40)]
    kind: Literal["clip", "evidence", "timelapse"] = "clip"


@routes.get("/exports", response_model=Exports)
@needs(Verb.EXPORT)
async def listed(site: Site, who: Asker) -> object:
    """One's own; an administrator sees everybody's."""
    found = await run_in_threadpool(site.store.read, exports.every)
    return {"items": [_told(one) for one in found if _sees(site, who, one)]}


@routes.post("/exports", response_model=ExportOut, status_code=202)
@needs(Verb.EXPORT)
async def order(site: Site, who: Asker, review: Reviewing, note: Noted, asked: NewExport) -> object:
    """At most 7 days of at most 16 cameras."""
    cameras = tuple(dict.fromkeys(asked.cameras))
    for camera in cameras:
        camera_of(site, camera)
    start, end = range_of(asked.start, asked.end, MOST_US)
    if asked.kind == "timelapse" and len(cameras) > 1:
        raise Problem(400, "cameras: a time-lapse is of one camera")
    now = site.clock.now()
    if start >= now:
        raise Problem(400, "from: expected a time that is over")
    one = Export(new_id(now), who.id, who.name, asked.kind, cameras, start, min(end, now), "queued", now, now)
    try:
        await _orders(review).order(one)
    except TooMany as error:
        raise Problem(503, str(error)) from error
    for camera in cameras:
        note("export", camera, f"{one.kind} {rfc3339(one.start)} to {rfc3339(one.end)}")
    return _told(one)


@routes.get("/exports/{export}", response_model=ExportOut)
@needs(Verb.EXPORT)
async def one_export(site: Site, who: Asker, export: str) -> object:
    """How far it is."""
    return _told(await _found(site, who, export))


@routes.get("/exports/{export}/file", response_class=Response)
@needs(Verb.EXPORT)
async def file(site: Site, who: Asker, review: Reviewing, note: Noted, export: str) -> Response:
    """The file, with byte ranges."""
    one = await _found(site, who, export)
    path = _orders(review).path(one)
    if one.status != "done" or not await run_in_threadpool(path.is_file):
        raise Problem(404, "there is no such file yet, or no more")
    note("download", one.cameras[0], f"export {one.id}")
    begins = rfc3339(one.start)[:19].replace("-", "").replace(":", "")
    return FileResponse(path, filename=f"{one.cameras[0]}-{begins}Z-{one.kind}{path.suffix}")


@routes.delete("/exports/{export}", status_code=204)
@needs(Verb.EXPORT)
async def remove(site: Site, who: Asker, review: Reviewing, note: Noted, export: str) -> None:
    """Also one that is being made."""
    one = await _found(site, who, export)
    await _orders(review).remove(one.id)
    note("export deleted", one.cameras[0], one.id)


def _orders(review: Review) -> Orders:
    """Raises Problem."""
    if review.exports is None:
        raise Problem(503, "exports are not made at the moment")
    return review.exports


async def _found(site: WebSite, who: Who, id: str) -> Export:
    """Raises Problem: the same for what is not there and for what is not one's own."""
    known = await run_in_threadpool(site.store.read, exports.every)
    one = next((one for one in known if one.id == id), None)
    if one is None or not _sees(site, who, one):
        raise Problem(404, "there is no such export")
    return one


def _sees(site: WebSite, who: Who, one: Export) -> bool:
    return (one.owner == who.id or who.role is Role.ADMIN) and set(one.cameras) <= set(site.cameras())


def _told(one: Export) -> dict[str, object]:
    times = {name: rfc3339(getattr(one, name)) for name in ("start", "end", "created", "updated")}
    address = f"/api/exports/{one.id}/file" if one.status == "done" else None
    return {**asdict(one), **times, "owner": one.name, "address": address}
