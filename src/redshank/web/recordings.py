"""What there is: cameras, recordings, gaps, timelines, clips of alerts and events, state. Routes run in the pool; nothing writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from redshank.access.who import Verb
from redshank.clock import US_PER_S, rfc3339
from redshank.model import Gap, Segment
from redshank.retain import DAY_US
from redshank.store import alerts, coverage, events, gaps
from redshank.web.answer import Json, Problem, range_of, stream_of
from redshank.web.asked import Asked
from redshank.web.guard import looked, needs, public
from redshank.web.heavy import heavy
from redshank.web.media import movie, playlist
from redshank.web.site import Site, WebSite

routes = APIRouter()
MOST_US = 7 * DAY_US
"""Of one listing."""
YEAR_US = 400 * DAY_US
"""Of one timeline."""
CLIP_US = 3600 * US_PER_S
"""A clip is no longer, however long the alert was."""


@routes.get("/healthz")
@public
def healthz() -> Json:
    """Whether this process answers."""
    return {"ok": True}


@routes.get("/api/openapi.json", include_in_schema=False)
@needs(Verb.CONFIGURE)
def openapi(request: Request) -> Json:
    """OpenAPI 3.1 of all this."""
    described: Json = request.app.openapi()
    return described


@routes.get("/api/status")
@needs(Verb.CONFIGURE)
async def status(site: Site) -> Json:
    """How everything is, as `redshank status --json`. On the event loop: what it counts changes there."""
    return dict(site.status())


@routes.get("/api/storage")
@needs(Verb.CONFIGURE)
def storage(site: Site) -> Json:
    """Volumes, what lies on them, how long it will last."""
    return dict(site.storage())


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a stream's past."""

    site: WebSite
    camera: str
    stream: str
    start: str
    end: str


async def span(
    site: Site,
    camera: str,
    start: Annotated[str, Query(alias="from")],
    end: Annotated[str, Query(alias="to")],
    stream: str = "main",
) -> Span:
    """Raises Problem."""
    stream_of(site, camera, stream)
    return Span(site, camera, stream, start, end)


Past = Annotated[Span, Depends(span)]


@routes.get("/api/recordings/{camera}")
@needs(Verb.HISTORY)
async def listed(request: Request, wanted: Past) -> Response:
    """Files, gaps with their reasons, and how complete the range is."""
    start, end = range_of(wanted.start, wanted.end, MOST_US)
    return await heavy(request, lambda: JSONResponse(_listed(wanted, start, end)))


def _listed(wanted: Span, start: int, end: int) -> Json:
    site, until = wanted.site, min(end, wanted.site.clock.now())
    found = {one.seq: one for one in site.segments(wanted.camera, wanted.stream, start, end)}
    camera, stream = wanted.camera, wanted.stream
    missing = site.store.read(partial(gaps.span, camera=camera, stream=stream, start=start, end=end))
    known_to = max(until, start + 1)
    how = site.store.read(partial(coverage.completeness, camera=camera, stream=stream, start=start, end=known_to))
    return {
        "camera": wanted.camera,
        "stream": wanted.stream,
        "segments": [_file(one) for one in sorted(found.values(), key=lambda one: (one.start, one.seq))],
        "gaps": [_gap(one) for one in missing],
        "completeness": {
            "percent": how.percent,
            "footage_s": how.footage_us / US_PER_S,
            "gaps_s": {reason.value: us / US_PER_S for reason, us in how.gaps_us.items()},
        },
    }


def _file(one: Segment) -> Json:
    return {
        "seq": one.seq,
        "start": rfc3339(one.start),
        "end": rfc3339(one.end),
        "bytes": one.size,
        "video": one.video,
        "audio": one.audio,
        "width": one.width,
        "height": one.height,
        "motion": one.motion,
        "running": one.path.endswith(".part"),
    }


def _gap(one: Gap) -> Json:
    end = None if one.end is None else rfc3339(one.end)
    return {"start": rfc3339(one.start), "end": end, "reason": one.reason.value}


@routes.get("/api/timeline/{camera}")
@needs(Verb.HISTORY)
async def timeline(request: Request, wanted: Past, buckets: Annotated[int, Query(ge=1, le=5000)] = 1000) -> Response:
    """Coverage, most motion and the reason of what is missing, in evenly long buckets."""
    start, end = range_of(wanted.start, wanted.end, YEAR_US)
    edges = coverage.even(start, end, min(buckets, end - start))
    return await heavy(request, lambda: JSONResponse(_timeline(wanted, edges)))


def _timeline(wanted: Span, edges: Sequence[int]) -> Json:
    found = wanted.site.store.read(partial(coverage.timeline, camera=wanted.camera, stream=wanted.stream, edges=edges))
    return {
        "camera": wanted.camera,
        "stream": wanted.stream,
        "from": rfc3339(edges[0]),
        "to": rfc3339(edges[-1]),
        "footage": [round(one.footage, 4) for one in found],
        "motion": [one.motion for one in found],
        "reasons": [one.reason.value if one.reason else None for one in found],
    }


@dataclass(frozen=True, slots=True)
class Clip:
    """What an alert or event was about: its range on the camera's main stream."""

    wanted: Asked
    open: bool
    """Whether it goes on."""


def alert_clip(request: Request, site: Site, alert: str) -> Clip:
    """With some seconds before and after. Raises Problem."""
    found = site.store.read(partial(alerts.get, id=alert))
    if found is None or found.camera not in site.cameras():
        raise Problem(404, "there is no such alert")
    looked(request, found.camera, f"alert {alert}")
    return _clip(site, found.camera, found.opened, found.closed)


def event_clip(request: Request, site: Site, event: str) -> Clip:
    """With some seconds before and after. Raises Problem."""
    found = site.store.read(partial(events.get, id=event))
    if found is None or found.camera not in site.cameras():
        raise Problem(404, "there is no such event")
    looked(request, found.camera, f"event {event}")
    return _clip(site, found.camera, found.start, found.end)


def _clip(site: WebSite, camera: str, start: int, end: int | None) -> Clip:
    stream_of(site, camera, "main")
    begins = start - site.pre_us
    ends = min(begins + CLIP_US, end + site.post_us if end is not None else begins + CLIP_US)
    return Clip(Asked(site, camera, "main", begins, ends, frozenset()), end is None)


def _as_movie(request: Request, clip: Clip) -> Response:
    return movie(request, clip.wanted)


def _as_playlist(clip: Clip) -> Response:
    """Its chunks' addresses stay the same when the alert ends."""
    return playlist(clip.wanted, clip.wanted.start + CLIP_US)


@routes.head("/api/alerts/{alert}/clip.mp4", include_in_schema=False)
@routes.get("/api/alerts/{alert}/clip.mp4")
@needs(Verb.HISTORY)
def alert_movie(request: Request, clip: Annotated[Clip, Depends(alert_clip)]) -> Response:
    """An alert as one MP4; of an open one what there is so far."""
    return _as_movie(request, clip)


@routes.get("/api/alerts/{alert}/clip.m3u8")
@needs(Verb.HISTORY)
def alert_playlist(clip: Annotated[Clip, Depends(alert_clip)]) -> Response:
    """An alert as HLS; of an open one a playlist that grows."""
    return _as_playlist(clip)


@routes.head("/api/events/{event}/clip.mp4", include_in_schema=False)
@routes.get("/api/events/{event}/clip.mp4")
@needs(Verb.HISTORY)
def event_movie(request: Request, clip: Annotated[Clip, Depends(event_clip)]) -> Response:
    """An event as one MP4; of one that goes on what there is so far."""
    return _as_movie(request, clip)


@routes.get("/api/events/{event}/clip.m3u8")
@needs(Verb.HISTORY)
def event_playlist(clip: Annotated[Clip, Depends(event_clip)]) -> Response:
    """An event as HLS; of one that goes on a playlist that grows."""
    return _as_playlist(clip)
