"""Lists of alerts and events: any filter, pages at any depth, and how many there are of what.

A page is found in an index that holds everything a filter can ask (`alerts_by_time`, `events_by_time`): whatever is asked for, at
most that index is gone through, never the rows (measured: a filter that finds nothing among 1,000,000 costs 0.1 to 0.2 s, any
other page milliseconds). Only what is on the page is read as rows. Inside `Store.read`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
)

from redshank.model import SITE
from redshank.store.schema import alerts, events
from redshank.store.schema_review import reviews, seen_items

MARKS = ("right", "wrong", "missed", "none")
Place = tuple[int, str]
"""Of an item in its list: (time, id); the next page begins after it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter. An empty tuple asks for any; `cameras` are those one may see at all, of which there may be none."""

    cameras: tuple[str, ...]
    chosen: tuple[str, ...] = ()
    """Out of `cameras`."""
    user: str = ""
    """Whose `reviewed` it is."""
    labels: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    """Out of MARKS."""
    reviewed: bool | None = None
    quiet: bool | None = None
    """Events: whether no alert came of it."""
    start: int | None = None
    end: int | None = None
    """Alerts opened, events begun in [start, end)."""


@dataclass(frozen=True, slots=True)
class Review:
    """What is said of one item."""

    reviewed: bool = False
    mark: str = ""
    note: str = ""


def alert_rows(conn: Connection, wanted: Wanted, limit: int, after: Place | None, site: str = SITE) -> list[Any]:
    """At most `limit` rows of `alerts`, newest first, behind a place."""
    return _rows(conn, alerts, "opened", (_page(alerts, "opened", wanted, site), limit, after))


def event_rows(conn: Connection, wanted: Wanted, limit: int, after: Place | None, site: str = SITE) -> list[Any]:
    """At most `limit` rows of `events`, newest first, behind a place."""
    return _rows(conn, events, "start", (_page(events, "start", wanted, site), limit, after))


def said(conn: Connection, kind: str, ids: Sequence[str], user: str, site: str = SITE) -> Mapping[str, Review]:
    """What is said of these items, by id; of those not there nothing is."""
    r, s = reviews, seen_items
    marked = conn.execute(
        select(r.c.item, r.c.mark, r.c.note).where(r.c.site == site, r.c.kind == kind, r.c.item.in_(ids))
    )
    looked = conn.execute(
        select(s.c.item).where(s.c.site == site, s.c.user == user, s.c.kind == kind, s.c.item.in_(ids))
    )
    seen = set(looked.scalars())
    found = {item: Review(item in seen, mark, note) for item, mark, note in marked}
    return {**{item: Review(True) for item in seen}, **found}


def of_alert(conn: Connection, alert: str, site: str = SITE) -> list[Any]:
    """Rows of the events an alert is about, oldest first."""
    row = conn.execute(select(alerts.c.tracks).where(alerts.c.site == site, alerts.c.id == alert)).scalar()
    e = events
    return list(conn.execute(select(e).where(e.c.site == site, e.c.id.in_(row or ())).order_by(e.c.start)).mappings())


def opened(conn: Connection, camera: str, start: int, end: int, limit: int, site: str = SITE) -> list[Any]:
    """(id, opened, closed, label, severity) of the first `limit` alerts of a camera that opened in [start, end)."""
    a = alerts.c
    query = select(a.id, a.opened, a.closed, a.label, a.severity).where(a.site == site, a.camera == camera)
    return list(conn.execute(query.where(a.opened >= start, a.opened < end).order_by(a.opened, a.id).limit(limit)))


def opened_by(conn: Connection, camera: str, start: int, end: int, buckets: int, site: str = SITE) -> list[int]:
    """How many alerts of a camera opened in each of as many even buckets of [start, end), as `coverage.even` has them."""
    a, counts = alerts.c, [0] * buckets
    bucket = ((a.opened - (start - 1)) * buckets - 1) // (
        end - start
    )  # the last whose edge, rounded down, is not later
    found = select(bucket, func.count()).where(a.site == site, a.camera == camera, a.opened >= start, a.opened < end)
    for number, count in conn.execute(found.group_by(bucket)):
        counts[number] = count
    return counts


# --- a page ----------------------------------------------------------------------------------------------------------


def _page(table: Table, time: str, wanted: Wanted, site: str) -> Select[Any]:
    """(id, time) of what is wanted."""
    t = table.c
    found = select(t.id, t[time]).where(t.site == site, *_filters(table, time, wanted, site))
    if wanted.marks and "none" not in wanted.marks:
        return found  # a few, found by their marks: see `_marked`
    return found.with_hint(table, f"INDEXED BY {table.name}_by_time", "sqlite")


def _rows(conn: Connection, table: Table, time: str, page: tuple[Select[Any], int, Place | None]) -> list[Any]:
    found, limit, after = page
    t = table.c
    if after is not None:
        found = found.where(tuple_(t[time], t.id) < tuple_(*after))
    ids = [row[0] for row in conn.execute(found.order_by(t[time].desc(), t.id.desc()).limit(limit))]
    rows = {row["id"]: row for row in conn.execute(select(table).where(t.id.in_(ids))).mappings()}
    return [rows[id] for id in ids]


def _filters(table: Table, time: str, wanted: Wanted, site: str) -> list[ColumnElement[bool]]:
    t = table.c
    found: list[ColumnElement[bool]] = [t.camera.in_(wanted.chosen or wanted.cameras)]
    found += [] if wanted.start is None else [t[time] >= wanted.start]
    found += [] if wanted.end is None else [t[time] < wanted.end]
    columns = {
        "label": wanted.labels,
        "rule": wanted.rules,
        "severity": wanted.severities,
        "state": wanted.states,
        "kind": wanted.kinds,
    }
    found += [t[name].in_(values) for name, values in columns.items() if values and name in t]
    if wanted.zones:
        found.append(or_(*(holds(t.zones, zone) for zone in wanted.zones)))
    if wanted.quiet is not None and "alert" in t:
        found.append(t.alert == "" if wanted.quiet else t.alert != "")
    kind = "alert" if table is alerts else "event"
    if wanted.marks:
        found.append(_marked(t.id, kind, wanted.marks, site))
    if wanted.reviewed is not None:
        s = seen_items
        mine = (s.c.site == site) & (s.c.user == wanted.user) & (s.c.kind == kind)
        found.append(
            t.id.in_(select(s.c.item).where(mine))
            if wanted.reviewed
            else not_(exists(select(s.c.item).where(mine, s.c.item == t.id)))
        )
    return found


def holds(zones: ColumnElement[Any], zone: str) -> ColumnElement[bool]:
    """Whether a JSON list of names has this one: a name is letters, digits, `_` and `-`, so its quotes are its ends."""
    return func.instr(cast(zones, Text), f'"{zone}"') > 0  # PostgreSQL calls it strpos


def _marked(id: ColumnElement[str], kind: str, marks: Sequence[str], site: str) -> ColumnElement[bool]:
    r = reviews
    mine = and_(r.c.site == site, r.c.kind == kind)
    given = id.in_(select(r.c.item).where(mine, r.c.mark.in_([one for one in marks if one != "none"])))
    if "none" not in marks:
        return given
    return or_(given, not_(exists(select(r.c.item).where(mine, r.c.item == id, r.c.mark != ""))))
