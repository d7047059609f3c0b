"""What people say about alerts and events: a mark, a note and corrected boxes for the site; looked over or not for each user.

`put` inside `Store.write`: it returns what was before, so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, delete, select

from redshank.model import SITE
from redshank.store.rows import upsert
from redshank.store.schema import alerts, events
from redshank.store.schema_review import reviews, seen_items

Kind = Literal["alert", "event", "miss"]


@dataclass(frozen=True, slots=True)
class About:
    """An item of a camera."""

    kind: Kind
    id: str
    camera: str
    time: int
    label: str = ""
    """Of a miss."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """Of the site. An empty one is none."""

    mark: str = ""
    """right, wrong, missed, or empty."""
    note: str = ""
    boxes: Sequence[Mapping[str, Any]] = ()
    """{time, label, box} as they should have been."""


@dataclass(frozen=True, slots=True)
class Said:
    """About one item, as one user has it."""

    reviewed: bool
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who says it, and when."""

    id: str
    name: str
    now: int


def about(conn: Connection, kind: Kind, ids: Sequence[str], site: str = SITE) -> dict[str, About]:
    """Those of these alerts or events that are there. Read."""
    table, time = (alerts, "opened") if kind == "alert" else (events, "start")
    t = table.c
    rows = conn.execute(select(t.id, t.camera, t[time]).where(t.site == site, t.id.in_(ids)))
    return {id: About(kind, id, camera, when) for id, camera, when in rows}


def get(conn: Connection, item: About, user: str, site: str = SITE) -> Said:
    """Read."""
    r, s = reviews.c, seen_items.c
    row = conn.execute(
        select(r.mark, r.note, r.boxes).where(r.site == site, r.kind == item.kind, r.item == item.id)
    ).first()
    mine = (s.site == site) & (s.user == user) & (s.kind == item.kind) & (s.item == item.id)
    seen = conn.execute(select(s.item).where(mine)).first() is not None
    return Said(seen, Opinion(row[0], row[1], tuple(row[2])) if row else Opinion())


def put(conn: Connection, item: About, changes: Mapping[str, Any], who: Reviewer, site: str = SITE) -> Said:
    """Change some of `reviewed`, `mark`, `note`, `boxes`; what was before. Write."""
    before = get(conn, item, who.id, site)
    reviewed = bool(changes.get("reviewed", before.reviewed))
    opinion = replace(before.opinion, **{name: value for name, value in changes.items() if name != "reviewed"})
    if reviewed is not before.reviewed:
        _look(conn, item, reviewed, who, site)
    if opinion != before.opinion:
        _say(conn, item, opinion, who, site)
    return before


def _look(conn: Connection, item: About, reviewed: bool, who: Reviewer, site: str) -> None:
    s = seen_items.c
    key = {"site": site, "user": who.id, "kind": item.kind, "item": item.id}
    if reviewed:
        upsert(conn, seen_items, {**key, "time": who.now})
    else:
        mine = (s.site == site) & (s.user == who.id) & (s.kind == item.kind) & (s.item == item.id)
        conn.execute(delete(seen_items).where(mine))


def _say(conn: Connection, item: About, opinion: Opinion, who: Reviewer, site: str) -> None:
    r = reviews.c
    if opinion == Opinion():
        conn.execute(delete(reviews).where(r.site == site, r.kind == item.kind, r.item == item.id))
        return
    row = {
        "site": site,
        "kind": item.kind,
        "item": item.id,
        "camera": item.camera,
        "time": item.time,
        "label": item.label,
    }
    said = {**asdict(opinion), "boxes": [dict(box) for box in opinion.boxes], "who": who.name, "updated": who.now}
    upsert(conn, reviews, {**row, **said})
