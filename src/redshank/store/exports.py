"""Queries about exports: footage people had put into files. `add`, `change` and `remove` inside `Store.write`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from redshank.model import SITE
from redshank.store.gaps import LONGEST_US
from redshank.store.schema import segments
from redshank.store.schema_review import exports


@dataclass(frozen=True, slots=True)
class Export:
    """One."""

    id: str
    owner: str
    """Id of the user or token that asked for it."""
    name: str
    """Of the owner, for people."""
    kind: Literal["clip", "evidence", "timelapse"]
    cameras: tuple[str, ...]
    start: int
    end: int
    status: Literal["queued", "running", "done", "failed"]
    created: int
    updated: int
    done: float = 0.0
    """Share that is made, 0–1."""
    file: str = ""
    """Its name in the folder of this export; empty until it is there."""
    bytes: int = 0
    error: str = ""
    """Why it failed, or what is missing in it."""


NAMES = [one.name for one in fields(Export)]


def add(conn: Connection, one: Export, site: str = SITE) -> None:
    """Write."""
    conn.execute(insert(exports).values(**{**asdict(one), "cameras": list(one.cameras), "site": site}))


def change(conn: Connection, id: str, values: dict[str, Any], site: str = SITE) -> None:
    """Some of its fields. Write."""
    conn.execute(update(exports).where(exports.c.site == site, exports.c.id == id).values(values))


def again(conn: Connection, site: str = SITE) -> None:
    """At a start: what was being made is to be made. Write."""
    mine = (exports.c.site == site) & (exports.c.status == "running")
    conn.execute(update(exports).where(mine).values(status="queued"))


def remove(conn: Connection, id: str, site: str = SITE) -> None:
    """Write."""
    conn.execute(delete(exports).where(exports.c.site == site, exports.c.id == id))


def every(conn: Connection, site: str = SITE) -> list[Export]:
    """Newest first. Read."""
    e = exports.c
    rows = conn.execute(select(exports).where(e.site == site).order_by(e.created.desc(), e.id.desc())).mappings()
    return [Export(**{**{name: row[name] for name in NAMES}, "cameras": tuple(row["cameras"])}) for row in rows]


def footage_bytes(conn: Connection, one: Export, site: str = SITE) -> int:
    """Of all files that have something of its range: about what it will have. Read."""
    s = segments.c
    query = select(func.sum(s.size)).where(s.site == site, s.camera.in_(one.cameras), s.stream == "main")
    return (
        conn.execute(query.where(s.start > one.start - LONGEST_US, s.start < one.end, s.end > one.start)).scalar() or 0
    )
