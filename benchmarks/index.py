"""The index of footage with half a million segments: how long its questions take, what a row costs.

    python -m benchmarks.index [FOLDER] [--segments 500000] [--draws 200] [--json]

16 cameras with two streams each, 30 s a segment, a gap of a minute every 500, a million tracks in all. The table is filled at
once, then asked through a `Store` as the program does. Times are of one call each at a random camera and time, warm cache. Targets:
50 ms for the first bytes of any range, of which `span` is the part of the database; 100 ms for a day's timeline.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, text

from redshank.clock import US_PER_S, SystemClock
from redshank.model import SITE, Event, GapReason, Segment
from redshank.store import coverage, recordings, schema
from redshank.store.base import Store
from redshank.store.remap import remap
from redshank.store.rows import event_out, segment_out

CLOCK = SystemClock()
CAMERAS = [f"camera-{number:02}" for number in range(16)]
STREAMS = [(camera, stream) for camera in CAMERAS for stream in ("main", "sub")]
VOLUME = "5a1c9e4e-93a5-4c0e-b7a0-5a3f6a2f8d10"
BEGIN = 1_700_000_000 * US_PER_S
LENGTH = 30 * US_PER_S
PAUSE_EVERY, PAUSE = 500, 60 * US_PER_S
TRACK_EVERY = 7_500_000
DAY = 86_400 * US_PER_S
CHUNK = 10_000
SIZE = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%segments%'"
"""Bytes of the table and its indexes."""


def begins(number: int) -> int:
    return BEGIN + number * LENGTH + number // PAUSE_EVERY * PAUSE


def segment(camera: str, stream: str, number: int) -> Segment:
    """The row of a file as recorded: a keyframe every two seconds."""
    start = begins(number)
    return Segment(
        camera, stream, (1 << 20) + number, VOLUME, f"{camera}/{stream}/2026-11-21/08/00.00-{(1 << 20) + number}.mp4",
        start, start + LENGTH, size=7_500_000, media_from=900, media_to=7_499_000, frames=450, video="h264",
        width=1280, height=720, epoch=1, setup=f"{number % 3:016x}", index=random.randbytes(15 * 8), audio="aac",
        boot="b1f6b6f2-3f58-4cf0-9d33-8ac0ad0c47a1", mono_ns=start * 1000, sha256=f"{number:064x}", motion=0.0,
    )  # fmt: skip


def rows(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        for camera, stream in STREAMS:
            yield {**segment_out(segment(camera, stream, number), SITE), "due": begins(number) + 30 * DAY}


def fill(conn: Connection, count: int) -> None:
    """So many segments of each stream, with gaps, sums and tracks."""
    chunk: list[dict[str, Any]] = []
    for row in rows(count):
        chunk.append(row)
        if len(chunk) == CHUNK:
            conn.execute(insert(schema.segments), chunk)
            chunk = []
    if chunk:
        conn.execute(insert(schema.segments), chunk)
    for camera, stream in STREAMS:
        where = {"site": SITE, "camera": camera, "stream": stream}
        sums = {"count": count, "bytes": count * 7_500_000, "first": begins(0), "last": begins(count - 1) + LENGTH}
        conn.execute(insert(schema.segment_totals), {**where, "volume": VOLUME, **sums})
        for number in range(PAUSE_EVERY, count, PAUSE_EVERY):
            gap = {"start": begins(number) - PAUSE, "end": begins(number), "reason": GapReason.OFFLINE}
            conn.execute(insert(schema.gaps), where | gap)
    for camera in CAMERAS:
        tracks = (
            Event(f"{camera}-{time}", "track", camera, time, time + 9 * US_PER_S, "person")
            for time in range(BEGIN, begins(count), TRACK_EVERY)
        )
        conn.execute(insert(schema.events), [event_out(track, SITE) for track in tracks])


def timed(ask: Callable[[], object], draws: int) -> dict[str, float]:
    """Milliseconds."""
    found = []
    for _ in range(draws):
        begun = CLOCK.mono_ns()
        ask()
        found.append((CLOCK.mono_ns() - begun) / 1e6)
    found.sort()
    return {"p50": statistics.median(found), "p95": found[int(0.95 * len(found))], "max": found[-1]}


def questions(store: Store, end: int) -> dict[str, Callable[[], object]]:
    """By name; each draws a camera and a time of its own."""

    def over(ask: Callable[..., object], length: int) -> object:
        camera, stream = random.choice(STREAMS)
        start = random.randrange(BEGIN, end - length)
        return store.read(partial(ask, camera=camera, stream=stream, start=start, end=start + length))

    def day(conn: Connection, camera: str, stream: str, start: int, end: int) -> object:
        return coverage.timeline(conn, camera, stream, coverage.even(start, end, 1440))

    def at() -> object:
        camera, stream = random.choice(STREAMS)
        return store.read(partial(recordings.at, camera=camera, stream=stream, time=random.randrange(BEGIN, end)))

    def classes(conn: Connection, camera: str, stream: str, start: int, end: int) -> object:
        found = recordings.span(conn, camera, stream, start, end)
        return recordings.classes(conn, found, 5 * US_PER_S, 5 * US_PER_S)

    return {
        "at an instant": at,
        "span of 60 s": lambda: over(recordings.span, 60 * US_PER_S),
        "span of 1 h": lambda: over(recordings.span, 3600 * US_PER_S),
        "timeline of a day, 1,440 buckets": lambda: over(day, DAY),
        "completeness of a day": lambda: over(coverage.completeness, DAY),
        "classes of 8 h": lambda: over(classes, 8 * 3600 * US_PER_S),
        "totals": lambda: store.read(recordings.totals),
        "due, 1,000 rows": lambda: store.read(partial(recordings.due, now=end + 99 * DAY, limit=1000)),
    }


def writes(store: Store, count: int) -> dict[str, float]:
    """What adding, removing and moving in time take. `count` segments of each stream are there."""
    new = [segment(camera, stream, count + number) for number in range(100) for camera, stream in STREAMS]
    begun = CLOCK.mono_ns()
    for future in [store.write(partial(recordings.add, segment=one)) for one in new]:
        future.result()
    burst_s = (CLOCK.mono_ns() - begun) / 1e9
    one = [segment(camera, stream, count + 100) for camera, stream in STREAMS]
    single = timed(lambda: store.write(partial(recordings.add, segment=one.pop())).result(), len(one))
    oldest = [
        [recordings.key(segment(camera, stream, number)) for number in range(1000)] for camera, stream in STREAMS[:5]
    ]
    removed = timed(lambda: store.write(partial(recordings.remove, keys=oldest.pop())).result(), len(oldest))
    offset_us = new[0].start - new[0].mono_ns // 1000
    step = partial(remap, boot=new[0].boot, old_us=offset_us, new_us=offset_us - LENGTH)
    moved = timed(lambda: store.write(step).result(), 1)
    return {
        "added a second, queued at once": len(new) / burst_s,
        "ms to add one and commit": single["p50"],
        "ms to remove 1,000 and commit": removed["p50"],
        "s to move all of it in time": moved["max"] / 1000,
    }


def measure(folder: Path, segments: int, draws: int) -> dict[str, Any]:
    count = segments // len(STREAMS)
    path = folder / "redshank.db"
    path.unlink(missing_ok=True)
    store = Store(f"sqlite:///{path}", CLOCK)
    store.write(partial(fill, count=count)).result()
    store.close()
    store = Store(f"sqlite:///{path}", CLOCK)
    size = store.read(lambda conn: conn.execute(text(SIZE)).scalar_one())
    result = {
        "segments": count * len(STREAMS),
        "bytes_per_segment": size / (count * len(STREAMS)),
        "ms": {name: timed(ask, draws) for name, ask in questions(store, begins(count)).items()},
        "writes": writes(store, count),
    }
    store.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", type=Path, nargs="?", help="where the database is made; a temporary one when left out"
    )
    parser.add_argument("--segments", type=int, default=500_000, help="at least 100,000: more than a day")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    random.seed(7)
    with tempfile.TemporaryDirectory() as name:
        result = measure(options.folder or Path(name), options.segments, options.draws)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['segments']:,} segments, {result['bytes_per_segment']:.0f} bytes of database each\n")
    print(f"{'ms':34} {'p50':>8} {'p95':>8} {'max':>8}")
    for question, found in result["ms"].items():
        print(f"{question:34} {found['p50']:8.2f} {found['p95']:8.2f} {found['max']:8.2f}")
    print()
    for what, value in result["writes"].items():
        print(f"{what:34} {value:8.2f}")


if __name__ == "__main__":
    main()
