"""What the web is given: the site's store, footage and state, and nothing that could change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from redshank.access.who import Verb, Who
from redshank.blobs.base import Blobs
from redshank.clock import US_PER_S, Clock
from redshank.geometry import Polygon
from redshank.model import Segment
from redshank.playback.footage import Footage
from redshank.playback.plan import Plan, Running, plan
from redshank.playback.studio import Refused, Studio
from redshank.store import recordings
from redshank.store.base import Store


@dataclass(frozen=True, slots=True)
class WebCamera:
    """A configured camera."""

    title: str
    streams: tuple[str, ...]
    location: str = ""
    enabled: bool = True
    masks: tuple[Polygon, ...] = ()
    """Privacy masks, 0–1 of the picture."""
    zones: Mapping[str, Polygon] = field(default_factory=dict)
    order: int = 0


@dataclass(frozen=True, slots=True)
class WebSite:
    """One site. The callables but `status` may be called from any thread."""

    store: Store
    footage: Footage
    running: Running
    cameras: Callable[[], Mapping[str, WebCamera]]
    clock: Clock
    blobs: Blobs | None = None
    """Where sprites are kept; None: they are made each time."""
    studio: Studio | None = None
    """None: no pictures, no transcoding."""
    status: Callable[[], Mapping[str, Any]] = field(default=dict)
    """Called on the event loop."""
    storage: Callable[[], Mapping[str, Any]] = field(default=dict)
    pre_us: int = 5 * US_PER_S
    """Before an alert, in its clip."""
    post_us: int = 5 * US_PER_S
    """After it."""

    def segments(self, camera: str, stream: str, start: int, end: int) -> list[Segment]:
        """Finished and running ones that overlap [start, end). Blocks."""
        # Running ones first: a file finished in between is then in both, and known by its number.
        running = [one for one in self.running(camera, stream) if one.end > start and one.start < end]
        return [
            *running,
            *self.store.read(partial(recordings.span, camera=camera, stream=stream, start=start, end=end)),
        ]

    def plan(self, camera: str, stream: str, start: int, end: int) -> Plan:
        """Blocks."""
        return plan(self.segments(camera, stream, start, end), start, end)


def rechecked(site: WebSite) -> WebSite:
    """The same, but a file that retention deletes while it is played is not told as lost: its row goes first."""

    def lost(segment: Segment, why: str) -> None:
        get = partial(recordings.get, camera=segment.camera, stream=segment.stream, seq=segment.seq)
        if segment.path.endswith(".part") or site.store.read(get) is not None:
            site.footage.lost(segment, why)

    return replace(site, footage=replace(site.footage, lost=lost))


async def _site(connection: HTTPConnection) -> WebSite:
    """What `make_app` was given, with only the cameras that who asks may see for what the route needs."""
    return seen_by(connection.app.state.site, connection.state.who, connection.state.need)


def seen_by(site: WebSite, who: Who, need: object) -> WebSite:
    """need: a verb, else no camera is seen."""

    def cameras() -> Mapping[str, WebCamera]:
        return {name: one for name, one in site.cameras().items() if isinstance(need, Verb) and who.may(need, name)}

    return replace(site, cameras=cameras)


Site = Annotated[WebSite, Depends(_site)]
"""For a route: `def route(site: Site)`."""


def studio_of(site: WebSite) -> Studio:
    """Raises Refused."""
    if site.studio is None:
        raise Refused("there is nothing here that decodes pictures")
    return site.studio
