"""Queries about alerts. `save` inside `Store.write`, the others also inside `Store.read`."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, RowMapping, func, select

from redshank.model import SITE, Alert
from redshank.store.rows import alert_in, alert_out, upsert
from redshank.store.schema import alerts


def save(conn: Connection, alert: Alert, grouped: int = 0, reason: str = "", site: str = SITE) -> None:
    """Insert or update. `grouped` counts further triggers put into it by a rate limit; `reason` says why it closed."""
    upsert(conn, alerts, {**alert_out(alert), "site": site, "grouped": grouped, "reason": reason})


def get(conn: Connection, id: str, site: str = SITE) -> Alert | None:
    row = conn.execute(select(alerts).where(alerts.c.site == site, alerts.c.id == id)).mappings().first()
    return None if row is None else alert_in(row)


def row(conn: Connection, id: str, site: str = SITE) -> RowMapping | None:
    """Everything the database has of it."""
    return conn.execute(select(alerts).where(alerts.c.site == site, alerts.c.id == id)).mappings().first()


def grouped(conn: Connection, id: str, site: str = SITE) -> int:
    """How many further triggers the rule's rate limit put into this alert."""
    return conn.execute(select(alerts.c.grouped).where(alerts.c.site == site, alerts.c.id == id)).scalar() or 0


def reason(conn: Connection, id: str, site: str = SITE) -> str:
    """Why it closed; empty while it is open."""
    return conn.execute(select(alerts.c.reason).where(alerts.c.site == site, alerts.c.id == id)).scalar() or ""


def live(conn: Connection, site: str = SITE) -> list[tuple[Alert, int]]:
    """Open alerts and the newest of each (rule, camera), each with its `grouped` count, oldest first: what a judge starts with."""
    a = alerts
    newest = select(func.max(a.c.id)).where(a.c.site == site).group_by(a.c.rule, a.c.camera)
    rows = conn.execute(
        select(a).where(a.c.site == site, (a.c.state == "open") | a.c.id.in_(newest)).order_by(a.c.id)
    ).mappings()
    return [(alert_in(row), row["grouped"]) for row in rows]


def closed(conn: Connection, camera: str, start: int, end: int, site: str = SITE) -> list[Alert]:
    """Those of a camera that opened within [start, end) and are closed, oldest first."""
    a = alerts
    mine = (a.c.site == site) & (a.c.camera == camera) & (a.c.state == "closed")
    query = select(a).where(mine, a.c.opened >= start, a.c.opened < end).order_by(a.c.opened)
    return [alert_in(row) for row in conn.execute(query).mappings()]


def latest(conn: Connection, cameras: Collection[str] | None = None, limit: int = 100, site: str = SITE) -> list[Alert]:
    """Newest first, of these cameras (None = all)."""
    query = (
        select(alerts).where(alerts.c.site == site).order_by(alerts.c.opened.desc(), alerts.c.id.desc()).limit(limit)
    )
    if cameras is not None:
        query = query.where(alerts.c.camera.in_(cameras))
    return [alert_in(row) for row in conn.execute(query).mappings()]
