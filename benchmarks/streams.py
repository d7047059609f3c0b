"""Makes the streams the benchmarks read: a noisy street as cameras encode it, once, into a folder outside the repository.

    python -m benchmarks.streams FOLDER [NAME …]

Names: {idle,quiet,busy}-{vbr,cbr}[-gop1|-gop8][-clock], walkers-{vbr,cbr}[-gop1|-gop8][-b]. H.264 as a camera makes it (no look-ahead,
one reference, no B-frames), 720p, 15 fps, a keyframe every 4 s. vbr: constant quality 24, at most 1.5 Mbit/s; cbr: 1.5 Mbit/s by the
HRD, filler included. The truth is beside the clip as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from benchmarks.scene import FPS, HEIGHT, NOISE, WIDTH, Gray, Scene, Walker, visits

VERSION = 2
CAMERA = {"preset": "veryfast", "tune": "zerolatency"}
RATES = {
    "vbr": {"crf": "24", "maxrate": "1500k", "bufsize": "3000k", "x264-params": "scenecut=0"},
    "cbr": {
        "b": "1500k",
        "minrate": "1500k",
        "maxrate": "1500k",
        "bufsize": "1500k",
        "x264-params": "scenecut=0:nal-hrd=cbr:force-cfr=1",
    },
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a stream's name says."""

    name: str
    content: str
    rate: str
    gop_s: int
    clock: bool
    b_frames: int


def recipe(name: str) -> Recipe:
    """Raises ValueError for a name that says nothing."""
    content, rate, *more = name.split("-")
    if content not in ("idle", "quiet", "busy", "walkers") or rate not in RATES:
        raise ValueError(f"unknown stream {name}")
    gop = next((int(word[3:]) for word in more if word.startswith("gop")), 4)
    return Recipe(name, content, rate, gop, "clock" in more, 2 if "b" in more else 0)


def crowd(content: str, walkers: int, seed: int) -> tuple[list[Walker], float]:
    """Who walks, and how many seconds the stream lasts."""
    if content == "idle":
        return [], 80.0
    if content == "quiet":
        return visits(seed, 4, (12.0, 18.0), stay_s=6.0), 90.0
    if content == "busy":
        everybody = [w for lane in range(6) for w in visits(seed + lane, 8, (0.1, 1.0), stay_s=6.0, start_s=0.5)]
        return everybody, 45.0
    people = visits(seed, walkers, (3.8, 5.5))
    return people, (people[-1].first + people[-1].count) / FPS + 5


def make(
    names: Sequence[str], folder: Path, walkers: int = 260, seed: int = 7, clips: Path | None = None
) -> dict[str, Path]:
    """The clips' paths by name; those missing are encoded, streams of one content in one pass."""
    folder.mkdir(parents=True, exist_ok=True)
    recipes = [recipe(name) for name in names]
    for content, clock in sorted({(r.content, r.clock) for r in recipes}):
        wanted = [r for r in recipes if (r.content, r.clock) == (content, clock)]
        missing = [r for r in wanted if not _path(folder, r, walkers, seed).exists()]
        if missing:
            _encode(missing, folder, walkers, seed, cutouts(clips) if clips else [])
    return {r.name: _path(folder, r, walkers, seed) for r in recipes}


def truth(clip: Path) -> list[Walker]:
    """Who walks in a clip made here."""
    return [Walker(**row) for row in json.loads(clip.with_suffix(".json").read_text())["walkers"]]


def cutouts(clips: Path, most: int = 60) -> list[Gray]:
    """People cut from clips with MOTChallenge truth beside them (NAME.mp4, NAME-gt.txt), for their texture alone."""
    result: list[Gray] = []
    for clip in sorted(clips.glob("*.mp4")):
        lines = [line.split(",") for line in clip.with_name(f"{clip.stem}-gt.txt").read_text().split()]
        with av.open(str(clip)) as container:
            for number, frame in enumerate(container.decode(video=0), 1):
                luma = frame.to_ndarray()[: frame.height].astype(np.uint8)
                for row in (line for line in lines if number % 15 == 1 and int(line[0]) == number):
                    x, y, w, h = (int(float(value)) for value in row[2:6])
                    part = luma[max(0, y) : y + h, max(0, x) : x + w]
                    if part.shape[0] >= 80 and part.shape[1] >= 25:
                        result.append(part)
    return result[:: max(1, len(result) // most)]


def _path(folder: Path, r: Recipe, walkers: int, seed: int) -> Path:
    count = f"-{walkers}x{seed}" if r.content == "walkers" else ""
    return folder / f"{r.name}{count}-v{VERSION}.mp4"


def _encode(recipes: Sequence[Recipe], folder: Path, walkers: int, seed: int, cloth: Sequence[Gray]) -> None:
    people, seconds = crowd(recipes[0].content, walkers, seed)
    scene = Scene(seed, people, NOISE, cloth)
    targets = [_path(folder, r, walkers, seed) for r in recipes]
    outputs = [av.open(str(t.with_suffix(".part")), "w", format="mp4") for t in targets]
    streams = [_stream(output, r) for output, r in zip(outputs, recipes, strict=True)]
    chroma = np.vstack([np.full((HEIGHT // 4, WIDTH), 122, np.uint8), np.full((HEIGHT // 4, WIDTH), 134, np.uint8)])
    for number in range(round(seconds * FPS)):
        luma = scene.picture(number)
        if recipes[0].clock:
            write_clock(luma, number)
        frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        for output, stream in zip(outputs, streams, strict=True):
            output.mux(stream.encode(frame))
    for output, stream, target in zip(outputs, streams, targets, strict=True):
        output.mux(stream.encode(None))
        output.close()
        target.with_suffix(".json").write_text(json.dumps({"walkers": [asdict(w) for w in people]}))
        target.with_suffix(".part").rename(target)


def _stream(output: av.container.OutputContainer, r: Recipe) -> VideoStream:
    tune = {"tune": "film"} if r.b_frames else {}
    stream = output.add_stream("libx264", rate=FPS, options={**CAMERA, **RATES[r.rate], **tune})
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.codec_context.gop_size = r.gop_s * FPS
    stream.codec_context.max_b_frames = r.b_frames
    stream.codec_context.thread_count = 1
    return stream


def write_clock(luma: Gray, number: int) -> None:
    """A camera's own clock, upper left, as they burn it in."""
    seconds = number // FPS
    text = f"2026-11-21 {12 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    cv2.putText(luma, text, (24, 44), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 16, 5)
    cv2.putText(luma, text, (24, 44), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 235, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=["idle-vbr", "idle-cbr"])
    parser.add_argument("--walkers", type=int, default=260)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clips", type=Path, help="clips with truth whose people lend their texture")
    options = parser.parse_args()
    for name, path in make(options.names, options.folder, options.walkers, options.seed, options.clips).items():
        print(f"{name:24} {path.stat().st_size / 1e6:8.1f} MB  {path}")


if __name__ == "__main__":
    main()
