"""Our own milliseconds per decoded picture, beyond decoding and inference, through the real camera pipeline.

    python -m benchmarks.overhead FOLDER [--clip PATH …] [--json]

`gate` is the pipeline as it runs; `every` is told to detect on every picture. The detector answers at once and finds
nothing, so tracking and crops cost what they cost for motion alone. Target: 1.5 ms a 720p picture.
"""

from __future__ import annotations

import argparse
import json
import resource
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.streams import make
from benchmarks.watch import demux
from redshank.camera import Camera, CameraSettings
from redshank.clock import NS_PER_S
from redshank.model import Detection
from redshank.stages import Stages

NOT_OURS = ("decode", "detect")


def nothing(pictures: Sequence[NDArray[np.uint8]], _score: float) -> list[list[Detection]]:
    return [[] for _ in pictures]


def measure(clip: Path, every: bool) -> dict[str, float]:
    """CPU ms per decoded picture: in all, decoding, our own; and by stage."""
    packets = list(demux(clip))
    stages = Stages()
    camera = Camera(CameraSettings("c", (416, 416), every_frame=every), nothing, stages)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for packet in packets:
        camera.feed(packet)
    after = resource.getrusage(resource.RUSAGE_SELF)
    total = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    costs = {name: cost.cpu_ns / NS_PER_S for name, cost in stages.costs.items()}
    own = total - sum(costs.get(name, 0.0) for name in NOT_OURS)
    count = len(packets)
    result = {"pictures": float(count), "total": total, "own": own, **costs}
    return {name: value if name == "pictures" else 1000 * value / count for name, value in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clip", type=Path, nargs="*", default=[], help="also these files")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    clips = list(make(["quiet-vbr", "busy-vbr"], options.folder).values()) + options.clip
    rows = [
        {
            "clip": clip.stem,
            "mode": mode,
            **{name: round(value, 3) for name, value in measure(clip, mode == "every").items()},
        }
        for clip in clips
        for mode in ("gate", "every")
    ]
    print(json.dumps(rows) if options.json else "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
