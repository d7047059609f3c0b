"""How many inserted walkers the idle pipeline finds, and how soon it is awake.

    python -m benchmarks.recall FOLDER [--walkers 260] [--streams walkers-vbr walkers-cbr] [--json]

A walker is *found* when a confirmed region overlaps their true box while they are in view (or within half a second
after). *Awake* counts from the first picture in which a quarter of their width shows (`first px`: any pixel), for those
who come while the pipeline sleeps. `everything` is the same motion on every picture decoded, five looks a second.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.scene import FPS, HEIGHT, WIDTH, Walker
from benchmarks.streams import make, truth
from benchmarks.watch import Watch, demux
from redshank.clock import US_PER_S
from redshank.geometry import intersection
from redshank.model import Box
from redshank.vision.wake import Attention, Wake, WakeSettings

BANDS = ((0.03, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.46))
"""Heights of walkers, shares of the picture."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of one walker."""

    height: float
    contrast: float
    asleep: bool
    """Whether the pipeline slept when they came."""
    pixel_ms: float | None
    """From the first pixel to awake."""
    awake_ms: float | None
    """From a quarter of the figure to awake; 0 when it was sooner."""
    found_ms: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    stream: str
    band: str
    walkers: int
    found: int
    asleep: int
    woken: int
    p50_ms: float
    p95_ms: float
    pixel_p95_ms: float
    within_300: float
    """Share of those who came while it slept."""


def visits(clip: Path, everything: bool, look_s: float) -> tuple[list[Visit], float]:
    """Every walker of a clip, and the share of false time awake (nobody in view, nor in the tail behind them)."""
    watch = Watch(wake=Wake(WakeSettings(learn_s=1e9 if everything else 4.0, look_s=look_s)))
    walkers = truth(clip)
    awake: list[int] = []
    seen: list[tuple[int, tuple[Box, ...]]] = []
    for packet in demux(clip):
        attention, looks = watch.feed(packet)
        if attention is Attention.AWAKE:
            awake.append(packet.time)
        seen += [(frame.time, motion.regions) for frame, motion in looks if motion.regions]
    return [_visit(walker, awake, seen) for walker in walkers], _false_share(walkers, awake)


def _visit(walker: Walker, awake: Sequence[int], seen: Sequence[tuple[int, tuple[Box, ...]]]) -> Visit:
    start, end = _span(walker)
    asleep = not any(start - 1.5 * US_PER_S / FPS < time < start - 1000 for time in awake)
    woken = next((time for time in awake if start - 1000 <= time <= end), None)
    found = next((time for time, boxes in seen if start <= time <= end and _overlaps(walker, time, boxes)), None)
    pixel, quarter = _after(start, woken), walker.quarter() * 1000 / FPS
    late = None if pixel is None else max(0.0, pixel - quarter)
    return Visit(walker.height / HEIGHT, walker.contrast, asleep, pixel, late, _after(start, found))


def _after(start: int, time: int | None) -> float | None:
    return None if time is None else (time - start) / 1000


def _span(walker: Walker) -> tuple[int, int]:
    start = walker.first * US_PER_S // FPS
    return start, start + (walker.count + FPS // 2) * US_PER_S // FPS


def _overlaps(walker: Walker, time: int, boxes: Sequence[Box]) -> bool:
    number = min(round(time * FPS / US_PER_S), walker.first + walker.count - 1)
    box = walker.box(number)
    if box is None:
        return False
    true = Box(box[0] / WIDTH, box[1] / HEIGHT, box[2] / WIDTH, box[3] / HEIGHT)
    return any(intersection(true, region) > 0.25 * true.area for region in boxes)


def _false_share(walkers: Sequence[Walker], awake: Sequence[int]) -> float:
    tail = WakeSettings().tail_s + 0.5
    spans = [_span(walker) for walker in walkers]
    false = sum(not any(a <= time <= b + tail * US_PER_S for a, b in spans) for time in awake if time > 5 * US_PER_S)
    return false / max(1, len(awake))


def summarise(stream: str, band: str, rows: Sequence[Visit]) -> Result:
    asleep = [row for row in rows if row.asleep]
    late = [row.awake_ms if row.awake_ms is not None else float("inf") for row in asleep] or [float("nan")]
    pixel = [row.pixel_ms if row.pixel_ms is not None else float("inf") for row in asleep] or [float("nan")]
    p50, p95 = (float(np.percentile(late, q, method="higher")) for q in (50, 95))
    p95_pixel = float(np.percentile(pixel, 95, method="higher"))
    within = sum(value <= 300 for value in late) / max(1, len(asleep))
    found = sum(row.found_ms is not None for row in rows)
    woken = sum(row.awake_ms is not None for row in asleep)
    return Result(stream, band, len(rows), found, len(asleep), woken, p50, p95, p95_pixel, within)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--streams", nargs="+", default=["walkers-vbr", "walkers-cbr"])
    parser.add_argument("--walkers", type=int, default=260)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clips", type=Path, help="clips with truth whose people lend their texture")
    parser.add_argument("--look-s", type=float, default=WakeSettings().look_s)
    parser.add_argument("--everything", action="store_true", help="also with every picture decoded")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    results: list[Result] = []
    rows_of_all: list[Visit] = []
    for name, clip in make(options.streams, options.folder, options.walkers, options.seed, options.clips).items():
        for everything in (False, True) if options.everything else (False,):
            rows, false = visits(clip, everything, options.look_s)
            label = f"{name} everything" if everything else name
            results += [
                summarise(label, f"{low:.0%}-{high:.0%}", [r for r in rows if low <= r.height < high])
                for low, high in BANDS
            ]
            results.append(summarise(label, "all", rows))
            rows_of_all += [] if everything else rows
            if not options.json:
                print(f"{label}: {false:.1%} of the time awake was for nobody")
    results.append(summarise("all streams", "all", rows_of_all))
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
        return
    head = ("walkers", "found", "asleep", "woken", "p50 ms", "p95 ms", "first px", "<=300")
    print(f"{'stream':26}{'height':>10}" + "".join(f"{word:>10}" for word in head))
    for r in results:
        print(
            f"{r.stream:26}{r.band:>10}{r.walkers:10}{r.found / max(1, r.walkers):10.1%}{r.asleep:10}{r.woken:10}"
            f"{r.p50_ms:10.0f}{r.p95_ms:10.0f}{r.pixel_p95_ms:10.0f}{r.within_300:10.1%}"
        )


if __name__ == "__main__":
    main()
