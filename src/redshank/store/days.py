"""How many alerts and events each day had. Inside `Store.read`; answered by the indexes lists are read in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, func, select

from redshank.model import SITE
from redshank.store.schema import alerts, events


@dataclass(frozen=True, slots=True)
class Day:
    """What happened in one."""

    alerts: int
    quiet: int
    """Events that led to no alert."""
    events: int


def days(conn: Connection, cameras: Sequence[str], edges: Sequence[int], site: str = SITE) -> list[Day]:
    """One per pair of neighbouring edges, as `coverage.midnights` gives them. Health is no event here."""
    a, e = alerts.c, events.c
    found = []
    for start, end in pairwise(edges):
        opened = select(func.count()).where(a.site == site, a.opened >= start, a.opened < end, a.camera.in_(cameras))
        begun = select(func.count(), func.count(func.nullif(e.alert, ""))).where(
            e.site == site, e.start >= start, e.start < end, e.camera.in_(cameras), e.kind != "health"
        )
        opened = opened.with_hint(alerts, "INDEXED BY alerts_by_time", "sqlite")
        count, loud = conn.execute(begun.with_hint(events, "INDEXED BY events_by_time", "sqlite")).one()
        found.append(Day(conn.execute(opened).scalar() or 0, count - loud, count))
    return found
