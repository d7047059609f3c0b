"""Values of `redshank.model` to rows and back. Pure; any thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, Update, and_, bindparam, insert, update

from redshank.model import Alert, Box, Condition, Event, Gap, GapReason, Hold, Notification, Segment, Verdict

Row = Mapping[str, Any] | RowMapping
SEGMENT = tuple(field.name for field in fields(Segment))
"""Columns of a segment, named as its fields."""


def upsert(conn: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Update the row with this primary key, or insert it. Portable, and safe with one writer."""
    keys = table.primary_key.columns.keys()
    values = {name: value for name, value in row.items() if name not in keys}
    if conn.execute(_update(table), values | {f"key_{key}": row[key] for key in keys}).rowcount == 0:
        conn.execute(insert(table), dict(row))


@cache
def _update(table: Table) -> Update:
    """One statement per table: building it anew each time costs more than running it."""
    return update(table).where(and_(*(column == bindparam(f"key_{column.name}") for column in table.primary_key)))


def box_out(box: Box | None) -> list[float] | None:
    return None if box is None else [round(v, 5) for v in (box.x1, box.y1, box.x2, box.y2)]


def box_in(value: Any) -> Box | None:
    return None if value is None else Box(*value)


def event_out(event: Event, site: str) -> dict[str, Any]:
    return {
        "id": event.id,
        "site": site,
        "kind": event.kind,
        "camera": event.camera,
        "start": event.start,
        "end": event.end,
        "label": event.label,
        "score": event.score,
        "box": box_out(event.box),
        "best_time": event.best_time,
        "zones": list(event.zones),
        "data": dict(event.data),
    }


def event_in(row: Row) -> Event:
    names = ("id", "kind", "camera", "start", "end", "label", "score", "best_time", "data")
    return Event(**{name: row[name] for name in names}, box=box_in(row["box"]), zones=tuple(row["zones"]))


def verdict_out(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule,
        "camera": verdict.camera,
        "time": verdict.time,
        "fired": verdict.fired,
        "conditions": [[c.name, c.wanted, c.got, c.met] for c in verdict.conditions],
        "track": verdict.track,
        "label": verdict.label,
        "score": verdict.score,
        "box": box_out(verdict.box),
        "zones": list(verdict.zones),
        "change": verdict.change,
    }


def verdict_in(row: Row) -> Verdict:
    names = ("rule", "camera", "time", "fired", "track", "label", "score", "change")
    return Verdict(
        **{name: row[name] for name in names},
        conditions=tuple(Condition(*part) for part in row["conditions"]),
        box=box_in(row["box"]),
        zones=tuple(row["zones"]),
    )


def alert_out(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "camera": alert.camera,
        "state": alert.state,
        "opened": alert.opened,
        "updated": alert.updated,
        "closed": alert.closed,
        "label": alert.label,
        "score": alert.score,
        "box": box_out(alert.box),
        "tracks": list(alert.tracks),
        "zones": list(alert.zones),
        "severity": alert.severity,
        "verdict": verdict_out(alert.verdict),
        "revision": alert.revision,
    }


def alert_in(row: Row) -> Alert:
    names = ("id", "rule", "camera", "state", "opened", "updated", "closed", "label", "score", "severity", "revision")
    return Alert(
        **{name: row[name] for name in names},
        box=box_in(row["box"]),
        tracks=tuple(row["tracks"]),
        zones=tuple(row["zones"]),
        verdict=verdict_in(row["verdict"]),
    )


def notification_in(row: Row) -> Notification:
    names = ("id", "alert", "channel", "kind", "status", "created", "due", "attempts", "error")
    return Notification(**{name: cast("Any", row[name]) for name in names})


def segment_out(segment: Segment, site: str) -> dict[str, Any]:
    return {**asdict(segment), "site": site}


def segment_in(row: Row) -> Segment:
    return Segment(**{name: cast("Any", row[name]) for name in SEGMENT})


def gap_in(row: Row) -> Gap:
    return Gap(row["camera"], row["stream"], row["start"], row["end"], GapReason(row["reason"]))


def hold_in(row: Row) -> Hold:
    return Hold(**{name: row[name] for name in ("id", "camera", "start", "end", "reason", "created")})
