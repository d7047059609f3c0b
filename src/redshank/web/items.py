"""Alerts and events as the API says them. Times are RFC 3339, boxes [x1, y1, x2, y2] in 0–1 of the camera's picture."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from redshank.clock import rfc3339
from redshank.store.rows import Row
from redshank.store.search import Review as Said

Box = tuple[float, float, float, float]
Mark = Literal["right", "wrong", "missed"]
NOTHING = Said()


class Alert(BaseModel):
    """One line of the inbox."""

    id: str
    rule: str
    camera: str
    title: str
    label: str
    score: float
    box: Box | None
    zones: list[str]
    severity: Literal["alert", "quiet"]
    state: Literal["open", "closed"]
    opened: str
    updated: str
    closed: str | None
    tracks: list[str]
    grouped: int
    """Further triggers the rate limit put into it."""
    reason: str
    """Why it closed."""
    reviewed: bool
    """By who asks."""
    mark: Mark | None
    """By anybody."""
    note: str
    picture: bool
    """Whether one was kept."""


class Event(BaseModel):
    """Something that happened, whether or not a rule wanted it."""

    id: str
    kind: Literal["track", "motion", "health"]
    camera: str
    title: str
    start: str
    end: str | None
    label: str
    score: float
    box: Box | None
    best_time: str | None
    zones: list[str]
    alert: str | None
    """The first one it led to; null: quiet."""
    reviewed: bool
    mark: Mark | None
    note: str


class Alerts(BaseModel):
    """A page, newest first."""

    items: list[Alert]
    next: str | None
    """For `after`; null: there are no more."""


class Events(BaseModel):
    """A page, newest first."""

    items: list[Event]
    next: str | None


class Counts(BaseModel):
    """How many there are with the filter; and by each value of a name without the filter of that name."""

    total: int
    camera: dict[str, int]
    label: dict[str, int]
    zone: dict[str, int]
    severity: dict[str, int]
    rule: dict[str, int]
    state: dict[str, int]
    reviewed: dict[str, int]
    """"0" and "1"."""
    mark: dict[str, int]
    """right, wrong, missed, none."""


def alert_of(row: Row, title: str, said: Said = NOTHING, picture: bool = False) -> dict[str, Any]:
    """The fields of an `Alert`."""
    same = (
        "id",
        "rule",
        "camera",
        "label",
        "score",
        "box",
        "zones",
        "severity",
        "state",
        "tracks",
        "grouped",
        "reason",
    )
    return {
        **{name: row[name] for name in same},
        **{name: _when(row[name]) for name in ("opened", "updated", "closed")},
        **_said(said),
        "title": title,
        "picture": picture,
    }


def event_of(row: Row, title: str, said: Said = NOTHING) -> dict[str, Any]:
    """The fields of an `Event`."""
    return {
        **{name: row[name] for name in ("id", "kind", "camera", "label", "score", "box", "zones")},
        **{name: _when(row[name]) for name in ("start", "end", "best_time")},
        **_said(said),
        "alert": row["alert"] or None,
        "title": title,
    }


def _said(said: Said) -> dict[str, Any]:
    return {"reviewed": said.reviewed, "mark": said.mark or None, "note": said.note}


def _when(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)
