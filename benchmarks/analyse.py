"""`analyse` with its motion gate against detecting on every frame: cost in CPU, and whether it finds the same.

    python -m benchmarks.analyse [CLIP …] [--json]

Without clips: the demo film (as both demo cameras) and a quiet scene. Per clip: CPU-seconds of both (each in a process of its own, in
turn), their ratio (target <= 0.5 on quiet and demo), the share of the reference's events found again (target >= 99 %), and our own
ms per decoded frame beyond decoding and inference (target <= 1.5 at 720p).

An event is found when the gated run has one of the same label whose time overlaps and whose box at its best overlaps too, or one that
holds half of its time. The reference's events are those of `--every-frame`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redshank.geometry import iou
from redshank.model import Box

OWN = ("wake", "privacy", "motion", "crop", "track", "still")
MIN_S = 0.5
"""Shorter reference events are flickers of the detector (fewer than three looks at 5 a second)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One analysis of one clip."""

    cpu_s: float
    events: list[dict[str, Any]]
    stages: dict[str, dict[str, float]]
    packets: int


def child(clip: Path, every_frame: bool) -> None:
    """Analyse one clip in this process and print what it cost."""
    from redshank.analysis import Analysis, Options
    from redshank.app import open_detector

    detector = open_detector("yolov4-tiny", device="cpu")
    before = resource.getrusage(resource.RUSAGE_SELF)
    analysis = Analysis(clip, Options(labels=("person",), every_frame=every_frame), detector)
    events = [finding.data for finding in analysis.run()]
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu_s": cpu_s, "events": events, "stages": analysis.stages.table()}))


def run(clip: Path, every_frame: bool) -> Run:
    argv = [sys.executable, "-m", "benchmarks.analyse", "--child", str(int(every_frame)), str(clip)]
    told = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    frames = max(cost["calls"] for name, cost in told["stages"].items() if name in ("wake", "decode"))
    return Run(told["cpu_s"], told["events"], told["stages"], int(frames))


def found_share(reference: list[dict[str, Any]], gated: list[dict[str, Any]]) -> tuple[int, int]:
    """Events of the reference found again, and how many there are."""
    wanted = [event for event in reference if event["end_s"] - event["start_s"] >= MIN_S]
    return sum(any(_same(event, other) for other in gated) for event in wanted), len(wanted)


def _same(event: dict[str, Any], other: dict[str, Any]) -> bool:
    shared = min(event["end_s"], other["end_s"]) - max(event["start_s"], other["start_s"])
    if event["label"] != other["label"] or shared <= 0:
        return False
    return shared >= 0.5 * (event["end_s"] - event["start_s"]) or iou(Box(*event["box"]), Box(*other["box"])) > 0.3


def measure(clip: Path) -> dict[str, Any]:
    every, gated = run(clip, True), run(clip, False)
    found, events = found_share(every.events, gated.events)
    own_ms = sum(cost["cpu_ms"] for name, cost in gated.stages.items() if name in OWN)
    return {
        "clip": clip.stem,
        "every_frame_cpu_s": round(every.cpu_s, 2),
        "gated_cpu_s": round(gated.cpu_s, 2),
        "ratio": round(gated.cpu_s / every.cpu_s, 3),
        "events": events,
        "found": found,
        "own_ms_per_frame": round(own_ms / gated.packets, 3),
        "own_ms_per_frame_every": round(
            sum(cost["cpu_ms"] for name, cost in every.stages.items() if name in OWN) / every.packets, 3
        ),
    }


def clips(folder: Path) -> list[Path]:
    """The demo's two cameras, and a quiet and a busy street of `benchmarks.streams`."""
    from benchmarks.accuracy_detector import data_folder
    from benchmarks.streams import make
    from redshank.demo import corner, film

    street = film(lambda _done, _total: None)
    # People cut out of real clips are found by the detector; drawn ones are not, and then only the cost means something.
    made = make(["quiet-vbr", "busy-vbr"], folder, clips=data_folder())
    return [street, corner(street, lambda _done, _total: None), *made.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        child(arguments.clips[0], bool(arguments.child))
        return
    folder = Path(os.environ.get("REDSHANK_BENCH", Path(tempfile.gettempdir()) / "redshank-bench"))
    rows = (measure(clip) for clip in arguments.clips or clips(folder))
    if arguments.json:
        print(json.dumps(list(rows)))
        return
    print(f"{'clip':<16}{'every s':>9}{'gated s':>9}{'ratio':>8}{'found':>12}{'own ms/frame':>14}{'(every)':>9}")
    for row in rows:
        share = f"{row['found']}/{row['events']}"
        print(
            f"{row['clip']:<16}{row['every_frame_cpu_s']:>9}{row['gated_cpu_s']:>9}{row['ratio']:>8}{share:>12}"
            f"{row['own_ms_per_frame']:>14}{row['own_ms_per_frame_every']:>9}",
            flush=True,
        )


if __name__ == "__main__":
    main()
