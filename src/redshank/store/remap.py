"""Footage recorded under a wrong clock is moved to where it belongs once the clock is right (rel:T30).

Only times change: keys, files, sizes and the order by `seq` stay, no row is removed, and `due` is taken back so that retention judges
the new times. The gaps between moved segments move along; what then is a hole becomes a gap with the reason that stood beside
the moved footage, else `clock`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, not_, select, update

from redshank.model import SITE, Gap, GapReason
from redshank.store import gaps
from redshank.store.recordings import recount
from redshank.store.schema import segments


class _Moved(NamedTuple):
    """What moves of one stream, in its old times."""

    camera: str
    stream: str
    start: int
    end: int
    rows: int


def remap(conn: Connection, boot: str, old_us: int, new_us: int, site: str = SITE) -> int:
    """The wall clock was `old_us` ahead of the monotonic one and is `new_us` ahead now: move every segment of this boot whose
    own times are nearer to the old one by the difference, and the gaps between them; how many segments. When each camera
    followed the step is so told by its footage itself. Retention has to look at them again. Write."""
    s, shift_us = segments, new_us - old_us
    twice = 2 * (s.c.start - s.c.mono_ns // 1000)
    nearer = twice < old_us + new_us if shift_us > 0 else twice > old_us + new_us
    which = (s.c.site == site, s.c.boot == boot, nearer)
    rows = conn.execute(
        select(s.c.camera, s.c.stream, func.min(s.c.start), func.max(s.c.end), func.count())
        .where(*which)
        .group_by(s.c.camera, s.c.stream)
    )
    found = [_Moved(*row) for row in rows] if shift_us else []
    for moved in found:
        mine = (*which, s.c.camera == moved.camera, s.c.stream == moved.stream)
        _move(conn, moved, shift_us, mine, site)
    return sum(moved.rows for moved in found)


def _move(conn: Connection, moved: _Moved, shift_us: int, mine: tuple[ColumnElement[bool], ...], site: str) -> None:
    """One stream. `mine` are its rows that move."""
    camera, stream, lo, hi, _ = moved
    before, after = _neighbours(conn, moved, mine, site)
    span = Gap(camera, stream, lo, hi, GapReason.CLOCK)
    head = _taken(conn, replace(span, start=-gaps.EVER if before is None else before, end=lo), site)
    inner = _taken(conn, span, site)
    tail = _taken(conn, replace(span, start=hi, end=gaps.EVER if after is None else after), site)
    s = segments
    conn.execute(update(s).where(*mine).values(start=s.c.start + shift_us, end=s.c.end + shift_us, due=None))
    recount(conn, camera, stream, site)
    new_lo, new_hi = lo + shift_us, hi + shift_us
    for start, end in gaps.footage(conn, camera, stream, new_lo, new_hi, site):
        gaps.shown(conn, camera, stream, start, end, site)
    along = inner if before is not None else head + inner
    for gap in along if after is not None else along + tail:
        until = None if gap.end is None else gap.end + shift_us
        gaps.tell(conn, replace(gap, start=gap.start + shift_us, end=until), site)
    if before is not None:
        gaps.fill(conn, Gap(camera, stream, before, new_lo, head[-1].reason if head else GapReason.CLOCK), site)
    if after is not None:
        gaps.fill(conn, Gap(camera, stream, new_hi, after, tail[0].reason if tail else GapReason.CLOCK), site)
    known = gaps.bounds(conn, camera, stream, site)
    assert known is not None
    start, end = min(lo if before is None else before, new_lo), max(hi if after is None else after, new_hi)
    gaps.fill(conn, Gap(camera, stream, max(start, known[0]), min(end, known[1]), GapReason.CLOCK), site)


def _taken(conn: Connection, where: Gap, site: str) -> list[Gap]:
    """The gaps of this span, oldest first; they are out of the ledger now."""
    assert where.end is not None
    found = gaps.span(conn, where.camera, where.stream, where.start, where.end, site)
    for gap in found:
        gaps.cut(conn, gap, site)
    return found


def _neighbours(
    conn: Connection, moved: _Moved, mine: tuple[ColumnElement[bool], ...], site: str
) -> tuple[int | None, int | None]:
    """End of the footage before what moves, and start of the footage that reaches beyond it; None: there is none. That one may
    begin earlier than what moves ends, where a clock was set back before: then no gap after them moves."""
    s = segments
    other = (s.c.site == site, s.c.camera == moved.camera, s.c.stream == moved.stream, not_(and_(*mine)))
    before = conn.execute(
        select(s.c.end).where(*other, s.c.start < moved.start).order_by(s.c.start.desc()).limit(1)
    ).scalar()
    beyond = (s.c.start > moved.end - gaps.LONGEST_US, s.c.end > moved.end)
    after = conn.execute(select(s.c.start).where(*other, *beyond).order_by(s.c.start).limit(1)).scalar()
    return before, after
