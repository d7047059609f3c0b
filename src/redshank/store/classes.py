"""What footage is kept for: by overlap with alerts and tracked objects, and by its motion. Reads only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, or_, select

from redshank.model import SITE, KeepClass, Segment
from redshank.store.gaps import EVER, joined
from redshank.store.schema import alerts, events


def classes(
    conn: Connection, segments: Sequence[Segment], pre_us: int, post_us: int, site: str = SITE
) -> list[KeepClass]:
    """What each is kept for. An alert (severity alert) or a track reaches `pre_us` before its start and `post_us` after its end.
    Motion nobody looked for counts as motion. One query for alerts and one for tracks per camera: best given in order of time."""
    found: dict[int, KeepClass] = {}
    for camera in {one.camera for one in segments}:
        mine = {number: one for number, one in enumerate(segments) if one.camera == camera}
        since = min(one.start for one in mine.values()) - post_us
        until = max(one.end for one in mine.values()) + pre_us
        alarms, tracks = (
            joined((start - pre_us, end + post_us) for start, end in spans(conn, camera, since, until, site))
            for spans in (_alerts, _tracks)
        )
        for number, one in mine.items():
            found[number] = _class(one, alarms, tracks)
    return [found[number] for number in range(len(segments))]


def _class(segment: Segment, alarms: list[tuple[int, int]], tracks: list[tuple[int, int]]) -> KeepClass:
    if _meets(segment, alarms):
        return KeepClass.ALERT
    if _meets(segment, tracks):
        return KeepClass.DETECTION
    return KeepClass.CONTINUOUS if segment.motion == 0 else KeepClass.MOTION


def _meets(segment: Segment, spans: list[tuple[int, int]]) -> bool:
    """Whether it overlaps one of these disjoint spans in order: the last that begins before its end would be it."""
    place = bisect_right(spans, segment.end - 1, key=lambda span: span[0])
    return place > 0 and spans[place - 1][1] > segment.start


def _alerts(conn: Connection, camera: str, since: int, until: int, site: str) -> Iterable[tuple[int, int]]:
    a = alerts
    return _spans(
        conn.execute(
            select(a.c.opened, a.c.closed)
            .where(a.c.site == site, a.c.camera == camera, a.c.severity == "alert", a.c.opened < until)
            .where(or_(a.c.closed.is_(None), a.c.closed >= since))
        )
    )


def _tracks(conn: Connection, camera: str, since: int, until: int, site: str) -> Iterable[tuple[int, int]]:
    """Answered by the index `events_spans` alone: tracks may be long, so everything before `until` is looked through."""
    e = events
    return _spans(
        conn.execute(
            select(e.c.start, e.c.end)
            .where(e.c.site == site, e.c.camera == camera, e.c.kind == "track", e.c.start < until)
            .where(or_(e.c.end.is_(None), e.c.end >= since))
        )
    )


def _spans(rows: Iterable[Any]) -> list[tuple[int, int]]:
    """The last instant belongs to each."""
    return [(start, EVER if end is None else end + 1) for start, end in rows]
