"""Lanes of a timeline: what there is of many cameras in one answer. Blocks, in threads of its own; nothing writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from redshank.access.who import Verb
from redshank.clock import rfc3339
from redshank.store import coverage, search
from redshank.web.answer import Json, range_of
from redshank.web.filters import From, To, Words, seen
from redshank.web.guard import needs
from redshank.web.heavy import heavy
from redshank.web.recordings import YEAR_US
from redshank.web.site import Site, WebSite

routes = APIRouter(prefix="/api")
MOST_ALERTS = 500
"""Of one lane; of more only the numbers are told."""


class Dot(BaseModel):
    """An alert in a lane."""

    id: str
    time: str
    end: str | None
    label: str
    severity: str


class Lane(BaseModel):
    """One camera. The lists are as long as there are buckets."""

    camera: str
    footage: list[float]
    """Share of the bucket that is there, 0–1."""
    motion: list[float | None]
    """The most; null: nobody looked."""
    reasons: list[str | None]
    """Why some is missing."""
    alerts: list[Dot]
    """Oldest first; none when there are more than 500."""
    counts: list[int]
    """Alerts by bucket."""


class Lanes(BaseModel):
    """Evenly long buckets from `from` to `to`."""

    lanes: list[Lane]


@dataclass(frozen=True, slots=True)
class _Range:
    stream: str
    edges: Sequence[int]


@routes.get("/lanes", responses={200: {"model": Lanes}}, response_class=Response)
@needs(Verb.HISTORY)
async def lanes(
    request: Request,
    site: Site,
    start: From,
    end: To,
    camera: Words = "",
    buckets: Annotated[int, Query(ge=1, le=2000)] = 600,
) -> Response:
    """Coverage, motion, what is missing and alerts of each camera, on its main stream; at most 400 days."""
    cameras, chosen = seen(site, camera)
    first, last = range_of(start, end, YEAR_US)
    wanted = _Range("main", coverage.even(first, last, min(buckets, last - first)))
    return await heavy(request, lambda: JSONResponse(_drawn(site, chosen or cameras, wanted)))


def _drawn(site: WebSite, cameras: Sequence[str], wanted: _Range) -> Json:
    start, end = wanted.edges[0], wanted.edges[-1]
    found = [_lane(site, camera, wanted) for camera in cameras]
    return {"from": rfc3339(start), "to": rfc3339(end), "lanes": found}


def _lane(site: WebSite, camera: str, wanted: _Range) -> Json:
    edges = wanted.edges
    there = site.store.read(partial(coverage.timeline, camera=camera, stream=wanted.stream, edges=edges))
    start, end, buckets = edges[0], edges[-1], len(edges) - 1
    counts = site.store.read(partial(search.opened_by, camera=camera, start=start, end=end, buckets=buckets))
    few = sum(counts) <= MOST_ALERTS
    opened = (
        site.store.read(partial(search.opened, camera=camera, start=start, end=end, limit=MOST_ALERTS)) if few else ()
    )
    dots = [
        {
            "id": row.id,
            "time": rfc3339(row.opened),
            "end": rfc3339(row.closed) if row.closed is not None else None,
            "label": row.label,
            "severity": row.severity,
        }
        for row in opened
    ]
    return {
        "camera": camera,
        "footage": [round(one.footage, 4) for one in there],
        "motion": [one.motion for one in there],
        "reasons": [one.reason.value if one.reason else None for one in there],
        "alerts": dots,
        "counts": counts,
    }
