"""What an idle camera costs: our pipeline against two honest loops, per second of video, in CPU time.

    python -m benchmarks.idle FOLDER [--streams idle-vbr …] [--repeat 3] [--look-s 0.27] [--json]

    ours        demux, wake, decode, motion (`benchmarks.watch`)
    everything  demux, decode every picture, look at five a second
    keyframes   demux, decode keyframes, look at each

All with PyAV, one thread, the same decoder options and the same motion detector; each run in a child process of its own, in
turn, user and system time by getrusage without imports and without opening the file. The least of the repeats counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2

from benchmarks.streams import make
from benchmarks.watch import LOOK_US, Watch, demux
from redshank.clock import US_PER_S
from redshank.media.decode import OPTIONS, to_frame
from redshank.model import Packet, StreamFormat
from redshank.vision.motion import MotionDetector
from redshank.vision.wake import Wake, WakeSettings

STREAMS = [
    f"{content}-{rate}{gop}" for content in ("idle",) for rate in ("vbr", "cbr") for gop in ("", "-gop1", "-gop8")
]
STREAMS += ["busy-vbr", "busy-cbr"]
TARGETS = {"idle-vbr": (0.25, 1.0), "idle-cbr": (0.25, 1.3)}
"""Ours as a share of everything, and of keyframes."""
WARM_S = 8
"""The first seconds, in which we learn awake, are not counted."""


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def ours(clip: Path, look_s: float) -> tuple[float, float]:
    """CPU seconds and seconds of video."""
    watch = Watch(wake=Wake(WakeSettings(look_s=look_s)))
    start: float | None = None
    time = 0
    for packet in demux(clip):
        time = packet.time
        if start is None and time >= WARM_S * US_PER_S:
            start = cpu_s()
        watch.feed(packet)
    return cpu_s() - (start or 0.0), time / US_PER_S - WARM_S


def loop(clip: Path, every: bool) -> tuple[float, float]:
    """Decode every picture and look at five a second, or decode and look at keyframes."""
    motion = MotionDetector()
    start: float | None = None
    time = due = 0
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count = 1
        context.options = dict(OPTIONS)
        form = StreamFormat("video", context.name, stream.time_base or 1 / 90_000)  # type: ignore[arg-type]
        scale = float(stream.time_base or 0) * US_PER_S
        for unit in container.demux(stream):
            if unit.pts is None or unit.dts is None or not (every or unit.is_keyframe):
                continue
            time = int(unit.pts * scale)
            if start is None and time >= WARM_S * US_PER_S:
                start = cpu_s()
            for picture in context.decode(unit):
                if time >= due:
                    due = time + LOOK_US - LOOK_US // 8
                    own = Packet("c", "main", 0, 0, form, time, 0, unit.pts, unit.dts, 1, bool(unit.is_keyframe), b"")
                    motion.look(to_frame(picture, own))
    return cpu_s() - (start or 0.0), time / US_PER_S - WARM_S


def child(mode: str, clip: Path, look_s: float) -> None:
    cv2.setNumThreads(1)
    modes: dict[str, Callable[[], tuple[float, float]]] = {
        "ours": lambda: ours(clip, look_s),
        "everything": lambda: loop(clip, True),
        "keyframes": lambda: loop(clip, False),
    }
    cpu, seconds = modes[mode]()
    print(json.dumps(1000 * cpu / seconds))


def measure(clip: Path, repeat: int, look_s: float) -> dict[str, float]:
    """CPU milliseconds per second of video, by mode."""
    best: dict[str, float] = {}
    for _ in range(repeat):
        for mode in ("ours", "everything", "keyframes"):
            command = [sys.executable, "-m", "benchmarks.idle", "--child", mode, "--look-s", str(look_s), str(clip)]
            value = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            best[mode] = min(best.get(mode, value), value)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--streams", nargs="+", default=STREAMS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--look-s", type=float, default=WakeSettings().look_s)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=("ours", "everything", "keyframes"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.folder, options.look_s)
        return
    rows = []
    for name, clip in make(options.streams, options.folder).items():
        cost = measure(clip, options.repeat, options.look_s)
        rows.append(
            {
                "stream": name,
                **{f"{mode}_ms_per_s": round(value, 2) for mode, value in cost.items()},
                "of_everything": round(cost["ours"] / cost["everything"], 3),
                "of_keyframes": round(cost["ours"] / cost["keyframes"], 2),
                "targets": TARGETS.get(name),
            }
        )
    if options.json:
        print(json.dumps(rows))
        return
    print(
        f"{'stream':18}{'ours':>8}{'everything':>12}{'keyframes':>11}{'/everything':>13}{'/keyframes':>12}  (CPU ms per s)"
    )
    for row in rows:
        wanted = f"  wanted <= {row['targets'][0]}, <= {row['targets'][1]}" if row["targets"] else ""  # type: ignore[index]
        print(
            f"{row['stream']:18}{row['ours_ms_per_s']:8}{row['everything_ms_per_s']:12}{row['keyframes_ms_per_s']:11}"
            f"{row['of_everything']:13}{row['of_keyframes']:12}{wanted}"
        )


if __name__ == "__main__":
    main()
