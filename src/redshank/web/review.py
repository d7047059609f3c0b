"""What looking back works with besides footage: pictures of alerts, trails, rules, the site's clock on the wall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter
from fastapi import Depends
from starlette.requests import HTTPConnection

from redshank.archive.orders import Orders
from redshank.blobs.base import Blobs
from redshank.rules.rule import Rule
from redshank.trail.trails import Trails

Note = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Review:
    """Of one site. Everything may be called from any thread."""

    pictures: Blobs | None = None
    """Where `alert.compose` keeps the pictures of alerts."""
    trails: Trails | None = None
    rules: Callable[[], Mapping[str, Rule]] = dict
    """Those that hold now, by name."""
    zone: Callable[[], ZoneInfo] = lambda: ZoneInfo("UTC")
    """In which days are counted."""
    exports: Orders | None = None
    downloads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))
    """Archives that are sent at once."""
    most_files: int = 1000
    """Alerts of one archive."""


async def _review(connection: HTTPConnection) -> Review:
    found: Review = connection.app.state.rooms.review
    return found


async def _noted(connection: HTTPConnection) -> Note:
    """Into the audit, as who asks."""
    note: Note = partial(connection.app.state.rooms.access.audit.note, connection.state.who)
    return note


Noted = Annotated[Note, Depends(_noted)]
"""For a route: `def route(note: Noted)`; `note(what, camera, detail)` never waits."""
Reviewing = Annotated[Review, Depends(_review)]
"""For a route: `def route(review: Reviewing)`."""
