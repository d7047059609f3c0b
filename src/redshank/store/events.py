"""Queries about events. `save` inside `Store.write`, the others also inside `Store.read`."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, RowMapping, select, update

from redshank.clock import US_PER_S
from redshank.model import SITE, Alert, Event
from redshank.store.rows import event_in, event_out, upsert
from redshank.store.schema import events

DAY_US = 24 * 3600 * US_PER_S
"""No motion is looked for further back."""


def save(conn: Connection, event: Event, site: str = SITE) -> None:
    """Insert, or update as it grows."""
    upsert(conn, events, event_out(event, site))


def led_to(conn: Connection, alert: Alert, site: str = SITE) -> None:
    """Its objects' events led to this alert, where they have led to none before. Without objects it is the motion
    that goes on as it opens."""
    e = events.c
    moving = (e.kind == "motion") & (e.camera == alert.camera) & e.start.between(alert.opened - DAY_US, alert.opened)
    moving &= e.end.is_(None) | (e.end >= alert.opened)
    mine = (e.site == site) & (e.alert == "") & (e.id.in_(alert.tracks) if alert.tracks else moving)
    conn.execute(update(events).where(mine).values(alert=alert.id))


def get(conn: Connection, id: str, site: str = SITE) -> Event | None:
    row = conn.execute(select(events).where(events.c.site == site, events.c.id == id)).mappings().first()
    return None if row is None else event_in(row)


def row(conn: Connection, id: str, site: str = SITE) -> RowMapping | None:
    """Everything the database has of it."""
    return conn.execute(select(events).where(events.c.site == site, events.c.id == id)).mappings().first()


def unfinished(conn: Connection, camera: str | None = None, site: str = SITE) -> list[Event]:
    """Those without an end, oldest first."""
    query = select(events).where(events.c.site == site, events.c.end.is_(None)).order_by(events.c.start)
    if camera is not None:
        query = query.where(events.c.camera == camera)
    return [event_in(row) for row in conn.execute(query).mappings()]


def latest(conn: Connection, cameras: Collection[str] | None = None, limit: int = 100, site: str = SITE) -> list[Event]:
    """Newest first, of these cameras (None = all)."""
    query = select(events).where(events.c.site == site).order_by(events.c.start.desc(), events.c.id.desc()).limit(limit)
    if cameras is not None:
        query = query.where(events.c.camera.in_(cameras))
    return [event_in(row) for row in conn.execute(query).mappings()]
