"""AP50 of people on two street scenes with ground truth, and on a grey, dark copy of them made on the spot.

    python -m benchmarks.accuracy_detector [--model NAME] [--device DEVICE] [--sizes 416,512,608]

The scenes (MOTChallenge 2015 training set) are never shipped: they are read from $REDSHANK_DATA or from shared/data beside the
checkout, and without them this says so and ends. AP is the area under the precision-recall curve with all points, greedy
matching at IoU 0.5, best score first; scores from 0.1.
"""

from __future__ import annotations

import argparse
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from redshank.clock import SystemClock
from redshank.geometry import iou
from redshank.model import Box, Detection
from redshank.vision.inference import ModelDetector
from redshank.vision.models import DEFAULT, default_store, open_runner, pull

SCENES = ("tud-stadtmitte", "tud-campus")
FLOOR = 0.1
Picture = NDArray[np.uint8]
Truth = dict[int, list[Box]]
Found = list[tuple[int, Detection]]


@dataclass(frozen=True, slots=True)
class Scored:
    """AP50, wall milliseconds a picture (median), CPU milliseconds a picture (mean)."""

    ap: float
    ms: float
    cpu_ms: float


def data_folder() -> Path | None:
    """Where the scenes are, or None."""
    named = os.environ.get("REDSHANK_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if (folder / f"{SCENES[0]}.mp4").exists() else None


def pictures(clip: Path) -> Iterator[Picture]:
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def truth(path: Path, width: int, height: int) -> Truth:
    """Boxes by frame number (from 1), as 0–1."""
    boxes: Truth = {}
    for line in path.read_text().splitlines():
        number, _, left, top, wide, tall = (float(value) for value in line.split(",")[:6])
        box = Box(left / width, top / height, (left + wide) / width, (top + tall) / height)
        boxes.setdefault(int(number), []).append(box)
    return boxes


def grey_and_dark(picture: Picture) -> Picture:
    """As an IR camera at dusk: no colour, a quarter of the light, with sensor noise of its own (the same in every run)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32) / 4
    noise = np.random.default_rng(int(grey.sum())).normal(0, 3, grey.shape)
    dark = np.clip(grey + noise, 0, 255).astype(np.uint8)
    return np.repeat(dark[..., None], 3, axis=2)


def average_precision(found: Found, true: Truth, label: str = "person") -> float:
    """AP at IoU 0.5 over all frames."""
    ranked = sorted(((n, d) for n, d in found if d.label == label), key=lambda item: -item[1].score)
    taken: set[tuple[int, int]] = set()
    hits = np.zeros(len(ranked))
    for rank, (number, detection) in enumerate(ranked):
        rivals = [(iou(detection.box, box), index) for index, box in enumerate(true.get(number, []))]
        overlap, best = max(rivals, default=(0.0, -1))
        if overlap >= 0.5 and (number, best) not in taken:
            taken.add((number, best))
            hits[rank] = 1
    total = sum(len(boxes) for boxes in true.values())
    recall = np.cumsum(hits) / total
    precision = np.cumsum(hits) / np.arange(1, len(ranked) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def cpu_seconds() -> float:
    """Of all threads of this process: holds also while others keep the machine busy."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(detector: ModelDetector, folder: Path, scene: str, change: Callable[[Picture], Picture]) -> Scored:
    """One scene in one light."""
    clock = SystemClock()
    found: Found = []
    spent: list[int] = []
    cpu_s, width, height = 0.0, 1, 1
    for number, picture in enumerate(pictures(folder / f"{scene}.mp4"), start=1):
        height, width = picture.shape[:2]
        seen = change(picture)
        start, used = clock.mono_ns(), cpu_seconds()
        detections = detector.detect([seen], FLOOR)[0]
        spent.append(clock.mono_ns() - start)
        cpu_s += cpu_seconds() - used
        found += [(number, detection) for detection in detections]
    ap = average_precision(found, truth(folder / f"{scene}-gt.txt", width, height))
    return Scored(ap, float(np.median(spent)) / 1e6, cpu_s * 1e3 / len(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sizes", default="", help="comma-separated sides of the input; empty: the model's own")
    chosen = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print("skipped: no scenes (set REDSHANK_DATA, or put shared/data beside the checkout)")
        return
    model = pull(chosen.model, default_store())
    print("model           device       size   scene            light      AP50     ms  CPU-ms")
    for side in [int(size) for size in chosen.sizes.split(",") if size] or [model.recipe.width]:
        recipe = replace(model.recipe, width=side, height=side)
        runner = open_runner(model.path, recipe, chosen.device, None, SystemClock())
        detector = ModelDetector(model.model_id, recipe, runner)
        for scene in SCENES:
            for light, change in (("day", lambda picture: picture), ("dark grey", grey_and_dark)):
                got = measure(detector, folder, scene, change)
                figures = f"{got.ap:.3f}  {got.ms:5.1f}  {got.cpu_ms:6.1f}"
                print(f"{model.name:15} {detector.device:12} {side:4}   {scene:15}  {light:9}  {figures}", flush=True)


if __name__ == "__main__":
    main()
