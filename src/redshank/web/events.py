"""Events: everything that happened, also what no rule wanted (quiet). Routes run in the pool; nothing writes."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends

from redshank.access.who import Verb
from redshank.store import search
from redshank.store.rows import Row
from redshank.web.filters import After, EventFilter, Limit, cursor, place
from redshank.web.guard import needs
from redshank.web.items import NOTHING, Events, event_of
from redshank.web.site import WebSite

routes = APIRouter(prefix="/api/events")
Filter = Annotated[EventFilter, Depends()]


@routes.get("", response_model=Events)
@needs(Verb.HISTORY)
def listed(asked: Filter, limit: Limit = 100, after: After = "") -> object:
    """Newest first; `quiet=1`: those that led to no alert."""
    wanted = asked.wanted()
    rows = asked.site.store.read(partial(search.event_rows, wanted=wanted, limit=limit + 1, after=place(after)))
    items = shown(asked.site, rows[:limit], asked.who.id)
    last = rows[limit - 1] if len(rows) > limit else None
    return {"items": items, "next": cursor((last["start"], last["id"])) if last else None}


def shown(site: WebSite, rows: list[Row], user: str) -> list[dict[str, object]]:
    """Fields of `Event`s. Blocks."""
    ids = [row["id"] for row in rows]
    said = site.store.read(partial(search.said, kind="event", ids=ids, user=user))
    cameras = site.cameras()
    return [event_of(row, cameras[row["camera"]].title, said.get(row["id"], NOTHING)) for row in rows]
