"""One alert or event, and everything that explains it. Routes run in the pool; nothing writes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter

from redshank.access.who import Verb
from redshank.clock import US_PER_S, rfc3339
from redshank.rules.sentence import sentence
from redshank.store import events, search, verdicts
from redshank.store.rows import Row, verdict_in
from redshank.trail.pack import Look
from redshank.web.alerts import alert_row, shown
from redshank.web.answer import Problem, camera_of, range_of
from redshank.web.filters import From, To
from redshank.web.guard import Asker, needs
from redshank.web.items import NOTHING, event_of
from redshank.web.review import Review, Reviewing
from redshank.web.site import Site, WebSite
from redshank.web.why import AlertMore, EventMore, Frames, corners, frame_of, told_of, trail_of, verdict_out

routes = APIRouter(prefix="/api")
LONGEST_US = 3600 * US_PER_S
"""Of a path or of frames, however long the alert was."""
BOXES_US = 600 * US_PER_S
MOST_FRAMES = 500
MOST_EVENTS = 20
"""Of one alert, with their paths."""


@dataclass(frozen=True, slots=True)
class Span:
    """When something was in front of a camera, with what the camera keeps before and after."""

    camera: str
    start: int
    end: int


@routes.get("/alerts/{alert}", response_model=AlertMore)
@needs(Verb.HISTORY)
def one_alert(site: Site, who: Asker, review: Reviewing, alert: str) -> object:
    """With its verdicts, its rule in words, who was told, and its events with their paths."""
    row = alert_row(site, alert)
    span = alert_span(site, row)
    rule = review.rules().get(row["rule"])
    said = site.store.read(partial(verdicts.of_alert, alert=alert))
    about = site.store.read(partial(search.of_alert, alert=alert))[:MOST_EVENTS]
    return {
        **shown(site, review, [row], who.id)[0],
        "verdict": verdict_out(verdict_in(row["verdict"])),
        "verdicts": [verdict_out(one) for one in said],
        "rule_text": sentence(rule, _titles(site), who.may(Verb.CONFIGURE)) if rule else "",
        "told": told_of(site.store, alert),
        "events": [_event(site, review, one, who.id) for one in about],
        "clip_start": rfc3339(span.start),
        "clip_end": rfc3339(span.end),
    }


@routes.get("/events/{event}", response_model=EventMore)
@needs(Verb.HISTORY)
def one_event(site: Site, who: Asker, review: Reviewing, event: str) -> object:
    """With its path, and each rule that was held against it."""
    return _event(site, review, event_row(site, event), who.id)


@routes.get("/alerts/{alert}/frames", response_model=Frames)
@needs(Verb.HISTORY)
def alert_frames(site: Site, review: Reviewing, alert: str) -> object:
    """The analysed pictures of its clip."""
    return _frames(review, alert_span(site, alert_row(site, alert)))


@routes.get("/events/{event}/frames", response_model=Frames)
@needs(Verb.HISTORY)
def event_frames(site: Site, review: Reviewing, event: str) -> object:
    """The analysed pictures of its clip."""
    return _frames(review, event_span(site, event_row(site, event)))


@routes.get("/boxes/{camera}")
@needs(Verb.HISTORY)
def boxes(site: Site, review: Reviewing, camera: str, start: From, end: To) -> dict[str, list[object]]:
    """What to draw over footage of at most 10 min: [µs, [[track, label, score, x1, y1, x2, y2, state] …]] per analysed picture."""
    camera_of(site, camera)
    span = Span(camera, *range_of(start, end, BOXES_US))
    return {
        "frames": [
            [look.time, [_drawn(look, number) for number in range(len(look.points))]] for look in _looks(review, span)
        ]
    }


def _drawn(look: Look, number: int) -> list[object]:
    point = look.points[number]
    return [point.track, point.label, round(point.score, 3), *corners(point), point.state.value]


def event_row(site: WebSite, event: str) -> Row:
    """Raises Problem: the same for what is not there and for what one may not see."""
    row = site.store.read(partial(events.row, id=event))
    if row is None or row["camera"] not in site.cameras():
        raise Problem(404, "there is no such event")
    return row


def alert_span(site: WebSite, row: Row) -> Span:
    return _span(site, row["camera"], row["opened"], row["closed"])


def event_span(site: WebSite, row: Row) -> Span:
    return _span(site, row["camera"], row["start"], row["end"])


def _span(site: WebSite, camera: str, start: int, end: int | None) -> Span:
    """As its clip has it: of what goes on, until now."""
    begins = start - site.pre_us
    ends = site.clock.now() if end is None else end + site.post_us
    return Span(camera, begins, max(begins + 1, min(ends, begins + LONGEST_US)))


def _event(site: WebSite, review: Review, row: Row, user: str) -> dict[str, object]:
    id, span = row["id"], event_span(site, row)
    said = site.store.read(partial(search.said, kind="event", ids=[id], user=user))
    held = site.store.read(partial(verdicts.of_track, track=id)) if row["kind"] == "track" else []
    path = review.trails.path(span.camera, id, span.start, span.end) if review.trails else []
    return {
        **event_of(row, site.cameras()[span.camera].title, said.get(id, NOTHING)),
        "verdicts": [verdict_out(one) for one in held],
        "trail": trail_of(path),
        "frames": f"/api/events/{id}/frames",
    }


def _looks(review: Review, span: Span) -> list[Look]:
    return review.trails.looks(span.camera, span.start, span.end) if review.trails else []


def _frames(review: Review, span: Span) -> dict[str, object]:
    found = _looks(review, span)
    step = max(1, -(-len(found) // MOST_FRAMES))
    kept = found[::step]
    return {"frames": [frame_of(span.camera, one) for one in kept], "left_out": len(found) - len(kept)}


def _titles(site: WebSite) -> dict[str, str]:
    return {name: camera.title for name, camera in site.cameras().items()}
