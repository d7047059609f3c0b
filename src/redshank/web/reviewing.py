"""What people say about alerts and events: looked over, right, wrong, missed, what the boxes should have been.

Whoever may look back ticks off for themselves; what is said for everybody (marks, notes, boxes, misses) is for administrators,
operators, and tokens that may export. Guests say nothing. Every change is answered with what was before: sent again, it undoes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from redshank.access.who import Role, Verb, Who
from redshank.clock import new_id
from redshank.store import reviews
from redshank.store.reviews import About, Reviewer
from redshank.web.answer import Problem, camera_of, time_of
from redshank.web.guard import Asker, needs
from redshank.web.items import Mark
from redshank.web.review import Noted
from redshank.web.site import Site, WebSite

routes = APIRouter(prefix="/api")
MOST = 500
"""Items of one request."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Corners = tuple[Share, Share, Share, Share]
Text = Annotated[str, Field(max_length=10_000)]
Label = Annotated[str, Field(max_length=200)]
When = Annotated[str, Field(max_length=40)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Drawn(_Asked):
    """A box as it should have been."""

    time: When
    label: Label
    box: Corners


class Opinion(_Asked):
    """What is to be said; what is left out stays as it is."""

    reviewed: bool = False
    mark: Mark | None = None
    """null: none."""
    note: Text = ""
    boxes: Annotated[list[Drawn], Field(max_length=200)] = []

    def changes(self) -> dict[str, Any]:
        """What was said, as the store has it."""
        said = self.model_dump(include={"reviewed", "mark", "note", "boxes"} & self.model_fields_set)
        if "mark" in said:
            said["mark"] = said["mark"] or ""
        if "boxes" in said:
            said["boxes"] = tuple({**one, "box": list(one["box"])} for one in said["boxes"])
        return said


class Item(Opinion):
    """Which; and what is to be said of this one only."""

    kind: Literal["alert", "event"]
    id: Annotated[str, Field(max_length=64)]


class Asked(Opinion):
    """What is to be said of all these."""

    items: Annotated[list[Item], Field(min_length=1, max_length=MOST)]


class Before(BaseModel):
    """How an item was."""

    kind: Literal["alert", "event"]
    id: str
    reviewed: bool
    mark: Mark | None
    note: str
    boxes: list[Drawn]


class Done(BaseModel):
    """How each was before: sent as `items` again, it undoes the change."""

    items: list[Before]


class Missed(_Asked):
    """Something was there and nothing was said of it."""

    camera: Label
    time: When
    label: Label
    box: Corners | None = None
    note: Text = ""


class Kept(BaseModel):
    """A miss."""

    id: str


@routes.post("/reviews", response_model=Done)
@needs(Verb.HISTORY)
def review(site: Site, who: Asker, note: Noted, asked: Asked) -> object:
    """Say something of up to 500 items: of all of them, or of each for itself."""
    known = {(one.kind, one.id): one for kind in ("alert", "event") for one in _about(site, asked, kind)}
    all_of_them = asked.changes()
    wanted = [(known[one.kind, one.id], {**all_of_them, **one.changes()}) for one in asked.items]
    for item, changes in wanted:
        _may_say(who, item.camera, changes)
        for box in changes.get("boxes") or ():
            time_of(box["time"])
    reviewer = Reviewer(who.id, who.name, site.clock.now())
    done = site.store.write(
        lambda conn: [(item, reviews.put(conn, item, changes, reviewer)) for item, changes in wanted]
    ).result()
    for item, changes in wanted:
        if changes.keys() - {"reviewed"}:
            note("review", item.camera, f"{item.kind} {item.id} {changes.get('mark', '')}".strip())
    return {
        "items": [
            {
                "kind": item.kind,
                "id": item.id,
                "reviewed": before.reviewed,
                "mark": before.opinion.mark or None,
                "note": before.opinion.note,
                "boxes": before.opinion.boxes,
            }
            for item, before in done
        ]
    }


@routes.post("/misses", response_model=Kept, status_code=201)
@needs(Verb.HISTORY)
def missed(site: Site, who: Asker, note: Noted, asked: Missed) -> object:
    """Say that something was missed that no item is about."""
    camera_of(site, asked.camera)
    time, now = time_of(asked.time), site.clock.now()
    boxes = ({"time": asked.time, "label": asked.label, "box": list(asked.box)},) if asked.box else ()
    changes = {"mark": "missed", "note": asked.note, "boxes": boxes}
    _may_say(who, asked.camera, changes)
    item = About("miss", new_id(now), asked.camera, time, asked.label)
    site.store.write(partial(reviews.put, item=item, changes=changes, who=Reviewer(who.id, who.name, now))).result()
    note("review", asked.camera, f"missed {asked.label} at {asked.time}")
    return {"id": item.id}


def _about(site: WebSite, asked: Asked, kind: Literal["alert", "event"]) -> list[About]:
    """The items of this kind. Raises Problem: the same for what is not there and for what one may not see."""
    ids = [one.id for one in asked.items if one.kind == kind]
    found = site.store.read(partial(reviews.about, kind=kind, ids=ids))
    if any(id not in found or found[id].camera not in site.cameras() for id in ids):
        raise Problem(404, f"there is no such {kind}")
    return list(found.values())


def _may_say(who: Who, camera: str, changes: Mapping[str, Any]) -> None:
    """Raises Problem."""
    speaks = who.role in (Role.ADMIN, Role.OPERATOR) or (who.kind == "token" and who.may(Verb.EXPORT, camera))
    if who.kind == "guest" or (not speaks and changes.keys() - {"reviewed"}):
        raise Problem(403, "marks and notes are for operators and administrators")
