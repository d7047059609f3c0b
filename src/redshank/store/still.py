"""The tracker's register of still objects, so that after a restart a parked car is the same parked car."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from redshank.model import SITE
from redshank.store.schema import stills


def replace(conn: Connection, camera: str, register: Sequence[Mapping[str, Any]], site: str = SITE) -> None:
    """The whole register of a camera in place of the last one: values of `StillObject.as_json` (id, label, last_seen …). Write."""
    conn.execute(delete(stills).where(stills.c.site == site, stills.c.camera == camera))
    rows = [
        {
            "site": site,
            "camera": camera,
            "track": one["id"],
            "label": one["label"],
            "last_seen": one["last_seen"],
            "data": dict(one),
        }
        for one in register
    ]
    if rows:
        conn.execute(insert(stills), rows)


def load(conn: Connection, camera: str, site: str = SITE) -> list[Mapping[str, Any]]:
    """The register of a camera, for `still_from_json`. Read."""
    s = stills
    return list(
        conn.execute(select(s.c.data).where(s.c.site == site, s.c.camera == camera).order_by(s.c.track)).scalars()
    )
