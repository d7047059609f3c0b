"""Segments: the rows about recorded files, and the files that are still to be deleted. The ledger of gaps follows each change.

Times are UTC microseconds, spans half-open. Functions marked *Write* run inside `Store.write`, the others also inside `Store.read`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    union,
    update,
)

from redshank.errors import RedshankError
from redshank.model import SITE, Gap, GapReason, Segment
from redshank.store import gaps
from redshank.store.classes import classes as classes
from redshank.store.gaps import LONGEST_US
from redshank.store.rows import SEGMENT, segment_in, segment_out, upsert
from redshank.store.schema import deletions as files
from redshank.store.schema import gaps as gap_table
from redshank.store.schema import segment_totals, segments

Key = tuple[str, str, int]
"""(camera, stream, seq): names a segment for ever."""
_COLUMNS = tuple(segments.c[name] for name in SEGMENT)


class Total(NamedTuple):
    """What a stream has on a volume."""

    files: int
    bytes: int
    first: int
    """Start of the earliest."""
    last: int
    """End of the latest."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A file whose row is gone and that is still to be unlinked."""

    volume: str
    path: str
    size: int


def key(segment: Segment) -> Key:
    return segment.camera, segment.stream, segment.seq


class Refused(RedshankError):
    """What was to be added cannot be right; it never will be, so trying again is of no use."""


def add(conn: Connection, segment: Segment, reason: GapReason = GapReason.UNKNOWN, site: str = SITE) -> None:
    """Insert, or replace the one of this key. Gaps under it go; an open gap that began before it ends with it. A hole
    between it and what was known before (on either side) becomes a gap with `reason`. Its file is not deleted any more, and
    retention has to look at it again. Raises Refused: longer than 10 min, without any length, or of another file than the row
    of this key, which that file would lose. Write."""
    if not 0 < segment.end - segment.start <= LONGEST_US:
        raise Refused(f"{segment.path}: a segment lasts up to 600 s, not {(segment.end - segment.start) / 1e6:g} s")
    camera, stream = segment.camera, segment.stream
    old = get(conn, *key(segment), site)
    if old is not None and (old.volume, old.path) != (segment.volume, segment.path):
        raise Refused(
            f"{segment.path} on {segment.volume}: its number is that of {old.path} on {old.volume}; left alone"
        )
    known = gaps.shown(conn, camera, stream, segment.start, segment.end, site)
    row = {**segment_out(segment, site), "due": None}
    if old is None:
        conn.execute(_INSERT, row)
    else:
        upsert(conn, segments, row)
        _gone(conn, [old], site)
        gaps.fill(conn, Gap(camera, stream, old.start, old.end, reason), site)
    _came(conn, segment, site)
    deleted(conn, [Deletion(segment.volume, segment.path, segment.size)], site)
    if known is not None:
        gaps.fill(conn, Gap(camera, stream, known[1], segment.start, reason), site)
        gaps.fill(conn, Gap(camera, stream, segment.end, known[0], reason), site)


def replace_row(conn: Connection, segment: Segment, site: str = SITE) -> bool:
    """Put a repaired or recomputed row in the place of its key; what it no longer covers becomes a LOST gap. False (and
    nothing done) when retention has removed it meanwhile. Write."""
    if get(conn, *key(segment), site) is None:
        return False
    add(conn, segment, GapReason.LOST, site)
    return True


def remove(
    conn: Connection, keys: Iterable[Key], reason: GapReason = GapReason.EXPIRED, site: str = SITE
) -> list[Segment]:
    """Forget these rows; where no other footage covers them is a gap with `reason` now. What was removed (unknown keys are
    passed over). Unless the reason is LOST their files wait in `deletions`; what is lost is damaged or gone already, and
    nothing is deleted because something could not be read. Write."""
    removed = [one for one in (get(conn, *name, site) for name in dict.fromkeys(keys)) if one is not None]
    if not removed:
        return []
    conn.execute(
        _REMOVE,
        [{"the_site": site, "the_camera": one.camera, "the_stream": one.stream, "the_seq": one.seq} for one in removed],
    )
    if reason is not GapReason.LOST:
        gone = [Deletion(one.volume, one.path, one.size) for one in removed]
        deleted(conn, gone, site)
        conn.execute(insert(files), [{"site": site, **asdict(one)} for one in gone])
    _gone(conn, removed, site)
    for camera, stream in {(one.camera, one.stream) for one in removed}:
        spans = [(one.start, one.end) for one in removed if (one.camera, one.stream) == (camera, stream)]
        for start, end in gaps.joined(spans):
            gaps.fill(conn, Gap(camera, stream, start, end, reason), site)
    return removed


def deletions(conn: Connection, volume: str | None = None, limit: int = 1000, site: str = SITE) -> list[Deletion]:
    """Files still to be unlinked (on this volume)."""
    query = select(files.c.volume, files.c.path, files.c.size).where(files.c.site == site)
    if volume is not None:
        query = query.where(files.c.volume == volume)
    return [Deletion(*row) for row in conn.execute(query.order_by(files.c.volume, files.c.path).limit(limit))]


def deleted(conn: Connection, done: Iterable[Deletion], site: str = SITE) -> None:
    """They are gone from the disk, durably. Write."""
    rows = [{"the_site": site, "the_volume": one.volume, "the_path": one.path} for one in done]
    if rows:
        conn.execute(_DELETED, rows)


def get(conn: Connection, camera: str, stream: str, seq: int, site: str = SITE) -> Segment | None:
    row = conn.execute(_GET, {"site": site, "camera": camera, "stream": stream, "seq": seq}).mappings().first()
    return None if row is None else segment_in(row)


def by_path(conn: Connection, volume: str, path: str, site: str = SITE) -> Segment | None:
    """The row about this file (`<camera>/<stream>/…-<seq>.mp4`)."""
    parts = path.split("/")
    number = parts[-1].removesuffix(".mp4").rpartition("-")[2]
    if len(parts) < 3 or not number.isdecimal():
        return None
    found = get(conn, parts[0], parts[1], int(number), site)
    return found if found is not None and (found.volume, found.path) == (volume, path) else None


def span(conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE) -> list[Segment]:
    """Those that overlap [start, end), by start. Two overlap only where a clock was set back."""
    times = {"after": start - LONGEST_US, "before": end, "since": start}
    found = _rows(conn.execute(_SPAN, {"site": site, "camera": camera, "stream": stream, **times}).all())
    found.sort(key=attrgetter("start", "seq"))
    return found


def at(conn: Connection, camera: str, stream: str, time: int, site: str = SITE) -> Segment | None:
    """The one that shows this instant; the later recorded where two do."""
    return max(span(conn, camera, stream, time, time + 1, site), key=lambda one: one.seq, default=None)


def streams(conn: Connection, site: str = SITE) -> list[tuple[str, str]]:
    """(camera, stream) of which footage or gaps are known, in order."""
    t, g = segment_totals, gap_table
    query = union(
        select(t.c.camera, t.c.stream).where(t.c.site == site), select(g.c.camera, g.c.stream).where(g.c.site == site)
    )
    return sorted((row[0], row[1]) for row in conn.execute(query))


def totals(conn: Connection, site: str = SITE) -> dict[tuple[str, str, str], Total]:
    """By (camera, stream, volume). A kept table, not a scan."""
    t = segment_totals
    rows = conn.execute(select(t).where(t.c.site == site).order_by(t.c.camera, t.c.stream, t.c.volume)).mappings()
    return {
        (row["camera"], row["stream"], row["volume"]): Total(row["count"], row["bytes"], row["first"], row["last"])
        for row in rows
    }


def due(conn: Connection, now: int, limit: int, volume: str | None = None, site: str = SITE) -> list[Segment]:
    """Those whose `due` is not after `now` (on this volume), oldest `due` first. Those never looked at are not among them."""
    s = segments
    query = select(*_COLUMNS, s.c.due).where(s.c.site == site, s.c.due <= now).order_by(s.c.due).limit(limit)
    places = {name[2] for name in totals(conn, site)} if volume is None else {volume}
    rows = [row for place in places for row in conn.execute(query.where(s.c.volume == place)).mappings()]
    return [segment_in(row) for row in sorted(rows, key=lambda row: (row["due"], row["start"]))[:limit]]


def undecided(conn: Connection, limit: int, site: str = SITE) -> list[Segment]:
    """Those without a `due`: new, replaced or moved in time since retention looked."""
    s = segments
    query = select(*_COLUMNS).where(s.c.site == site, s.c.due.is_(None)).limit(limit)
    places = {name[2] for name in totals(conn, site)}
    return [one for place in sorted(places) for one in _all(conn, query.where(s.c.volume == place))][:limit]


def set_due(conn: Connection, times: Mapping[Key, int | None], site: str = SITE) -> None:
    """When retention may let go of each; None: to be looked at again. Unknown keys are passed over. Write."""
    s = segments
    if times:
        conn.execute(
            update(s)
            .where(s.c.site == site, s.c.camera == bindparam("the_camera"))
            .where(s.c.stream == bindparam("the_stream"), s.c.seq == bindparam("the_seq"))
            .values(due=bindparam("the_due")),
            [
                {"the_camera": camera, "the_stream": stream, "the_seq": seq, "the_due": time}
                for (camera, stream, seq), time in times.items()
            ],
        )


def set_motion(conn: Connection, camera: str, start: int, end: int, motion: float, site: str = SITE) -> None:
    """Motion analysis saw this much of a camera in [start, end): raises `motion` of its segments there, of every stream. Write."""
    s = segments
    for stream in [name for place, name in streams(conn, site) if place == camera]:
        conn.execute(
            update(s)
            .where(*_stream(camera, stream, site))
            .where(s.c.start > start - LONGEST_US, s.c.start < end, s.c.end > start)
            .where(or_(s.c.motion.is_(None), s.c.motion < motion))
            .values(motion=motion)
        )


def page(conn: Connection, volume: str, after: Key | None = None, limit: int = 1000, site: str = SITE) -> list[Segment]:
    """The rows of a volume in order of their keys, those after `after`: for going through all of them."""
    s = segments
    query = select(*_COLUMNS).where(s.c.site == site, s.c.volume == volume)
    if after is not None:
        query = query.where(tuple_(s.c.camera, s.c.stream, s.c.seq) > tuple_(*after))
    return _all(conn, query.order_by(s.c.camera, s.c.stream, s.c.seq).limit(limit))


def recount(conn: Connection, camera: str, stream: str, site: str = SITE) -> None:
    """First and last of a stream after its segments were moved in time. Write."""
    for place in totals(conn, site):
        if place[:2] == (camera, stream):
            _count(conn, place, 0, 0, site)


def _came(conn: Connection, segment: Segment, site: str) -> None:
    """The sums with one row more."""
    place = {"site": site, "camera": segment.camera, "stream": segment.stream, "volume": segment.volume}
    more = {"size": segment.size, "start": segment.start, "end": segment.end}
    if conn.execute(_GROW, {f"the_{name}": value for name, value in (place | more).items()}).rowcount == 0:
        row = {"count": 1, "bytes": segment.size, "first": segment.start, "last": segment.end}
        conn.execute(insert(segment_totals), place | row)


def _gone(conn: Connection, removed: Iterable[Segment], site: str) -> None:
    """The sums without these rows."""
    by_place: dict[tuple[str, str, str], list[int]] = {}
    for one in removed:
        by_place.setdefault((one.camera, one.stream, one.volume), []).append(one.size)
    for place, sizes in by_place.items():
        _count(conn, place, -len(sizes), -sum(sizes), site)


def _count(conn: Connection, place: tuple[str, str, str], more: int, size: int, site: str) -> None:
    """So many rows and bytes more at this (camera, stream, volume); first and last as they are now."""
    t = segment_totals
    camera, stream, volume = place
    mine = (t.c.site == site, t.c.camera == camera, t.c.stream == stream, t.c.volume == volume)
    sums = conn.execute(select(t.c.count, t.c.bytes).where(*mine)).first() or (0, 0)
    span = _extent(conn, place, site)
    if span is None:
        conn.execute(delete(t).where(*mine))
        return
    row = {"site": site, "camera": camera, "stream": stream, "volume": volume, "first": span[0], "last": span[1]}
    upsert(conn, t, {**row, "count": sums[0] + more, "bytes": sums[1] + size})


def _extent(conn: Connection, place: tuple[str, str, str], site: str) -> tuple[int, int] | None:
    """First start and last end at this (camera, stream, volume)."""
    s = segments
    here = (*_stream(place[0], place[1], site), s.c.volume == place[2])
    starts = select(s.c.start).where(*here).limit(1)
    first = conn.execute(starts.order_by(s.c.start)).scalar()
    newest = conn.execute(starts.order_by(s.c.start.desc())).scalar()
    if first is None or newest is None:
        return None
    last = conn.execute(select(func.max(s.c.end)).where(*here, s.c.start > newest - LONGEST_US)).scalar_one()
    return first, last


def _stream(camera: str, stream: str, site: str) -> tuple[ColumnElement[bool], ...]:
    s = segments
    return s.c.site == site, s.c.camera == camera, s.c.stream == stream


def _all(conn: Connection, query: Select[Any]) -> list[Segment]:
    return _rows(conn.execute(query).all())


def _rows(rows: Iterable[Sequence[Any]]) -> list[Segment]:
    """Of rows of `_COLUMNS`, in their order: by name it takes twice as long, and a day has 2,880."""
    return [Segment(*row) for row in rows]


# Statements of each segment that comes or goes, made once: building one anew costs more than running it.
_INSERT = insert(segments)
_GET = select(*_COLUMNS).where(*(segments.c[name] == bindparam(name) for name in ("site", "camera", "stream", "seq")))
_SPAN = (
    select(*_COLUMNS)
    .where(*(segments.c[name] == bindparam(name) for name in ("site", "camera", "stream")))
    .where(segments.c.start > bindparam("after"), segments.c.start < bindparam("before"))
    .where(segments.c.end > bindparam("since"))
    .order_by(segments.c.start)  # as the index has them; with `seq` they would be sorted anew, whole rows
)
_REMOVE = delete(segments).where(
    *(segments.c[name] == bindparam(f"the_{name}") for name in ("site", "camera", "stream", "seq"))
)
_DELETED = delete(files).where(*(files.c[name] == bindparam(f"the_{name}") for name in ("site", "volume", "path")))
_GROW = (
    update(segment_totals)
    .where(*(segment_totals.c[name] == bindparam(f"the_{name}") for name in ("site", "camera", "stream", "volume")))
    .values(
        count=segment_totals.c.count + 1,
        bytes=segment_totals.c.bytes + bindparam("the_size"),
        first=case(
            (segment_totals.c.first > bindparam("the_start"), bindparam("the_start")), else_=segment_totals.c.first
        ),
        last=case((segment_totals.c.last < bindparam("the_end"), bindparam("the_end")), else_=segment_totals.c.last),
    )
)
