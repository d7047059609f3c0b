"""What recording costs: the same cameras with and without it, beside `ffmpeg -c copy` of the same streams.

    python -m benchmarks.record [--cameras 4] [--seconds 30] [--fps 15] [--json]

CPU seconds of all our processes per camera and second of footage, recording on minus recording off, over that of ffmpeg writing
the same RTSP stream to an MP4. Cameras are watched all the time (720p, nothing moves, so analysis is asleep). Targets: ≤ 0.5 × ffmpeg;
16 cameras recorded and watched ≤ 50 % of one core, nothing dropped; ≤ 12 MB a camera beyond its ring.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.e2e.program import CLOCK, Program, children, cpu_s, eventually
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding, encode

from benchmarks.memory import memory_mb

SETTLE_S = 8.0


def still_clip(path: Path, fps: int) -> Path:
    """720p of a place where nothing happens, with a sensor's noise: 12 s, a keyframe every 2 s."""
    chance = np.random.default_rng(1)
    place = np.kron(chance.integers(40, 200, (45, 80)), np.ones((16, 16)))

    def draw(_number: int) -> NDArray[np.uint8]:
        return np.clip(place + chance.normal(0, 2, place.shape), 16, 235).astype(np.uint8)

    return encode(path, draw, 12 * fps, Encoding(width=1280, height=720, fps=fps, gop_s=2))


def config(cameras: Sequence[FakeCamera], record: bool) -> str:
    named = "".join(f"  c{number}:\n    url: {camera.url}\n" for number, camera in enumerate(cameras))
    targets = json.dumps([f"127.0.0.1:{camera.port}" for camera in cameras])
    rest = f"record: {{enabled: {str(record).lower()}}}\nweb: {{enabled: false}}\nbackup: {{enabled: false}}\n"
    return f"cameras:\n{named}security: {{allow_targets: {targets}}}\n{rest}"


def pause(seconds: float) -> None:
    begun = CLOCK.mono_ns()
    eventually(lambda: CLOCK.mono_ns() - begun > seconds * 1e9, seconds + 10, "a while")


def ours(folder: Path, cameras: Sequence[FakeCamera], record: bool, seconds: float) -> dict[str, Any]:
    """CPU seconds by process, memory of capture, drops."""
    with Program(folder, config(cameras, record)) as program:
        names = [f"c{number}" for number in range(len(cameras))]
        program.wait_looking(*names, within_s=90)
        pause(SETTLE_S)
        hub = program.pids()[0]
        known = {process["pid"]: name for name, process in program.status["processes"].items()} | {hub: "hub"}
        pids = [hub, *children(hub)]
        before = {pid: cpu_s(pid) for pid in pids}
        begun = CLOCK.mono_ns()
        pause(seconds)
        took_s = (CLOCK.mono_ns() - begun) / 1e9
        cpu = {known.get(pid, str(pid)): (cpu_s(pid) - before[pid]) / took_s for pid in pids}
        status = program.status
        dropped = sum(sum(camera["dropped"].values()) for camera in status["cameras"])
        capture_mb = memory_mb(program.pid("capture-0"))["rss"]
    return {"cpu": cpu, "dropped": dropped, "capture_mb": capture_mb}


def ffmpeg(folder: Path, cameras: Sequence[FakeCamera], seconds: float) -> float:
    """Cores of one ffmpeg per camera, copying to fragmented MP4 segments, as recorders do that use it."""
    folder.mkdir()
    running = []
    for number, camera in enumerate(cameras):
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", camera.url, "-c", "copy"]
        command += ["-f", "segment", "-segment_time", "10", str(folder / f"{number}-%03d.mp4")]
        running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
    try:
        pause(SETTLE_S)
        before, begun = sum(cpu_s(one.pid) for one in running), CLOCK.mono_ns()
        pause(seconds)
        return (sum(cpu_s(one.pid) for one in running) - before) / ((CLOCK.mono_ns() - begun) / 1e9)
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait(10)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if shutil.which("ffmpeg") is None:
        sys.exit("ffmpeg is needed to compare with: apt install ffmpeg")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        clip = still_clip(folder / "clip.mp4", options.fps)
        cameras = [stack.enter_context(FakeCamera(clip)) for _ in range(options.cameras)]
        without = ours(folder / "without", cameras, False, options.seconds)
        with_ = ours(folder / "with", cameras, True, options.seconds)
        peer = ffmpeg(folder / "ffmpeg", cameras, options.seconds)
    count = options.cameras
    added = sum(with_["cpu"].values()) - sum(without["cpu"].values())
    result = {
        "cameras": count,
        "cores_without": round(sum(without["cpu"].values()), 4),
        "cores_with": round(sum(with_["cpu"].values()), 4),
        "by_process": {
            kind: {k: round(v, 4) for k, v in one["cpu"].items()}
            for kind, one in (("without", without), ("with", with_))
        },
        "ffmpeg_cores": round(peer, 4),
        "ratio": round(added / peer, 3),
        "dropped": with_["dropped"],
        "capture_mb_per_camera": round((with_["capture_mb"] - without["capture_mb"]) / count, 1),
    }
    if options.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:22} {value}")


if __name__ == "__main__":
    main()
