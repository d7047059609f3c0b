"""Days: what each had, and everything of one, camera by camera. Routes run in the pool; nothing writes."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from itertools import pairwise

from fastapi import APIRouter
from pydantic import BaseModel

from redshank.access.who import Verb
from redshank.store import coverage, search
from redshank.store.days import days
from redshank.store.search import Wanted
from redshank.web.alerts import shown
from redshank.web.answer import Problem
from redshank.web.events import shown as events_shown
from redshank.web.filters import From, To, Words, seen, words
from redshank.web.guard import Asker, needs
from redshank.web.items import Alert, Event
from redshank.web.review import Reviewing
from redshank.web.site import Site

routes = APIRouter(prefix="/api")
MOST_DAYS = 400
MOST_ALERTS, MOST_QUIET = 500, 200
"""Of one camera in one day."""


class CameraDay(BaseModel):
    """What one camera saw in a day, newest first."""

    camera: str
    title: str
    alerts: list[Alert]
    quiet: list[Event]
    """Objects and motion that led to no alert."""
    left_out: int
    """So many more alerts and quiet ones there are."""


class Gallery(BaseModel):
    """A day, as it is counted where the site is."""

    day: str
    cameras: list[CameraDay]


class DayOut(BaseModel):
    """Numbers of a day."""

    day: str
    alerts: int
    quiet: int
    events: int


class Days(BaseModel):
    """Oldest first."""

    days: list[DayOut]


@routes.get("/gallery/{day}", response_model=Gallery)
@needs(Verb.HISTORY)
def gallery(site: Site, who: Asker, review: Reviewing, day: str, camera: Words = "", severity: Words = "") -> object:
    """Everything of a day (`2026-11-21`), alerts and quiet ones, by camera."""
    cameras, chosen = seen(site, camera)
    wanted = words("severity", severity, ("alert", "quiet"))
    begin = _day(day)
    start, end = coverage.midnights(begin, begin, review.zone())
    known = site.cameras()
    found = []
    for name in chosen or cameras:
        one = Wanted(cameras, (name,), who.id, severities=wanted, start=start, end=end)
        quiet = Wanted(cameras, (name,), who.id, kinds=("track", "motion"), quiet=True, start=start, end=end)
        alerts = site.store.read(partial(search.alert_rows, wanted=one, limit=MOST_ALERTS, after=None))
        events = site.store.read(partial(search.event_rows, wanted=quiet, limit=MOST_QUIET, after=None))
        full = len(alerts) == MOST_ALERTS or len(events) == MOST_QUIET
        (there,) = site.store.read(partial(days, cameras=[name], edges=(start, end))) if full else (None,)
        found.append(
            {
                "camera": name,
                "title": known[name].title,
                "alerts": shown(site, review, alerts, who.id),
                "quiet": events_shown(site, events, who.id),
                "left_out": max(0, there.alerts + there.quiet - len(alerts) - len(events)) if there else 0,
            }
        )
    return {"day": day, "cameras": found}


@routes.get("/days", response_model=Days)
@needs(Verb.HISTORY)
def numbers(site: Site, review: Reviewing, start: From, end: To, camera: Words = "") -> object:
    """How many alerts, quiet ones and events each day had; `from` and `to` are days, both included."""
    first, last = _day(start), _day(end)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise Problem(400, f"expected at most {MOST_DAYS} days, from the first to the last")
    cameras, chosen = seen(site, camera)
    edges = coverage.midnights(first, last, review.zone())
    found = site.store.read(partial(days, cameras=chosen or cameras, edges=edges))
    named = [(first + timedelta(number)).isoformat() for number, _edges in enumerate(pairwise(edges))]
    return {
        "days": [
            {"day": day, "alerts": one.alerts, "quiet": one.quiet, "events": one.events}
            for day, one in zip(named, found, strict=True)
        ]
    }


def _day(text: str) -> date:
    """Raises Problem."""
    try:
        found = date.fromisoformat(text) if len(text) == 10 else date.min
    except ValueError:
        found = date.min
    if not 1970 < found.year < 9990:
        raise Problem(400, f"not a day: {text[:40]!r}; expected 2026-11-21")
    return found
