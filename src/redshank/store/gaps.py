"""The gap ledger: every instant a stream is known at is in a segment or in exactly one gap.

Gaps of a stream never overlap one another nor footage, neighbours with the same reason are one row, and at most one, the last, is
open: its `end` is null and nothing is known after its start. A hole that nobody explained becomes a gap too, so that there is no
hole between the first and the last instant known. What is told later wins over what was told before; footage wins over both.

Times are UTC microseconds, spans half-open. `bounds`, `footage` and `span` read, the others run inside `Store.write`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, or_, select, update

from redshank.clock import US_PER_S
from redshank.model import SITE, Gap, GapReason
from redshank.store.rows import gap_in
from redshank.store.schema import gaps, segments

LONGEST_US = 600 * US_PER_S
"""No segment is longer: with it every question about a span is one short range of an index."""
EVER = 1 << 62
"""A time that does not come; fits a 64-bit column."""


def open_(conn: Connection, camera: str, stream: str, start: int, reason: GapReason, site: str = SITE) -> None:
    """From `start` on there is no footage, until `close` or the next segment. Told again with another reason, that one counts
    from `start` on; nothing is said over footage. Write."""
    known = bounds(conn, camera, stream, site)
    close(conn, camera, stream, start, site)
    begin = start
    if known is not None:
        begin = max(start, known[1])
        fill(conn, Gap(camera, stream, known[1], start, GapReason.UNKNOWN), site)
        tell(conn, Gap(camera, stream, start, begin, reason), site)
    _put(conn, Gap(camera, stream, begin, None, reason), site)


def close(conn: Connection, camera: str, stream: str, end: int, site: str = SITE) -> None:
    """The open gap ends there; one that would end before it began never was. Nothing open: nothing done. Write."""
    found = _open(conn, camera, stream, site)
    if found is None:
        return
    if end > found.start:
        conn.execute(update(gaps).where(*_is(found, site)).values(end=end))
    else:
        conn.execute(delete(gaps).where(*_is(found, site)))


def add(conn: Connection, gap: Gap, site: str = SITE) -> None:
    """A whole gap, or an open one when it has no end. Where footage is, there is none. An open gap that it reaches into ends
    with it. Write."""
    if gap.end is None:
        open_(conn, gap.camera, gap.stream, gap.start, gap.reason, site)
        return
    if gap.end <= gap.start:
        return
    found = _open(conn, gap.camera, gap.stream, site)
    if found is not None and found.start < gap.end:
        close(conn, gap.camera, gap.stream, gap.start, site)
    known = bounds(conn, gap.camera, gap.stream, site)
    tell(conn, gap, site)
    if known is not None:
        fill(conn, Gap(gap.camera, gap.stream, known[1], gap.start, GapReason.UNKNOWN), site)
        fill(conn, Gap(gap.camera, gap.stream, gap.end, known[0], GapReason.UNKNOWN), site)


def span(conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE) -> list[Gap]:
    """Those that overlap [start, end), oldest first, whole. Read."""
    g = gaps
    mine = (g.c.site == site, g.c.camera == camera, g.c.stream == stream)
    first = select(func.max(g.c.start)).where(*mine, g.c.start <= start).scalar_subquery()
    rows = conn.execute(
        select(g)
        .where(*mine, g.c.start >= func.coalesce(first, start), g.c.start < end)
        .where(or_(g.c.end.is_(None), g.c.end > start))
        .order_by(g.c.start)
    ).mappings()
    return [gap_in(row) for row in rows]


def bounds(conn: Connection, camera: str, stream: str, site: str = SITE) -> tuple[int, int] | None:
    """First and last instant known of a stream, footage and gaps; an open gap counts to its start. None: nothing. Read."""
    known = _known(conn, camera, stream, site)
    return None if known is None else known[:2]


def footage(
    conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE
) -> list[tuple[int, int]]:
    """Where there is footage in [start, end): disjoint spans in order, cut to it. Touches nothing but an index. Read."""
    s = segments
    rows = conn.execute(
        select(s.c.start, s.c.end)
        .where(s.c.site == site, s.c.camera == camera, s.c.stream == stream)
        .where(s.c.start > start - LONGEST_US, s.c.start < end, s.c.end > start)
        .order_by(s.c.start)
    )
    return joined((max(begin, start), min(stop, end)) for begin, stop in rows)


def shown(conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE) -> tuple[int, int] | None:
    """There is footage in [start, end): no gap is under it, and an open gap that began before ended with it. The bounds as they
    were before. Write."""
    known = _known(conn, camera, stream, site)
    if known is None:
        return None
    first, last, opened = known
    if opened and last < start:
        close(conn, camera, stream, start, site)
    elif opened or start < last:
        cut(conn, Gap(camera, stream, start, end, GapReason.UNKNOWN), site)
    return first, last


def fill(conn: Connection, gap: Gap, site: str = SITE) -> None:
    """Where in this span is neither footage nor a gap, there is one with this reason now. An empty span is fine. Write."""
    assert gap.end is not None
    if gap.end <= gap.start:
        return
    told = span(conn, gap.camera, gap.stream, gap.start, gap.end, site)
    taken = footage(conn, gap.camera, gap.stream, gap.start, gap.end, site)
    taken += [(one.start, gap.end if one.end is None else one.end) for one in told]
    for start, end in holes(sorted(taken), gap.start, gap.end):
        _put(conn, Gap(gap.camera, gap.stream, start, end, gap.reason), site)


def forget(conn: Connection, before: int, site: str = SITE) -> int:
    """Drop what the ledger says of the time before `before` where no footage is left of it. How many rows. Write."""
    g, s = gaps, segments
    older = (
        select(s.c.seq)
        .where(s.c.site == site, s.c.camera == g.c.camera, s.c.stream == g.c.stream, s.c.start < g.c.end)
        .exists()
    )
    return conn.execute(delete(g).where(g.c.site == site, g.c.end <= before, ~older)).rowcount


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same instants as disjoint spans that do not touch, in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def holes(taken: list[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    """What of [start, end) is in none of these spans, which are in order of their starts and may overlap."""
    for begin, stop in taken:
        if begin > start:
            yield start, min(begin, end)
        start = max(start, stop)
        if start >= end:
            return
    if start < end:
        yield start, end


def tell(conn: Connection, gap: Gap, site: str = SITE) -> None:
    """This reason for what of the span is not footage, whatever was told before. An empty span is fine. Write."""
    if gap.end is None:
        open_(conn, gap.camera, gap.stream, gap.start, gap.reason, site)
    elif gap.start < gap.end:
        cut(conn, gap, site)
        fill(conn, gap, site)


def cut(conn: Connection, gap: Gap, site: str = SITE) -> None:
    """No gap in this span: what reaches into it is shortened or split. Write."""
    end = EVER if gap.end is None else gap.end
    for one in span(conn, gap.camera, gap.stream, gap.start, end, site):
        if one.start < gap.start:
            conn.execute(update(gaps).where(*_is(one, site)).values(end=gap.start))
        else:
            conn.execute(delete(gaps).where(*_is(one, site)))
        if gap.end is not None and (one.end is None or one.end > gap.end):
            _insert(conn, replace(one, start=gap.end), site)


def _put(conn: Connection, gap: Gap, site: str) -> None:
    """A gap where there is none, joined with neighbours of the same reason."""
    g = gaps
    alike = (g.c.site == site, g.c.camera == gap.camera, g.c.stream == gap.stream, g.c.reason == gap.reason.value)
    start, end = gap.start, gap.end
    if end is not None:
        right = conn.execute(select(g).where(*alike, g.c.start == end)).mappings().first()
        if right is not None:
            end = right["end"]
            conn.execute(delete(g).where(*_is(gap_in(right), site)))
    before = select(func.max(g.c.start)).where(*alike[:3], g.c.start < start).scalar_subquery()
    left = conn.execute(select(g).where(*alike, g.c.start == before, g.c.end == start)).mappings().first()
    if left is None:
        _insert(conn, replace(gap, end=end), site)
    else:
        conn.execute(update(g).where(*_is(gap_in(left), site)).values(end=end))


def _insert(conn: Connection, gap: Gap, site: str) -> None:
    row = {"camera": gap.camera, "stream": gap.stream, "start": gap.start, "end": gap.end, "reason": gap.reason.value}
    conn.execute(insert(gaps).values(site=site, **row))


def _is(gap: Gap, site: str) -> tuple[ColumnElement[bool], ...]:
    """The row of this gap."""
    g = gaps
    return g.c.site == site, g.c.camera == gap.camera, g.c.stream == gap.stream, g.c.start == gap.start


def _open(conn: Connection, camera: str, stream: str, site: str) -> Gap | None:
    """The open gap of a stream: it is the last one."""
    known = _known(conn, camera, stream, site)
    return span(conn, camera, stream, known[1], EVER, site)[-1] if known is not None and known[2] else None


def _known(conn: Connection, camera: str, stream: str, site: str) -> tuple[int, int, bool] | None:
    """First and last instant known, and whether a gap is open (since the last). None: nothing is known."""
    row = conn.execute(_KNOWN, {"site": site, "camera": camera, "stream": stream}).one()
    firsts = [time for time in (row.first, row.told_first) if time is not None]
    lasts = [time for time in (row.last, row.told_last, row.told_end) if time is not None]
    return (min(firsts), max(lasts), row.told_last is not None and row.told_end is None) if firsts else None


def _known_query() -> Select[Any]:
    """One statement, made once: building it anew each time costs more than running it."""
    g, s = gaps, segments
    told, shot = (
        [table.c[name] == bindparam(name) for name in ("site", "camera", "stream")] for table in (gaps, segments)
    )
    newest = select(func.max(s.c.start)).where(*shot).scalar_subquery()
    newest_told = select(func.max(g.c.start)).where(*told).scalar_subquery()
    return select(
        select(func.min(s.c.start)).where(*shot).scalar_subquery().label("first"),
        select(func.max(s.c.end)).where(*shot, s.c.start > newest - LONGEST_US).scalar_subquery().label("last"),
        select(func.min(g.c.start)).where(*told).scalar_subquery().label("told_first"),
        newest_told.label("told_last"),
        select(g.c.end).where(*told, g.c.start == newest_told).scalar_subquery().label("told_end"),
    )


_KNOWN = _known_query()
