"""What the hub tells the ledger of gaps: a start, a gap of the recorder, a file that a crash left; and which cameras are private."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy import Connection, delete, select

from redshank.clock import US_PER_S
from redshank.model import SITE, Gap, GapReason, Segment
from redshank.store import gaps, recordings, switches
from redshank.store.remap import remap
from redshank.store.rows import upsert
from redshank.store.schema import meta

PRIVATE = "private"
TICK_US = 100
CLOCK = "clocks "
ALIVE = "alive"
STEP_US = 60 * US_PER_S
"""A clock that is set by more was wrong before: what was recorded under it since the machine started is moved (rel:T30). By less,
it had only gone astray little by little, and footage of long ago had its right time."""


def begin(conn: Connection, wanted: Collection[tuple[str, str]], now: int, site: str = SITE) -> int:
    """At a start: since it was known last, a wanted stream was not recorded because nobody ran, another because it is off. What
    was known of an open gap holds up to the last sign of life.

    The answer is the last epoch of the time before. Write."""
    lived = min(int(_meta(conn, ALIVE, site) or 0), now)
    known = recordings.streams(conn, site)
    for camera, stream in {*known, *wanted}:
        bounds = gaps.bounds(conn, camera, stream, site)
        off = (camera, stream) not in wanted
        reason = GapReason.OFF if off else GapReason.RESTART if bounds else GapReason.OFFLINE
        last = gaps.span(conn, camera, stream, bounds[1], bounds[1] + 1, site) if bounds else []
        opened = bool(last) and last[-1].end is None
        if opened and last[-1].reason is GapReason.OFF and not off:
            continue  # it was switched off all the while
        since = bounds[1] if bounds else now
        gaps.open_(conn, camera, stream, max(since, lived) if opened else since, reason, site)
    return int(_meta(conn, "epoch", site) or 0)


def alive(conn: Connection, now: int, site: str = SITE) -> None:
    """Told about once a minute. Write."""
    upsert(conn, meta, {"site": site, "name": ALIVE, "value": str(now)})


def gap(conn: Connection, gap: Gap, site: str = SITE) -> None:
    """What the recorder tells: it begins, and later the same one with its end. Write."""
    if gap.end is None:
        gaps.open_(conn, gap.camera, gap.stream, gap.start, gap.reason, site)
    else:
        gaps.add(conn, gap, site)


def adopted(conn: Connection, segment: Segment, site: str = SITE) -> None:
    """A file that a crash left: what follows it until the next one is because nobody ran. Write."""
    segment = _joined(conn, placed(conn, segment, site), site)
    recordings.add(conn, segment, GapReason.RESTART, site)
    bounds = gaps.bounds(conn, segment.camera, segment.stream, site)
    if bounds is not None and bounds[1] <= segment.end:
        gaps.open_(conn, segment.camera, segment.stream, segment.end, GapReason.RESTART, site)


def clock_set(conn: Connection, boot: str, offset_us: int, site: str = SITE) -> int:
    """The wall clock is `offset_us` ahead of the monotonic one now. By how much it was set since this was told last, when that is
    STEP_US or more: what was recorded under the old one in this boot has been moved by it. 0: nothing was. Write."""
    told = _offsets(conn, boot, site)
    shift = offset_us - told[-1] if told else 0
    if abs(shift) < STEP_US:
        shift = 0
    else:
        remap(conn, boot, told[-1], offset_us, site)
    # One that it follows little by little is the same; so is one that it comes back to.
    others = [old for old in told if abs(old - offset_us) >= STEP_US]
    conn.execute(delete(meta).where(meta.c.site == site, meta.c.name.startswith(CLOCK)))
    upsert(conn, meta, {"site": site, "name": CLOCK + boot, "value": json.dumps([*others, offset_us])})
    return shift


def placed(conn: Connection, segment: Segment, site: str = SITE) -> Segment:
    """Where a file belongs that was recorded before the clock was set and whose row comes only after the others were moved."""
    told = _offsets(conn, segment.boot, site)
    if not told:
        return segment
    recorded = segment.start - segment.mono_ns // 1000
    shift = told[-1] - min(told, key=lambda offset: abs(offset - recorded))
    return replace(segment, start=segment.start + shift, end=segment.end + shift)


def _offsets(conn: Connection, boot: str, site: str) -> list[int]:
    """By how much (µs) the wall clock was ahead of the monotonic one in a boot, between one step and the next; now last."""
    value = _meta(conn, CLOCK + boot, site)
    offsets: list[int] = json.loads(value) if value is not None else []
    return offsets


def _meta(conn: Connection, name: str, site: str) -> str | None:
    return conn.execute(select(meta.c.value).where(meta.c.site == site, meta.c.name == name)).scalar()


def begun(conn: Connection, segment: Segment, site: str = SITE) -> None:
    """There is footage again: a gap that was open ends, also when it was told a little late. Write."""
    known = gaps.bounds(conn, segment.camera, segment.stream, site)
    if known is not None and known[1] < segment.end:
        gaps.close(conn, segment.camera, segment.stream, segment.start, site)


def closed(conn: Connection, segment: Segment, site: str = SITE) -> None:
    """A file that capture has finished. Write."""
    segment = placed(conn, segment, site)
    begun(conn, segment, site)
    recordings.add(conn, segment, GapReason.OFFLINE, site)


def _joined(conn: Connection, segment: Segment, site: str) -> Segment:
    """Read from its file, an end is up to one tick off: files that followed one another do so in the index too. Write."""
    near = recordings.span(conn, segment.camera, segment.stream, segment.start - TICK_US, segment.end + TICK_US, site)
    for other in near:
        if 0 < segment.start - other.end <= TICK_US:
            recordings.add(conn, replace(other, end=segment.start), GapReason.RESTART, site)
        if 0 < other.start - segment.end <= TICK_US:
            segment = replace(segment, end=other.start)
    return segment


def private(conn: Connection, now: int, site: str = SITE) -> Mapping[str, int | None]:
    """Cameras that are private now ("" = all of them), each with the time until which (None: until it is changed). Read."""
    return {
        one.camera: one.until
        for one in switches.all(conn, PRIVATE, site)
        if one.value == "on" and (one.until is None or now < one.until)
    }


def set_private(conn: Connection, camera: str, on: bool, until: int | None, site: str = SITE) -> None:
    """Write."""
    switch = switches.Switch(PRIVATE, camera, "on", until)
    switches.set(conn, switch if on else replace(switch, value="off"), site)
