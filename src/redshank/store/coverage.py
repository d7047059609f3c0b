"""How complete the recording is: per span, per day, per bucket of a timeline. Reads only."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, select

from redshank.model import SITE, WANTED_GAPS, GapReason
from redshank.store import gaps
from redshank.store.gaps import LONGEST_US
from redshank.store.schema import segments

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of one stream over a span. What is not known (before it was set up, after its last word) is in none of the sums."""

    start: int
    end: int
    footage_us: int
    gaps_us: Mapping[GapReason, int] = field(default_factory=dict)
    """By reason."""

    @property
    def wanted_us(self) -> int:
        """Gaps the user wants: private, off, idle, expired."""
        return sum(us for reason, us in self.gaps_us.items() if reason in WANTED_GAPS)

    @property
    def unwanted_us(self) -> int:
        return sum(us for reason, us in self.gaps_us.items() if reason not in WANTED_GAPS)

    @property
    def percent(self) -> float | None:
        """Footage of what should be there; None when nothing should."""
        wanted = self.footage_us + self.unwanted_us
        return 100 * self.footage_us / wanted if wanted else None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of a timeline."""

    start: int
    end: int
    footage: float
    """Share of it that is footage, 0–1."""
    motion: float | None
    """Most motion in it; None when nobody looked."""
    reason: GapReason | None
    """Why footage is missing, where it is: the reason of most of the gap."""


def completeness(conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE) -> Completeness:
    """Of [start, end). An open gap counts up to `end`, so that should not be in the future."""
    return days(conn, camera, stream, (start, end), site)[0]


def days(conn: Connection, camera: str, stream: str, edges: Sequence[int], site: str = SITE) -> list[Completeness]:
    """One per pair of neighbouring edges, as `midnights` gives them (cut off at now: an open gap counts up to the last edge)."""
    start, end = edges[0], edges[-1]
    footage = _shares(gaps.footage(conn, camera, stream, start, end, site), edges)
    missing = _missing(conn, camera, stream, edges, site)
    return [Completeness(*pair, us, lost) for pair, us, lost in zip(pairwise(edges), footage, missing, strict=True)]


def timeline(conn: Connection, camera: str, stream: str, edges: Sequence[int], site: str = SITE) -> list[Bucket]:
    """One bucket per pair of neighbouring edges, as `even` gives them."""
    s = segments
    query = (
        select(s.c.start, s.c.end, s.c.motion)
        .where(s.c.site == site, s.c.camera == camera, s.c.stream == stream)
        .where(s.c.start > edges[0] - LONGEST_US, s.c.start < edges[-1], s.c.end > edges[0])
        .order_by(s.c.start)
    )
    # Days are tens of thousands of rows: as the driver has them, and as arrays, they cost a fifth.
    rows = conn.execute(query).cursor.fetchall()
    footage, motion = _drawn(rows, edges)
    missing = _missing(conn, camera, stream, edges, site)
    return [
        Bucket(a, b, us / max(1, b - a), most, max(lost, key=lambda reason: lost[reason], default=None))
        for (a, b), us, most, lost in zip(pairwise(edges), footage, motion, missing, strict=True)
    ]


def _drawn(rows: Sequence[tuple[int, int, float | None]], edges: Sequence[int]) -> tuple[list[int], list[float | None]]:
    """Per bucket the microseconds of footage, and the most motion in it (None where nobody looked)."""
    if not rows:
        return [0] * (len(edges) - 1), [None] * (len(edges) - 1)
    at = np.array(edges, np.int64)
    start, end = (np.array([row[column] for row in rows], np.int64) for column in (0, 1))
    amount = np.array([-1.0 if row[2] is None else row[2] for row in rows])
    until = np.maximum.accumulate(end)
    since = np.minimum(until, np.maximum(start, np.concatenate(([start[0]], until[:-1]))))
    # Footage before each edge: that of the files that begin before it, without what the last of them has behind it.
    before = np.concatenate(([0], np.cumsum(until - since)))
    begun = np.searchsorted(since, at, "left")
    last = np.maximum(begun - 1, 0)
    shown = before[begun] - np.where(begun > 0, np.maximum(0, until[last] - at), 0)
    first = np.maximum(np.searchsorted(at, start, "right") - 1, 0)
    beyond = np.minimum(np.searchsorted(at, end, "left"), len(edges) - 1)
    most = np.full(len(edges) - 1, -1.0)
    for step in range(int((beyond - first).max())):
        there = first + step < beyond
        np.maximum.at(most, first[there] + step, amount[there])
    return [int(us) for us in np.diff(shown)], [None if one < 0 else one for one in most.tolist()]


def midnights(first: date, last: date, zone: ZoneInfo) -> list[int]:
    """The edges of the days first … last (both included) as people there count them: 23, 24 or 25 h apart, or what else
    the zone does (rel:T29)."""
    count = (last - first).days + 2
    starts = (datetime.combine(first + timedelta(number), time(), zone) for number in range(count))
    return [(one.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) for one in starts]


def even(start: int, end: int, buckets: int) -> list[int]:
    """`buckets` + 1 edges, evenly from start to end."""
    return [start + (end - start) * number // buckets for number in range(buckets + 1)]


def _missing(conn: Connection, camera: str, stream: str, edges: Sequence[int], site: str) -> list[dict[GapReason, int]]:
    """Per bucket the microseconds of each reason."""
    found: list[dict[GapReason, int]] = [{} for _ in edges[1:]]
    for gap in gaps.span(conn, camera, stream, edges[0], edges[-1], site):
        end = edges[-1] if gap.end is None else gap.end
        for number in _touched(gap.start, end, edges):
            us = min(end, edges[number + 1]) - max(gap.start, edges[number])
            found[number][gap.reason] = found[number].get(gap.reason, 0) + us
    return found


def _shares(spans: Iterable[tuple[int, int]], edges: Sequence[int]) -> list[int]:
    """Microseconds of these disjoint spans in each bucket."""
    found = [0] * (len(edges) - 1)
    for start, end in spans:
        for number in _touched(start, end, edges):
            found[number] += min(end, edges[number + 1]) - max(start, edges[number])
    return found


def _touched(start: int, end: int, edges: Sequence[int]) -> range:
    """The buckets that [start, end) overlaps."""
    return range(max(bisect_right(edges, start) - 1, 0), min(bisect_left(edges, end), len(edges) - 1))
