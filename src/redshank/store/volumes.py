"""The volumes this database knows: with it a missing, swapped or outdated disk is noticed before anything is written."""

from __future__ import annotations

import builtins
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select, update

from redshank.model import SITE
from redshank.store.rows import upsert
from redshank.store.schema import volumes


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """One volume as the database knows it."""

    id: str
    path: str
    """Root it was last opened at; empty when another volume took its place."""
    opened: int
    """Counter that rises with each opening; the identity file has it too."""


def put(conn: Connection, volume: VolumeRow, site: str = SITE) -> None:
    """Insert, or change the one with this id. Another volume known at this path loses it. Write."""
    v = volumes
    conn.execute(update(v).where(v.c.site == site, v.c.path == volume.path, v.c.id != volume.id).values(path=""))
    upsert(conn, volumes, {**asdict(volume), "site": site})


def get(conn: Connection, path: str, site: str = SITE) -> VolumeRow | None:
    """The one that belongs at this path. Read."""
    return next((one for one in all(conn, site) if one.path == path), None)


def by_id(conn: Connection, id: str, site: str = SITE) -> VolumeRow | None:
    """Read."""
    return next((one for one in all(conn, site) if one.id == id), None)


def all(conn: Connection, site: str = SITE) -> builtins.list[VolumeRow]:
    """By path. Read."""
    v = volumes
    rows = conn.execute(select(v.c.id, v.c.path, v.c.opened).where(v.c.site == site).order_by(v.c.path, v.c.id))
    return [VolumeRow(*row) for row in rows]
