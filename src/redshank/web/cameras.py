"""The cameras there are: what they are called, how they are now, what there is of them; and keeping nothing of one for a while."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from redshank.access.who import Verb
from redshank.clock import US_PER_S, rfc3339
from redshank.geometry import Polygon
from redshank.store import ledger, recordings
from redshank.web.answer import camera_of
from redshank.web.guard import Asker, needs
from redshank.web.site import Site, WebCamera, WebSite

routes = APIRouter()
MOST_MINUTES = 30 * 24 * 60
Corners = list[tuple[float, float]]
State = Mapping[str, Any]
"""Of a stream, as the status has it."""
Totals = Mapping[tuple[str, str, str], recordings.Total]


class CameraStream(BaseModel):
    """One stream: how it comes now, and what the index has of it."""

    stream: str
    status: str
    codec: str
    width: int
    height: int
    fps: float
    bitrate: int
    files: int
    bytes: int
    first: str | None
    last: str | None


class CameraItem(BaseModel):
    id: str
    title: str
    location: str
    enabled: bool
    order: int
    status: str
    """connecting, online, stalled, offline, sleeping, disabled or ended: of the main stream."""
    since: str | None
    reason: str
    recording: bool
    mode: str
    private: bool
    now: str
    """What is in the picture: `2 person, 1 car`."""
    streams: list[CameraStream]
    zones: dict[str, Corners]
    """0–1 of the picture."""
    masks: dict[str, Corners]
    """Privacy masks."""
    rights: list[Verb]
    """What the asker may do with it."""


class Cameras(BaseModel):
    cameras: list[CameraItem]


class Private(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on: bool
    minutes: float | None = Field(default=None, gt=0, le=MOST_MINUTES)
    """How long; None: until it is switched off."""


async def _now(site: Site) -> Mapping[tuple[str, str], State]:
    """On the event loop, where the status is made."""
    return {(one["camera"], one["stream"]): one for one in site.status().get("cameras", ())}


@routes.get("/api/cameras")
@needs(Verb.LIVE)
def cameras(site: Site, who: Asker, now: Annotated[Mapping[tuple[str, str], State], Depends(_now)]) -> Cameras:
    """Those that are configured and may be seen; what is recorded of one is for who may look at its history."""
    known = site.store.read(recordings.totals)
    totals = {key: one for key, one in known.items() if who.may(Verb.HISTORY, key[0])}
    listed = sorted(site.cameras().items(), key=lambda one: (one[1].order, one[0]))
    return Cameras(
        cameras=[
            _camera(
                name, camera, {stream: now.get((name, stream), {}) for stream in camera.streams}, totals
            ).model_copy(update={"rights": [verb for verb in Verb if who.may(verb, name)]})
            for name, camera in listed
        ]
    )


def _camera(name: str, camera: WebCamera, states: Mapping[str, State], totals: Mapping[Any, Any]) -> CameraItem:
    main = states["main"]
    recorded: State = main.get("recording") or {}
    seen: State = next((state["analysed"] for state in states.values() if state.get("analysed")), {})
    return CameraItem(
        id=name,
        title=camera.title,
        location=camera.location,
        enabled=camera.enabled,
        order=camera.order,
        status=main.get("status", "disabled" if not camera.enabled else "connecting"),
        since=main.get("since"),
        reason=main.get("reason", ""),
        recording=bool(recorded.get("recording")),
        mode=recorded.get("mode", ""),
        private=bool(recorded.get("private")),
        now=seen.get("now", ""),
        streams=[_stream(stream, state, _total(totals, name, stream)) for stream, state in states.items()],
        zones={zone: _corners(polygon) for zone, polygon in camera.zones.items()},
        masks={str(number + 1): _corners(polygon) for number, polygon in enumerate(camera.masks)},
        rights=[],
    )


def _total(totals: Totals, camera: str, stream: str) -> list[recordings.Total]:
    """Of each volume that has any of it."""
    return [total for key, total in totals.items() if key[:2] == (camera, stream)]


def _stream(name: str, state: State, found: list[recordings.Total]) -> CameraStream:
    return CameraStream(
        stream=name,
        status=state.get("status", ""),
        codec=state.get("codec", ""),
        width=state.get("width", 0),
        height=state.get("height", 0),
        fps=state.get("fps", 0.0),
        bitrate=state.get("bitrate", 0),
        files=sum(total.files for total in found),
        bytes=sum(total.bytes for total in found),
        first=rfc3339(min(total.first for total in found)) if found else None,
        last=rfc3339(max(total.last for total in found)) if found else None,
    )


def _corners(polygon: Polygon) -> Corners:
    return [(round(x, 5), round(y, 5)) for x, y in polygon]


@routes.post("/api/cameras/{camera}/private", status_code=204)
@needs(Verb.CONFIGURE)
async def private(site: Site, camera: str, wanted: Private) -> Response:
    """Keep neither picture nor sound of it, from now on and over restarts; or record again."""
    camera_of(site, camera)
    await run_in_threadpool(_switch, site, camera, wanted)
    return Response(status_code=204)


def _switch(site: WebSite, camera: str, wanted: Private) -> None:
    until = site.clock.now() + round(wanted.minutes * 60 * US_PER_S) if wanted.minutes and wanted.on else None
    site.store.write(partial(ledger.set_private, camera=camera, on=wanted.on, until=until)).result()
