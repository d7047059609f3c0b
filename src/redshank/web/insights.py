"""Insights: what happened in numbers, equal to the database's own; as JSON, as CSV, as a heat map."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from redshank import insight
from redshank.access.who import Verb
from redshank.clock import rfc3339
from redshank.retain import DAY_US
from redshank.store import insights
from redshank.store.insights import QUARTER_US, Count, Span
from redshank.web.answer import camera_of, range_of
from redshank.web.filters import Words, seen, words
from redshank.web.guard import needs
from redshank.web.heavy import heavy
from redshank.web.review import Reviewing
from redshank.web.rooms import Rooms, there
from redshank.web.site import Site

routes = APIRouter()
MOST_US = 400 * DAY_US
HOURLY_US = 40 * DAY_US
"""Of a report by the hour."""
HEAT_US = 31 * DAY_US
COLUMNS, ROWS = 64, 36


class Bucket(BaseModel):
    start: str
    motions: int
    events: int
    alerts: int
    notified: int


class Reason(BaseModel):
    reason: str
    count: int


class Marks(BaseModel):
    """What people said; precision and recall 0–1, None while nobody said anything."""

    right: int
    wrong: int
    missed: int
    precision: float | None
    recall: float | None


class AllMarks(Marks):
    camera: dict[str, Marks]
    label: dict[str, Marks]


class Insights(BaseModel):
    """Sums over a range."""

    buckets: list[Bucket]
    camera: dict[str, int]
    """Alerts by camera …"""
    label: dict[str, int]
    zone: dict[str, int]
    """… one that was in two zones is in both."""
    hours: list[int]
    """Alerts by the hour on the wall."""
    funnel: dict[str, int]
    """motions, events, alerts, notified."""
    suppressed: list[Reason]
    """Notifications that were held back."""
    marks: AllMarks


class Heat(BaseModel):
    columns: int
    rows: int
    counts: list[int]
    """Row by row from the top left: how often something stood there."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an address asks to be told."""

    request: Request
    site: Site
    start: Annotated[str, Query(alias="from", max_length=40)]
    end: Annotated[str, Query(alias="to", max_length=40)]
    camera: Words = ""
    label: Words = ""
    zone: Words = ""
    by: Literal["hour", "day"] = "day"

    def span(self) -> Span:
        """Raises Problem."""
        start, end = range_of(self.start, self.end, HOURLY_US if self.by == "hour" else MOST_US)
        cameras, chosen = seen(self.site, self.camera)
        return Span(chosen or cameras, start, end, words("label", self.label), words("zone", self.zone))

    @property
    def zone_info(self) -> ZoneInfo:
        rooms: Rooms = self.request.app.state.rooms
        return ZoneInfo(rooms.zone())


Asked = Annotated[Report, Depends()]


@routes.get("/api/insights", response_model=Insights)
@needs(Verb.HISTORY)
async def told(asked: Asked) -> Response:
    """Sums of what began in the range, on the cameras one may see."""
    return await heavy(asked.request, lambda: JSONResponse(_insights(asked).model_dump()))


@routes.get("/api/insights.csv")
@needs(Verb.HISTORY)
async def table(asked: Asked) -> Response:
    """A line an hour or day: the same numbers for a spreadsheet."""
    return await heavy(asked.request, lambda: _csv(_insights(asked)))


def _csv(found: Insights) -> Response:
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["start", "motions", "events", "alerts", "notified"])
    lines.writerows([one.start, one.motions, one.events, one.alerts, one.notified] for one in found.buckets)
    headers = {"Content-Disposition": 'attachment; filename="insights.csv"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv")


def _insights(asked: Report) -> Insights:
    span, zone, read = asked.span(), asked.zone_info, asked.site.store.read
    edges = insight.edges(span.start, span.end, asked.by, zone)
    alerts = read(partial(insights.of_alerts, span=span))
    sent = [
        (quarter * QUARTER_US, count)
        for quarter, status, count in read(partial(insights.of_notifications, span=span))
        if status in ("sent", "dry_run")
    ]
    lanes = {
        "motions": [] if span.labels or span.zones else timed(read(partial(insights.of_motion, span=span))),
        "events": timed(read(partial(insights.of_events, span=span))),
        "alerts": timed(alerts),
        "notified": sent,
    }
    sums = {name: insight.bucketed(counts, edges) for name, counts in lanes.items()}
    marks = read(partial(insights.of_marks, span=span))
    rows = zip(edges, *sums.values(), strict=False)
    return Insights(
        buckets=[Bucket(start=rfc3339(start), **dict(zip(sums, row, strict=True))) for start, *row in rows],
        camera=_by(alerts, lambda one: (one.camera,)),
        label=_by(alerts, lambda one: (one.label,)),
        zone=_by(alerts, lambda one: one.zones),
        hours=insight.hours(lanes["alerts"], zone),
        funnel={name: sum(count for _time, count in counts) for name, counts in lanes.items()},
        suppressed=[Reason(reason=why, count=count) for why, count in read(partial(insights.why_held_back, span=span))],
        marks=_all_marks(marks),
    )


def timed(counts: Sequence[Count]) -> list[tuple[int, int]]:
    """(beginning of the quarter, how many)."""
    return [(one.quarter * QUARTER_US, one.count) for one in counts]


def _by(counts: Sequence[Count], names: Callable[[Count], Iterable[str]]) -> dict[str, int]:
    """Most first."""
    found: Counter[str] = Counter()
    for one in counts:
        for name in names(one):
            found[name] += one.count
    return dict(found.most_common())


def _all_marks(marks: Sequence[tuple[str, str, str, str, int]]) -> AllMarks:
    return AllMarks(
        **_marks(insight.trust(marks)).model_dump(),
        camera={name: _marks(one) for name, one in insight.trust_by(marks, 2).items()},
        label={name: _marks(one) for name, one in insight.trust_by(marks, 3).items()},
    )


def _marks(one: insight.Trust) -> Marks:
    return Marks(right=one.right, wrong=one.wrong, missed=one.missed, precision=one.precision, recall=one.recall)


@dataclass(frozen=True, slots=True)
class Warm:
    """What a heat map is asked of."""

    start: Annotated[str, Query(alias="from", max_length=40)]
    end: Annotated[str, Query(alias="to", max_length=40)]
    label: Annotated[str, Query(max_length=100)] = ""


@routes.get("/api/insights/heat/{camera}", response_model=Heat)
@needs(Verb.HISTORY)
async def heat(
    request: Request, site: Site, review: Reviewing, camera: str, asked: Annotated[Warm, Depends()]
) -> Response:
    """Where objects stood: their foot points, counted in a grid over the picture."""
    camera_of(site, camera)
    span = range_of(asked.start, asked.end, HEAT_US)
    trails = there(review.trails, "what was analysed")

    def made() -> Response:
        counts = trails.cells(camera, *span, asked.label, (COLUMNS, ROWS))
        return JSONResponse({"columns": COLUMNS, "rows": ROWS, "counts": counts})

    return await heavy(request, made)
