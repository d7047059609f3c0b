"""What recording costs: the same watched cameras with and without it, beside `ffmpeg -c copy` of the same streams.

    python -m benchmarks.record [--cameras 4] [--seconds 20] [--rounds 3] [--fps 15] [--json]

The cameras (720p, a sensor's noise, nothing moves) are one other process and stay the same. Each round runs the program without and
with recording and ffmpeg once, in turn. `added` is the CPU of hub and capture with recording less that without: vision does not know of
recording, and its noise would drown the difference. Everything in cores. Targets: added / ffmpeg ≤ 0.5; with 16 cameras all processes
together ≤ 0.5 cores and nothing dropped; ≤ 12 MB a camera beyond its ring.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from tests.e2e.program import CLOCK, Program, children, cpu_s, eventually
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding, encode

from benchmarks.memory import RING_S, memory_mb

SETTLE_S = 12.0
"""The first file of each camera is open, sound is decided, analysis is asleep."""


def still_clip(path: Path, fps: int) -> Path:
    """720p of a place where nothing happens, with a sensor's noise: 12 s, a keyframe every 2 s, 2 Mbit/s."""
    chance = np.random.default_rng(1)
    place = np.kron(chance.integers(40, 200, (45, 80)), np.ones((16, 16)))

    def draw(_number: int) -> NDArray[np.uint8]:
        return np.clip(place + chance.normal(0, 2, place.shape), 16, 235).astype(np.uint8)

    return encode(path, draw, 12 * fps, Encoding(width=1280, height=720, fps=fps, gop_s=2, bit_rate=2_000_000))


def serve(clip: Path, count: int) -> None:
    """So many cameras, until killed; their addresses are printed."""
    with ExitStack() as stack:
        for _ in range(count):
            print(stack.enter_context(FakeCamera(clip)).url, flush=True)
        threading.Event().wait()


@contextmanager
def cameras(clip: Path, count: int) -> Iterator[list[str]]:
    """Their addresses. In a process of their own."""
    command = [sys.executable, "-m", "benchmarks.record", "--serve", str(clip), "--cameras", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [process.stdout.readline().strip() for _ in range(count)]
        finally:
            process.kill()


def config(urls: Sequence[str], record: bool) -> str:
    named = "".join(f"  c{number}:\n    url: {url}\n" for number, url in enumerate(urls))
    targets = json.dumps([f"127.0.0.1:{urlsplit(url).port}" for url in urls])
    rest = f"record: {{enabled: {str(record).lower()}}}\nweb: {{enabled: false}}\nbackup: {{enabled: false}}\n"
    return f"cameras:\n{named}security: {{allow_targets: {targets}}}\n{rest}"


def pause(seconds: float) -> None:
    begun = CLOCK.mono_ns()
    eventually(lambda: CLOCK.mono_ns() - begun > seconds * 1e9, seconds + 10, "a while")


def cores(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """CPU seconds a second of each of these processes."""
    before, begun = {name: cpu_s(pid) for name, pid in pids.items()}, CLOCK.mono_ns()
    pause(seconds)
    took_s = (CLOCK.mono_ns() - begun) / 1e9
    return {name: (cpu_s(pid) - before[name]) / took_s for name, pid in pids.items()}


def ours(folder: Path, urls: Sequence[str], record: bool, seconds: float) -> dict[str, Any]:
    """Cores by process, memory, drops."""
    with Program(folder, config(urls, record)) as program:
        program.wait_looking(*(f"c{number}" for number in range(len(urls))), within_s=90)
        pause(SETTLE_S)
        named = {int(process["pid"]): name for name, process in program.status["processes"].items()}
        hub = program.pids()[0]
        pids = {"hub": hub} | {named.get(pid, str(pid)): pid for pid in children(hub)}
        dropped = _dropped(program.status)
        used = cores(pids, seconds)
        status = program.status
        return {
            "cores": used,
            "dropped": _dropped(status) - dropped,
            "dropped_at_start": dropped,
            "mb": {name: memory_mb(pid)["pss"] for name, pid in pids.items()},
            "ring_mb": sum(camera["bitrate"] for camera in status["cameras"]) / 8 * RING_S / 1e6,
        }


def _dropped(status: Mapping[str, Any]) -> int:
    """Packets for vision and for the disk."""
    return sum(sum(camera["dropped"].values()) for camera in status["cameras"])


def ffmpeg(folder: Path, urls: Sequence[str], seconds: float) -> float:
    """Cores of one ffmpeg per camera, copying to MP4 segments, as recorders do that use it."""
    folder.mkdir()
    with ExitStack() as stack:
        running = {}
        for number, url in enumerate(urls):
            command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy"]
            command += ["-f", "segment", "-segment_time", "30", str(folder / f"{number}-%03d.mp4")]
            process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL))
            stack.callback(process.terminate)
            running[str(number)] = process.pid
        pause(SETTLE_S)
        return sum(cores(running, seconds).values())


def round_(folder: Path, urls: Sequence[str], seconds: float) -> dict[str, Any]:
    """Each once."""
    without = ours(folder / "without", urls, False, seconds)
    with_ = ours(folder / "with", urls, True, seconds)
    peer = ffmpeg(folder / "ffmpeg", urls, seconds)
    added = {name: with_["cores"][name] - without["cores"][name] for name in ("hub", "capture-0")}
    return {
        "without": {name: round(used, 4) for name, used in without["cores"].items()},
        "with": {name: round(used, 4) for name, used in with_["cores"].items()},
        "all with": round(sum(with_["cores"].values()), 3),
        "added": {name: round(more, 4) for name, more in added.items()},
        "ffmpeg": round(peer, 4),
        "ratio": round(sum(added.values()) / peer, 3),
        "dropped": with_["dropped"],
        "dropped at start": with_["dropped_at_start"],
        "MB with": {name: round(mb) for name, mb in with_["mb"].items()},
        "MB of the rings": round(with_["ring_mb"], 1),
        "MB added a camera": round(sum(with_["mb"][name] - without["mb"][name] for name in added) / len(urls), 1),
        "load": round(os.getloadavg()[0], 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options.serve, options.cameras)
    if shutil.which("ffmpeg") is None:
        sys.exit("ffmpeg is needed to compare with: apt install ffmpeg")
    rounds = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        urls = stack.enter_context(cameras(still_clip(folder / "clip.mp4", options.fps), options.cameras))
        for number in range(options.rounds):
            rounds.append(round_(folder / str(number), urls, options.seconds))
            if not options.json:
                print("\n".join(f"{key:20} {value}" for key, value in rounds[-1].items()), end="\n\n", flush=True)
    ratio = statistics.median(one["ratio"] for one in rounds)
    if options.json:
        print(json.dumps({"rounds": rounds, "ratio": ratio}))
        return
    print(
        f"{options.cameras} cameras: recording adds {ratio:.2f} of ffmpeg's CPU (target 0.5), median of {len(rounds)}"
    )


if __name__ == "__main__":
    main()
