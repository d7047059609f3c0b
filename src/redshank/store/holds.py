"""Queries about holds: what retention must not delete. `add` and `remove` inside `Store.write`."""

from __future__ import annotations

import builtins
from dataclasses import asdict

from sqlalchemy import Connection, delete, select

from redshank.model import SITE, Hold
from redshank.store.rows import hold_in, upsert
from redshank.store.schema import holds


def add(conn: Connection, hold: Hold, site: str = SITE) -> None:
    """Insert, or change the one with this id. Write."""
    upsert(conn, holds, {**asdict(hold), "site": site})


def remove(conn: Connection, id: str, site: str = SITE) -> bool:
    """Whether it was there. Write."""
    return conn.execute(delete(holds).where(holds.c.site == site, holds.c.id == id)).rowcount > 0


def list(conn: Connection, camera: str | None = None, site: str = SITE) -> builtins.list[Hold]:
    """Those that concern this camera, those of every camera included; all when `camera` is None. Oldest first. Read."""
    query = select(holds).where(holds.c.site == site).order_by(holds.c.start, holds.c.id)
    if camera is not None:
        query = query.where(holds.c.camera.in_(("", camera)))
    return [hold_in(row) for row in conn.execute(query).mappings()]
