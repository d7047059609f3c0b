"""The tracker's register of still objects, so that after a restart a parked car is the same parked car."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from redshank.model import SITE, Box
from redshank.store.rows import Row, box_in, box_out
from redshank.store.schema import stills


@dataclass(frozen=True, slots=True)
class Still:
    """An object that stands where it stood."""

    track: str
    label: str
    box: Box
    score: float
    start: int
    last_seen: int
    data: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the tracker wants back, JSON."""


def replace(conn: Connection, camera: str, register: Sequence[Still], site: str = SITE) -> None:
    """The whole register of a camera, in place of the last one. Write."""
    conn.execute(delete(stills).where(stills.c.site == site, stills.c.camera == camera))
    if register:
        conn.execute(insert(stills), [_out(one, camera, site) for one in register])


def load(conn: Connection, camera: str, site: str = SITE) -> list[Still]:
    """The register of a camera, oldest first. Read."""
    s = stills
    rows = conn.execute(
        select(s).where(s.c.site == site, s.c.camera == camera).order_by(s.c.start, s.c.track)
    ).mappings()
    return [_in(row) for row in rows]


def _out(one: Still, camera: str, site: str) -> dict[str, Any]:
    return {
        "site": site,
        "camera": camera,
        "track": one.track,
        "label": one.label,
        "score": one.score,
        "box": box_out(one.box),
        "start": one.start,
        "last_seen": one.last_seen,
        "data": dict(one.data),
    }


def _in(row: Row) -> Still:
    box = box_in(row["box"])
    assert box is not None
    return Still(row["track"], row["label"], box, row["score"], row["start"], row["last_seen"], row["data"])
