"""How soon a range of the past plays with half a million files indexed.

    python -m benchmarks.playback [--segments 500000] [--json]

first bytes   random ranges of 10 s to a day through the real server on 127.0.0.1: time to the first 64 KiB of the MP4, to the playlist,
              and of a day's timeline. The rows are many, the files behind them few (every row names one of eight real files of 30 s).
How fast it is exported: benchmarks.export.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from tests.harness.footage import Encoding, draw_number, encode
from tests.playback.recording import NOON
from tests.web.serving import Place, client, place

from redshank.clock import US_PER_S, SystemClock
from redshank.model import Segment

CLOCK = SystemClock()
REAL, CAMERAS, FILE_US = 8, 16, 30 * US_PER_S
LENGTHS_S = {"10 s": 10, "10 min": 600, "1 h": 3600, "1 day": 86_400}
FIRST = 64 * 1024
TRIES = 60


def clip(folder: Path) -> Path:
    """30 s of noisy 720p15, a keyframe every 2 s."""
    grain = np.random.default_rng(3).normal(110, 22, (1080, 1600)).clip(16, 235).astype(np.uint8)

    def draw(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        luma = grain[number % 300 : number % 300 + 720, number * 7 % 300 : number * 7 % 300 + 1280].copy()
        draw_number(luma, number)
        return luma

    return encode(folder / "noise.mp4", draw, 450, Encoding(1280, 720, 15, 2, bit_rate=4_000_000))


def many(here: Place, real: list[Segment], count: int) -> int:
    """Rows one after another on CAMERAS cameras; the first instant. Written past the ledger, which would take an hour."""
    rows = []
    for number in range(count):
        camera, place_of = f"cam{number % CAMERAS}", number // CAMERAS
        source, start = real[number % REAL], NOON + place_of * FILE_US
        row = replace(source, camera=camera, seq=number, start=start, end=start + FILE_US)
        rows.append({"site": "default", **asdict(row), "due": None})
    columns = ", ".join(f'"{name}"' for name in rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    with sqlite3.connect(here.store.path) as database:
        database.executemany(f"INSERT INTO segments ({columns}) VALUES ({values})", rows)
        database.execute("ANALYZE")
    return count // CAMERAS * FILE_US


def ms(work: Callable[[], object]) -> float:
    begun = CLOCK.mono_ns()
    work()
    return (CLOCK.mono_ns() - begun) / 1e6


def first_bytes(session: httpx.Client, address: str) -> None:
    with session.stream("GET", address) as answer:
        assert answer.status_code == 200, answer.status_code
        got = 0
        for block in answer.iter_raw(FIRST):
            got += len(block)
            if got >= FIRST:
                return


def ranges(session: httpx.Client, span_us: int) -> Iterable[tuple[str, list[float], list[float]]]:
    dice = random.Random(1)
    for name, length_s in LENGTHS_S.items():
        movies, lists = [], []
        for _ in range(TRIES):
            start = NOON + dice.randrange(span_us - length_s * US_PER_S)
            address = f"/api/play/cam{dice.randrange(CAMERAS)}/main/{start}/{start + length_s * US_PER_S}"
            movies.append(ms(partial(first_bytes, session, f"{address}.mp4")))
            lists.append(ms(partial(session.get, f"{address}/index.m3u8")))
        yield name, movies, lists


def figures(times: list[float]) -> dict[str, float]:
    times = sorted(times)
    return {
        "p50": round(statistics.median(times), 1),
        "p95": round(times[len(times) * 95 // 100], 1),
        "max": round(times[-1], 1),
    }


def indexed(folder: Path, film: Path, count: int) -> dict[str, object]:
    with place(folder) as here:
        for number in range(REAL):
            here.recording.add(film, NOON + number * FILE_US, segment_s=60)
        span_us = many(here, here.recording.segments, count)
        here.clock.advance(span_us / US_PER_S)
        here.cameras = {f"cam{number}": ("main",) for number in range(CAMERAS)}
        said: dict[str, object] = {}
        with client(here.app) as session:
            session.get("/api/cameras")
            for name, movies, lists in ranges(session, span_us):
                said[name] = {"movie": figures(movies), "playlist": figures(lists)}
            day = {"from": NOON, "to": NOON + 86_400 * US_PER_S}
            lines = [ms(partial(session.get, f"/api/timeline/cam{n % CAMERAS}", params=day)) for n in range(TRIES)]
        return {"ms": said, "timeline of a day": figures(lines)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=500_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="redshank-playback-") as name:
        folder = Path(name)
        film = clip(folder)
        said = indexed(folder / "index", film, given.segments)
    if given.json:
        json.dump(said, sys.stdout, indent=2)
        return
    print(f"{given.segments} files indexed; ms to the first 64 KiB (target 50) and to the playlist")
    for length, one in said["ms"].items():  # type: ignore[attr-defined]
        print(f"  {length:7} movie {one['movie']}  playlist {one['playlist']}")
    print(f"  a day's timeline (target 100) {said['timeline of a day']}")


if __name__ == "__main__":
    main()
