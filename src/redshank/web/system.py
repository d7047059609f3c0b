"""How everything is: a line for everybody, all of it for who configures; how complete each day is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from redshank.access.who import Verb
from redshank.clock import US_PER_S, rfc3339
from redshank.retain import DAY_US
from redshank.store import alerts, coverage
from redshank.web.answer import Json, camera_of, stream_of
from redshank.web.guard import Asker, needs, public
from redshank.web.rooms import Rooms
from redshank.web.site import Site, WebSite

routes = APIRouter()
GOOD = ("online", "sleeping", "disabled", "ended")
MOST_DAYS = 400
State = Mapping[str, Any]


class Summary(BaseModel):
    """The line below every page."""

    cameras: int
    online: int
    complete: float | None
    """Percent of the last 24 h that is recorded, of the cameras one may see back in time; None: nothing should be."""
    days_left: float | None
    """Until the first volume is full and the oldest footage goes; None: never, unknown, or not theirs to know."""
    problems: int | None
    """None: not theirs to know."""


class DayShare(BaseModel):
    """How much of a day is recorded."""

    day: str
    start: str
    percent: float | None
    """None: nothing should be."""
    footage_s: float
    gaps_s: dict[str, float]
    """By reason."""


class DayShares(BaseModel):
    """Of one stream, oldest first."""

    camera: str
    stream: str
    days: list[DayShare]


async def _status(site: Site) -> State:
    """On the event loop, where it is made."""
    return site.status()


Status = Annotated[State, Depends(_status)]


@routes.get("/readyz")
@public
def readyz(request: Request) -> Json:
    """Whether it works: the database answers. Nothing more is said to strangers."""
    site: WebSite = request.app.state.site
    site.store.read(partial(alerts.get, id=""))
    return {"ok": True}


@routes.get("/api/summary")
@needs(Verb.LIVE)
def summary(site: Site, who: Asker, status: Status) -> Summary:
    """In one line, of the cameras one may see."""
    known = [name for name, camera in site.cameras().items() if camera.enabled]
    states = {one["camera"]: one["status"] for one in status.get("cameras", ()) if one["stream"] == "main"}
    configures = who.may(Verb.CONFIGURE)
    return Summary(
        cameras=len(known),
        online=sum(states.get(name) in GOOD for name in known),
        complete=_complete(site, who.cameras(Verb.HISTORY, known)),
        days_left=_days_left(site.storage()) if configures else None,
        problems=len(status.get("problems", ())) if configures else None,
    )


def _complete(site: WebSite, cameras: list[str]) -> float | None:
    now = site.clock.now()
    found = [_span(site, name, now - DAY_US, now) for name in cameras]
    footage = sum(one.footage_us for one in found)
    wanted = footage + sum(one.unwanted_us for one in found)
    return 100 * footage / wanted if wanted else None


def _span(site: WebSite, camera: str, start: int, end: int) -> coverage.Completeness:
    return site.store.read(partial(coverage.completeness, camera=camera, stream="main", start=start, end=end))


def _days_left(storage: State) -> float | None:
    forecasts = [one.get("forecast") for one in storage.get("volumes", ())]
    days = [one["full_in_days"] for one in forecasts if one and one.get("full_in_days") is not None]
    return min(days, default=None)


@routes.get("/api/system")
@needs(Verb.CONFIGURE)
def system(request: Request, site: Site, status: Status) -> Json:
    """The whole status with storage and, per camera, how complete today is."""
    rooms: Rooms = request.app.state.rooms
    zone = ZoneInfo(rooms.zone())
    now = site.clock.now()
    today = datetime.fromtimestamp(now / US_PER_S, zone).date()
    begin = coverage.midnights(today, today, zone)[0]
    done = {name: _span(site, name, begin, max(now, begin + 1)).percent for name in site.cameras()}
    return {**status, "storage": dict(site.storage()), "complete_today": done, "version": rooms.version}


@routes.get("/api/system/days")
@needs(Verb.HISTORY)
def days(
    request: Request,
    site: Site,
    camera: str,
    stream: str = "main",
    count: Annotated[int, Query(alias="days", ge=1, le=MOST_DAYS)] = 30,
) -> DayShares:
    """A camera's last days, each with its completeness and its gaps by reason; days as they are counted there."""
    camera_of(site, camera)
    stream_of(site, camera, stream)
    rooms: Rooms = request.app.state.rooms
    zone = ZoneInfo(rooms.zone())
    now = site.clock.now()
    today = datetime.fromtimestamp(now / US_PER_S, zone).date()
    first = today - timedelta(days=count - 1)
    edges = coverage.midnights(first, today, zone)
    edges = [*edges[:-1], max(now, edges[-2] + 1)]
    found = site.store.read(partial(coverage.days, camera=camera, stream=stream, edges=edges))
    return DayShares(camera=camera, stream=stream, days=[_day(one, zone) for one in found])


def _day(one: coverage.Completeness, zone: ZoneInfo) -> DayShare:
    return DayShare(
        day=datetime.fromtimestamp(one.start / US_PER_S, UTC).astimezone(zone).date().isoformat(),
        start=rfc3339(one.start),
        percent=one.percent,
        footage_s=one.footage_us / US_PER_S,
        gaps_s={reason.value: us / US_PER_S for reason, us in one.gaps_us.items()},
    )
