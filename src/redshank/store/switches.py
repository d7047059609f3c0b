"""What people switch while it runs ("private now"), kept over restarts. One value per (name, camera)."""

from __future__ import annotations

import builtins
from dataclasses import dataclass

from sqlalchemy import Connection, select

from redshank.model import SITE
from redshank.store.rows import upsert
from redshank.store.schema import switches


@dataclass(frozen=True, slots=True)
class Switch:
    """A value somebody set."""

    name: str
    """private …"""
    camera: str
    """Empty: every camera."""
    value: str
    """on, off …"""
    until: int | None = None
    """It holds until then; None: until it is changed. Whoever reads it compares it with the clock."""


def set(conn: Connection, switch: Switch, site: str = SITE) -> None:
    """Write."""
    row = {"name": switch.name, "camera": switch.camera, "value": switch.value, "until": switch.until}
    upsert(conn, switches, {**row, "site": site})


def get(conn: Connection, name: str, camera: str = "", site: str = SITE) -> Switch | None:
    """What was set for exactly this camera ("" = the one for every camera). Read."""
    return next((one for one in all(conn, name, site) if one.camera == camera), None)


def all(conn: Connection, name: str | None = None, site: str = SITE) -> builtins.list[Switch]:
    """By name and camera; only those of one name when given. Read."""
    s = switches
    query = select(s.c.name, s.c.camera, s.c.value, s.c.until).where(s.c.site == site).order_by(s.c.name, s.c.camera)
    if name is not None:
        query = query.where(s.c.name == name)
    return [Switch(*row) for row in conn.execute(query)]
