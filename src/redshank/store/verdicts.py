"""Queries about verdicts: why an alert fired, and why there was none."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from redshank.model import SITE, Verdict
from redshank.store.rows import verdict_in, verdict_out
from redshank.store.schema import verdicts


def add(conn: Connection, found: Sequence[tuple[Verdict, str]], site: str = SITE) -> None:
    """Keep verdicts, each with the id of the alert it changed ("" when none). Write."""
    if found:
        conn.execute(insert(verdicts), [{**verdict_out(one), "alert": alert, "site": site} for one, alert in found])


def of_track(conn: Connection, track: str, site: str = SITE) -> list[Verdict]:
    """Every kept verdict on one object, oldest first."""
    v = verdicts
    rows = conn.execute(select(v).where(v.c.site == site, v.c.track == track).order_by(v.c.number)).mappings()
    return [verdict_in(row) for row in rows]


def of_alert(conn: Connection, alert: str, site: str = SITE) -> list[Verdict]:
    """What opened, updated and closed an alert, oldest first."""
    v = verdicts
    rows = conn.execute(select(v).where(v.c.site == site, v.c.alert == alert).order_by(v.c.number)).mappings()
    return [verdict_in(row) for row in rows]


def of_camera(
    conn: Connection, camera: str, start: int, end: int, limit: int = 1000, site: str = SITE
) -> list[Verdict]:
    """Verdicts of a camera with start <= time < end, oldest first: the explanation of a silence."""
    v = verdicts
    rows = conn.execute(
        select(v)
        .where(v.c.site == site, v.c.camera == camera, v.c.time >= start, v.c.time < end)
        .order_by(v.c.time, v.c.number)
        .limit(limit)
    ).mappings()
    return [verdict_in(row) for row in rows]


def prune(conn: Connection, before: int, site: str = SITE) -> int:
    """Delete those older than `before` that fired nothing. How many. Write."""
    v = verdicts
    return conn.execute(delete(v).where(v.c.site == site, v.c.time < before, v.c.alert == "")).rowcount
