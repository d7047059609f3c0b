"""Numbers of what happened: how much moved, what was seen, what became an alert, what was sent and what held back. Inside `Store.read`.

Rows are counted by the hour they began in (UTC) in the database; local hours and days are put together from those by whoever asks,
since zones are at least a quarter of an hour apart: `QUARTER_US` is the unit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from redshank.clock import US_PER_S
from redshank.model import SITE
from redshank.store.schema import alerts, events, notifications, segments
from redshank.store.schema_review import reviews
from redshank.store.search import holds

QUARTER_US = 900 * US_PER_S
PAUSE_US = 30 * US_PER_S
"""Quiet for so long, and what moves next is another motion."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked about: rows that began in [start, end) on these cameras."""

    cameras: Collection[str]
    start: int
    end: int
    labels: Collection[str] = ()
    """Empty: every label."""
    zones: Collection[str] = ()
    """Empty: everywhere."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many of a kind began in a quarter of an hour."""

    quarter: int
    """Its number since 1970: time // QUARTER_US."""
    camera: str
    label: str
    zones: tuple[str, ...]
    count: int


def of_alerts(conn: Connection, span: Span, site: str = SITE) -> list[Count]:
    """Those with severity alert: `quiet` ones are for nobody's attention."""
    a = alerts.c
    query = _grouped(a.opened, a, span, site).where(a.severity == "alert")
    return list(_counts(conn, query, span))


def of_events(conn: Connection, span: Span, site: str = SITE) -> list[Count]:
    """Objects that were seen."""
    e = events.c
    return list(_counts(conn, _grouped(e.start, e, span, site).where(e.kind == "track"), span))


def of_motion(conn: Connection, span: Span, site: str = SITE) -> list[Count]:
    """Stretches of footage in which something moved, PAUSE_US or more apart; known to the length of a file."""
    s = segments.c
    query = (
        select(s.camera, s.start, s.end)
        .where(s.site == site, s.stream == "main", s.camera.in_(span.cameras), s.motion > 0)
        .where(s.start >= span.start, s.start < span.end)
        .order_by(s.camera, s.start)
    )
    begun: dict[tuple[int, str], int] = {}
    for camera, rows in groupby(conn.execute(query), key=lambda row: row[0]):
        until = -PAUSE_US
        for _camera, start, end in rows:
            if start - until >= PAUSE_US:
                key = (start // QUARTER_US, camera)
                begun[key] = begun.get(key, 0) + 1
            until = max(until, end)
    return [Count(quarter, camera, "", (), count) for (quarter, camera), count in begun.items()]


def of_notifications(conn: Connection, span: Span, site: str = SITE) -> list[tuple[int, str, int]]:
    """(quarter in which the alert opened, status, how many) of the first word about each alert, one per channel."""
    n, a = notifications.c, alerts.c
    quarter = a.opened // QUARTER_US
    joined = notifications.join(alerts, (a.site == n.site) & (a.id == n.alert))
    query = (
        select(quarter, n.status, func.count())
        .select_from(joined)
        .where(
            n.site == site, n.kind == "open", a.camera.in_(span.cameras), a.opened >= span.start, a.opened < span.end
        )
        .group_by(quarter, n.status)
    )
    query = query.where(*_narrow(a.label, a.zones, span))
    return [(row[0], row[1], row[2]) for row in conn.execute(query)]


def why_held_back(conn: Connection, span: Span, site: str = SITE) -> list[tuple[str, int]]:
    """Reason → notifications that were not sent for it, most first."""
    n, a = notifications.c, alerts.c
    joined = notifications.join(alerts, (a.site == n.site) & (a.id == n.alert))
    query = (
        select(n.error, func.count())
        .select_from(joined)
        .where(n.site == site, n.status == "suppressed", a.camera.in_(span.cameras))
        .where(a.opened >= span.start, a.opened < span.end, *_narrow(a.label, a.zones, span))
        .group_by(n.error)
        .order_by(func.count().desc(), n.error)
    )
    return [(row[0], row[1]) for row in conn.execute(query)]


def of_marks(conn: Connection, span: Span, site: str = SITE) -> list[tuple[str, str, str, str, int]]:
    """(kind, mark, camera, label, how many): what people said about alerts, quiet events and what nothing was said of."""
    r = reviews.c
    label = func.coalesce(alerts.c.label, events.c.label, r.label)
    joined = reviews.outerjoin(
        alerts, (r.kind == "alert") & (alerts.c.site == r.site) & (alerts.c.id == r.item)
    ).outerjoin(events, (r.kind == "event") & (events.c.site == r.site) & (events.c.id == r.item))
    query = (
        select(r.kind, r.mark, r.camera, label, func.count())
        .select_from(joined)
        .where(r.site == site, r.mark != "", r.camera.in_(span.cameras), r.time >= span.start, r.time < span.end)
        .group_by(r.kind, r.mark, r.camera, label)
    )
    zones = func.coalesce(alerts.c.zones, events.c.zones, "[]")
    query = query.where(*_narrow(label, zones, span))
    return [(row[0], row[1], row[2], row[3] or "", row[4]) for row in conn.execute(query)]


def _narrow(label: ColumnElement[Any], zones: ColumnElement[Any], span: Span) -> list[ColumnElement[bool]]:
    """What the labels and zones of the span leave."""
    found: list[ColumnElement[bool]] = [label.in_(span.labels)] if span.labels else []
    return [*found, or_(*(holds(zones, zone) for zone in span.zones))] if span.zones else found


def _grouped(time: ColumnElement[int], columns: Any, span: Span, site: str) -> Select[Any]:
    quarter = (time // QUARTER_US).label("quarter")
    query = (
        select(quarter, columns.camera, columns.label, columns.zones, func.count())
        .where(columns.site == site, columns.camera.in_(span.cameras), time >= span.start, time < span.end)
        .group_by(quarter, columns.camera, columns.label, columns.zones)
    )
    return query.where(columns.label.in_(span.labels)) if span.labels else query


def _counts(conn: Connection, query: Select[Any], span: Span) -> Iterator[Count]:
    for quarter, camera, label, zones, count in conn.execute(query):
        if not span.zones or not set(span.zones).isdisjoint(zones):
            yield Count(quarter, camera, label, tuple(zones), count)
