"""MOTA and IDF1 of people on two street scenes with ground truth, scored with TrackEval (CLEAR and Identity, IoU 0.5).

    python -m benchmarks.accuracy_tracking                  what `redshank analyse --every-frame --mot` writes, one configuration
    python -m benchmarks.accuracy_tracking --robust         … on changed copies: fewer pictures, lost detections, a shaken camera
    python -m benchmarks.accuracy_tracking --sensitivity    … with each setting of the tracker 30 % lower and higher

The scenes (MOTChallenge 2015 training set) are never shipped: they are read from $REDSHANK_DATA or from shared/data beside the
checkout, and without them this says so and ends.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from trackeval.metrics import CLEAR, Identity

from benchmarks.accuracy_detector import data_folder
from redshank.analysis import Analysis, Options
from redshank.clock import US_PER_S
from redshank.media.clip import open_clip
from redshank.media.decode import Decoder
from redshank.model import Box, Detection, Frame
from redshank.vision.detect import Detector
from redshank.vision.models import DEFAULT, default_store, load, pull
from redshank.vision.mot import PEOPLE, MotLines
from redshank.vision.picture import bgr
from redshank.vision.track import Tracker, TrackSettings
from redshank.vision.track_look import look

WANTED = {"tud-stadtmitte": ((0.758, 0.769), (0.78, 0.80)), "tud-campus": ((0.526, 0.675), (0.58, 0.70))}
"""Scene: baseline and goal, each MOTA and IDF1."""
FLOOR = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    mota: float
    idf1: float
    false: int
    missed: int
    switches: int

    def __str__(self) -> str:
        return f"{self.mota:.3f} / {self.idf1:.3f}  (FP {self.false}, FN {self.missed}, switches {self.switches})"


@dataclass(frozen=True, slots=True)
class Scene:
    """One clip as the detector saw it. Boxes are 0–1; `truth` rows are frame, id, left, top, width, height in pixels."""

    size: tuple[int, int]
    fps: float
    seen: list[tuple[list[Detection], NDArray[np.float32]]]
    """By picture: detections and what they look like."""
    truth: Floats


def rows(lines: Iterable[str]) -> Floats:
    """(n, 6): the first six columns of MOTChallenge lines."""
    return np.array([[float(v) for v in line.split(",")[:6]] for line in lines]).reshape(-1, 6)


def score(truth: Floats, found: Floats, frames: int) -> Score:
    """TrackEval's CLEAR and Identity at IoU 0.5."""
    ids = [np.unique(side[:, 1], return_inverse=True) for side in (truth, found)]
    by_frame = [[np.flatnonzero(side[:, 0] == k) for k in range(1, frames + 1)] for side in (truth, found)]
    data: dict[str, Any] = {
        "num_timesteps": frames,
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(found),
        "num_gt_ids": len(ids[0][0]),
        "num_tracker_ids": len(ids[1][0]),
        "gt_ids": [ids[0][1][at] for at in by_frame[0]],
        "tracker_ids": [ids[1][1][at] for at in by_frame[1]],
        "similarity_scores": [overlap(truth[a, 2:], found[b, 2:]) for a, b in zip(*by_frame, strict=True)],
    }
    clear = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    identity = Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    return Score(
        float(clear["MOTA"]), float(identity["IDF1"]), int(clear["CLR_FP"]), int(clear["CLR_FN"]), int(clear["IDSW"])
    )


def overlap(a: Floats, b: Floats) -> Floats:
    """IoU of boxes given as left, top, width, height; written apart from the tracker's own, so that it cannot share its mistakes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    result: Floats = shared / (np.prod(a[:, 2:], axis=1)[:, None] + np.prod(b[:, 2:], axis=1)[None] - shared)
    return result


def frames(clip: Path) -> Iterator[Frame]:
    decoder = Decoder()
    for packet in open_clip(clip).packets():
        yield from decoder.decode(packet)
    yield from decoder.flush()


def watch(clip: Path, detector: Detector) -> Scene:
    """Run the detector once over every picture."""
    seen = []
    for frame in frames(clip):
        found = [d for d in detector.detect([bgr(frame)], FLOOR)[0] if d.label in PEOPLE]
        seen.append((found, look(frame, [d.box for d in found])))
    opened = open_clip(clip)
    return Scene((opened.width, opened.height), opened.fps, seen, rows(truth_lines(clip)))


def truth_lines(clip: Path) -> list[str]:
    return clip.with_name(f"{clip.stem}-gt.txt").read_text().splitlines()


def track(scene: Scene, settings: TrackSettings) -> Score:
    """The tracker and the writer alone, over what was seen."""
    lines: list[str] = []
    numbers = itertools.count(1)
    tracker = Tracker(replace(settings, aspect=scene.size[0] / scene.size[1]), lambda _: str(next(numbers)))
    mot = MotLines(lines.append, scene.size)
    for i, (found, looks) in enumerate(scene.seen):
        time = round(i / scene.fps * US_PER_S)
        mot.add(i + 1, time, tracker.update(time, found, appearance=looks))
    mot.close()
    return score(scene.truth, rows(lines), len(scene.seen))


def fewer(scene: Scene, step: int) -> Scene:
    """Every `step`-th picture."""
    kept = scene.truth[(scene.truth[:, 0] - 1) % step == 0].copy()
    kept[:, 0] = (kept[:, 0] - 1) // step + 1
    return replace(scene, fps=scene.fps / step, seen=scene.seen[::step], truth=kept)


def dropped(scene: Scene, share: float) -> Scene:
    """Detections lost by chance (the same in every run)."""
    random = np.random.default_rng(0)
    kept = [(pair, random.random(len(pair[0])) >= share) for pair in scene.seen]
    return replace(
        scene, seen=[([d for d, k in zip(found, keep, strict=True) if k], looks[keep]) for (found, looks), keep in kept]
    )


def shaken(scene: Scene, jitter: float, drift: float) -> Scene:
    """The camera trembles by `jitter` pixels and swings with changing speed (`drift`: pixels per picture, each picture)."""
    random = np.random.default_rng(0)
    speed, place = np.zeros(2), np.zeros(2)
    seen, truth = [], scene.truth.copy()
    for i, (found, looks) in enumerate(scene.seen):
        speed = 0.9 * speed + drift * random.normal(size=2)
        place = place + speed
        at = place + jitter * random.normal(size=2)
        x, y = (at / scene.size).tolist()
        moved = [replace(d, box=Box(d.box.x1 + x, d.box.y1 + y, d.box.x2 + x, d.box.y2 + y)) for d in found]
        seen.append((moved, looks))
        truth[truth[:, 0] == i + 1, 2:4] += at
    return replace(scene, seen=seen, truth=truth)


def robust(scenes: Sequence[Scene]) -> None:
    settings = TrackSettings()
    changes: dict[str, Callable[[Scene], Scene]] = {
        "as it is": lambda s: s,
        "no appearance": lambda s: replace(s, seen=[(found, np.full_like(looks, np.nan)) for found, looks in s.seen]),
        "12.5 pictures a second": lambda s: fewer(s, 2),
        "8.3 pictures a second": lambda s: fewer(s, 3),
        "5 pictures a second": lambda s: fewer(s, 5),
        "a fifth of the detections lost": lambda s: dropped(s, 0.2),
        "two fifths lost": lambda s: dropped(s, 0.4),
        "camera trembles by 8 px": lambda s: shaken(s, 8, 0),
        "camera swings": lambda s: shaken(s, 0, 3),
    }
    for name, change in changes.items():
        print(f"{name:32}", *(f"{track(change(scene), settings)!s:58}" for scene in scenes))


def sensitivity(scenes: Sequence[Scene]) -> None:
    """The mean of MOTA and of IDF1 over scenes and three rates, by setting."""
    many = [fewer(scene, step) for scene in scenes for step in (1, 2, 4)]

    def mean(settings: TrackSettings) -> Floats:
        results = [track(scene, settings) for scene in many]
        both: Floats = np.mean([[one.mota, one.idf1] for one in results], axis=0)
        return both

    usual = TrackSettings()
    base = mean(usual)
    print(
        f"mean MOTA {base[0]:.3f}, IDF1 {base[1]:.3f}: both scenes, each at 25, 12.5 and 6.25 pictures a second; at −30 %, at +30 %"
    )
    for name, settings in variants(usual):
        changes = " ".join(f"{mota:+.3f} / {idf1:+.3f}  " for mota, idf1 in (mean(one) - base for one in settings))
        print(f"{name:24} {changes}")


def variants(usual: TrackSettings) -> Iterator[tuple[str, list[TrackSettings]]]:
    """Each number 30 % lower and 30 % higher, whole ones by at least one."""

    def around(value: Any) -> list[Any]:
        return [value - 1, value + 1] if isinstance(value, int) else [0.7 * value, 1.3 * value]

    for field in fields(usual):
        value = getattr(usual, field.name)
        if isinstance(value, int | float) and field.name != "aspect":
            yield field.name, [replace(usual, **{field.name: new}) for new in around(value)]
    for field in fields(usual.motion):
        value = getattr(usual.motion, field.name)
        yield (
            f"motion.{field.name}",
            [replace(usual, motion=replace(usual.motion, **{field.name: new})) for new in around(value)],
        )


def product(clip: Path, detector: Detector) -> Score:
    """What a user gets from `redshank analyse --every-frame --mot`."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.txt"
        for _ in Analysis(clip, Options(every_frame=True, mot=out), detector).run():
            pass
        found = rows(out.read_text().splitlines())
    return score(rows(truth_lines(clip)), found, sum(1 for _ in frames(clip)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--robust", action="store_true")
    parser.add_argument("--sensitivity", action="store_true")
    chosen = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print("accuracy_tracking: no scenes; set REDSHANK_DATA to a folder with tud-stadtmitte.mp4 and its truth")
        return
    if chosen.model == DEFAULT:
        pull(DEFAULT, default_store())
    detector = load(chosen.model, default_store(), chosen.device)
    clips = [folder / f"{name}.mp4" for name in WANTED]
    if chosen.robust or chosen.sensitivity:
        scenes = [watch(clip, detector) for clip in clips]
        print(" " * 32, *(f"{name + '  MOTA / IDF1':58}" for name in WANTED))
        (robust if chosen.robust else sensitivity)(scenes)
        return
    for clip in clips:
        baseline, goal = WANTED[clip.stem]
        print(
            f"{clip.stem:16} {product(clip, detector)}  baseline {baseline[0]} / {baseline[1]}  goal {goal[0]} / {goal[1]}"
        )


if __name__ == "__main__":
    main()
