"""Holds: footage that must not be deleted. Whoever may export sets them; whoever may delete, or set it, lifts it. In the pool."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from redshank.access.who import Role, Verb, Who
from redshank.archive.held import REASON
from redshank.clock import new_id, rfc3339
from redshank.model import Hold
from redshank.retain import DAY_US
from redshank.store import holds
from redshank.web.answer import Problem, camera_of, range_of
from redshank.web.guard import Asker, needs
from redshank.web.review import Noted
from redshank.web.site import Site, WebSite

routes = APIRouter(prefix="/api")
MOST_US = 31 * DAY_US
MOST = 10_000
"""Holds of a site."""


class HoldOut(BaseModel):
    """What is held."""

    id: str
    camera: str
    start: str
    end: str
    reason: str
    created: str


class Holds(BaseModel):
    """Oldest first."""

    items: list[HoldOut]


class NewHold(BaseModel):
    """What to hold."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    camera: Annotated[str, Field(max_length=64)]
    start: Annotated[str, Field(alias="from", max_length=40)]
    end: Annotated[str, Field(alias="to", max_length=40)]
    reason: Annotated[str, Field(max_length=1000)] = ""


@routes.get("/holds", response_model=Holds)
@needs(Verb.HISTORY)
def listed(site: Site, who: Asker) -> object:
    """Those of the cameras one may see; not those of exports that run."""
    found = site.store.read(holds.list)
    return {"items": [_told(one) for one in found if _sees(site, who, one)]}


@routes.post("/holds", response_model=HoldOut, status_code=201)
@needs(Verb.EXPORT)
def put(site: Site, note: Noted, asked: NewHold) -> object:
    """Hold up to 31 days of a camera."""
    camera_of(site, asked.camera)
    start, end = range_of(asked.start, asked.end, MOST_US)
    now = site.clock.now()
    if len(site.store.read(holds.list)) >= MOST:
        raise Problem(503, f"there are {MOST} holds already: lift some first")
    hold = Hold(new_id(now), asked.camera, start, end, "" if asked.reason == REASON else asked.reason, now)
    site.store.write(partial(holds.add, hold=hold)).result()
    note("hold", asked.camera, f"{rfc3339(start)} to {rfc3339(end)}")
    return _told(hold)


@routes.delete("/holds/{hold}", status_code=204)
@needs(Verb.EXPORT)
def lift(site: Site, who: Asker, note: Noted, hold: str) -> None:
    """Retention may delete it again."""
    found = next((one for one in site.store.read(holds.list) if one.id == hold), None)
    if found is None or not _sees(site, who, found):
        raise Problem(404, "there is no such hold")
    if not _may_lift(who, found.camera):
        raise Problem(403, "holds are lifted by operators and administrators")
    site.store.write(partial(holds.remove, id=hold)).result()
    note("hold lifted", found.camera, f"{rfc3339(found.start)} to {rfc3339(found.end)}")


def _sees(site: WebSite, who: Who, hold: Hold) -> bool:
    """One of every camera is for administrators."""
    if hold.reason == REASON:
        return False
    return who.role is Role.ADMIN if hold.camera == "" else hold.camera in site.cameras()


def _may_lift(who: Who, camera: str) -> bool:
    return who.role in (Role.ADMIN, Role.OPERATOR) or who.may(Verb.DELETE, camera)


def _told(one: Hold) -> dict[str, str]:
    return {
        "id": one.id,
        "camera": one.camera,
        "start": rfc3339(one.start),
        "end": rfc3339(one.end),
        "reason": one.reason,
        "created": rfc3339(one.created),
    }
