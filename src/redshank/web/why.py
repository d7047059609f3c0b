"""Why an alert fired, or why nothing did, as the API says it; who was told; what was seen, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel

from redshank.clock import rfc3339
from redshank.model import Verdict
from redshank.store import outbox
from redshank.store.base import Store
from redshank.store.rows import box_out
from redshank.trail.pack import Look, Point
from redshank.web.items import Alert, Box, Event


class Condition(BaseModel):
    """One part of a rule, held against one object."""

    name: str
    wanted: str
    got: str
    met: bool


class VerdictOut(BaseModel):
    """A rule held against an object at one time."""

    rule: str
    track: str
    time: str
    change: Literal["open", "update", "close", "none"]
    fired: bool
    label: str
    score: float
    box: Box | None
    zones: list[str]
    conditions: list[Condition]


class Delivery(BaseModel):
    """One try."""

    time: str
    outcome: Literal["sent", "dry_run", "failed", "dead"]
    error: str


class Told(BaseModel):
    """A message, sent, waiting or held back (`suppressed`, with the reason in `error`)."""

    channel: str
    kind: Literal["open", "update", "close", "test"]
    status: Literal["queued", "sent", "dry_run", "suppressed", "dead"]
    created: str
    attempts: int
    error: str
    deliveries: list[Delivery]


class Trail(BaseModel):
    """Where an object was: [µs, x1, y1, x2, y2, score] each, thinned while it stood still."""

    points: list[tuple[int, float, float, float, float, float]]


class EventMore(Event):
    """An event with where it was, and each rule that was held against it."""

    verdicts: list[VerdictOut]
    trail: Trail
    frames: str
    """Address of its analysed pictures."""


class AlertMore(Alert):
    """An alert with everything that explains it."""

    verdict: VerdictOut
    """The one that opened it."""
    verdicts: list[VerdictOut]
    rule_text: str
    """The rule as it is now, in words; empty when it is there no more."""
    told: list[Told]
    events: list[EventMore]
    clip_start: str
    clip_end: str


class Seen(BaseModel):
    """A track in one picture."""

    track: str
    label: str
    score: float
    box: Box
    state: Literal["new", "active", "stationary", "ended"]
    seen: bool
    """False: nothing was detected there, the box is predicted."""


class Frame(BaseModel):
    """An analysed picture."""

    time: str
    motion: float
    """Share of the picture that moved, 0–1."""
    detected: bool
    """Whether the detector looked."""
    tracks: list[Seen]
    picture: str
    """Its address."""


class Frames(BaseModel):
    """Analysed pictures, oldest first."""

    frames: list[Frame]
    left_out: int
    """So many more there were, left out evenly."""


def verdict_out(one: Verdict) -> dict[str, object]:
    """Fields of a VerdictOut."""
    return {
        **{name: getattr(one, name) for name in ("rule", "track", "change", "fired", "label", "score")},
        "time": rfc3339(one.time),
        "box": box_out(one.box),
        "zones": list(one.zones),
        "conditions": [{"name": c.name, "wanted": c.wanted, "got": c.got, "met": c.met} for c in one.conditions],
    }


def told_of(store: Store, alert: str) -> list[dict[str, object]]:
    """Fields of `Told`s, oldest first. Blocks."""
    return [
        {
            **{name: getattr(one, name) for name in ("channel", "kind", "status", "attempts", "error")},
            "created": rfc3339(one.created),
            "deliveries": [
                {"time": rfc3339(found.time), "outcome": found.outcome, "error": found.error} for found in tries
            ],
        }
        for one, tries in store.read(
            lambda conn: [(one, outbox.log(conn, one.id)) for one in outbox.of_alert(conn, alert)]
        )
    ]


def trail_of(path: Iterable[tuple[int, Point]]) -> dict[str, object]:
    """Fields of a `Trail`."""
    return {"points": [(time, *corners(point), round(point.score, 3)) for time, point in path]}


def frame_of(camera: str, look: Look) -> dict[str, object]:
    """Fields of a `Frame`."""
    return {
        "time": rfc3339(look.time),
        "motion": round(look.motion, 4),
        "detected": look.detected,
        "tracks": [
            {
                "track": point.track,
                "label": point.label,
                "score": round(point.score, 3),
                "box": corners(point),
                "state": point.state.value,
                "seen": point.seen,
            }
            for point in look.points
        ],
        "picture": f"/api/picture/{camera}/{look.time}.jpg",
    }


def corners(point: Point) -> tuple[float, float, float, float]:
    box = point.box
    return round(box.x1, 4), round(box.y1, 4), round(box.x2, 4), round(box.y2, 4)
