"""Alerts: the inbox and its numbers. Routes run in the pool; nothing writes."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends

from redshank.access.who import Verb
from redshank.alert.compose import blob_name
from redshank.store import alerts, search
from redshank.store.rows import Row, alert_in
from redshank.store.search import alert_rows
from redshank.store.tally import tally
from redshank.web.answer import Problem
from redshank.web.filters import After, AlertFilter, Limit, cursor, place
from redshank.web.guard import needs
from redshank.web.items import NOTHING, Alerts, Counts, alert_of
from redshank.web.review import Review, Reviewing
from redshank.web.site import WebSite

routes = APIRouter(prefix="/api/alerts")
Filter = Annotated[AlertFilter, Depends()]


@routes.get("", response_model=Alerts)
@needs(Verb.HISTORY)
def listed(asked: Filter, review: Reviewing, limit: Limit = 100, after: After = "") -> object:
    """Newest first; every filter is a list of what is wanted, separated by commas."""
    wanted = asked.wanted()
    rows = asked.site.store.read(partial(alert_rows, wanted=wanted, limit=limit + 1, after=place(after)))
    items = shown(asked.site, review, rows[:limit], asked.who.id)
    last = rows[limit - 1] if len(rows) > limit else None
    return {"items": items, "next": cursor((last["opened"], last["id"])) if last else None}


@routes.get("/counts", response_model=Counts)
@needs(Verb.HISTORY)
def counted(asked: Filter) -> object:
    """How many: with all filters, and by each value of a name without the filter of that name."""
    found = asked.site.store.read(partial(tally, wanted=asked.wanted()))
    return {"total": found.total, **found.by}


def shown(site: WebSite, review: Review, rows: list[Row], user: str) -> list[dict[str, object]]:
    """Fields of `Alert`s. Blocks."""
    ids = [row["id"] for row in rows]
    said = site.store.read(partial(search.said, kind="alert", ids=ids, user=user))
    cameras = site.cameras()
    return [
        alert_of(row, cameras[row["camera"]].title, said.get(row["id"], NOTHING), pictured(review, row)) for row in rows
    ]


def pictured(review: Review, row: Row) -> bool:
    """Whether a whole picture was kept. Blocks."""
    if review.pictures is None:
        return False
    return review.pictures.read(blob_name(alert_in(row), "json")) is not None


def alert_row(site: WebSite, alert: str) -> Row:
    """Raises Problem: the same for what is not there and for what one may not see."""
    row = site.store.read(partial(alerts.row, id=alert))
    if row is None or row["camera"] not in site.cameras():
        raise Problem(404, "there is no such alert")
    return row
