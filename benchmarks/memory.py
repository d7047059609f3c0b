"""Memory of all processes with one, two and four 720p cameras.

    python -m benchmarks.memory [--cameras 1 2 4] [--seconds 20] [--device auto] [--json]

RSS counts a page that two processes share twice, PSS shares it out; the target is held against RSS, the stricter of the two. The
packets kept in the rings are told apart: they are what the user asked for. Target: 400 MB with one camera, 25 MB for each further.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import CLOCK, Program, children, eventually
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding

RING_S = 10
FIRST_MB, FURTHER_MB = 400, 25


def memory_mb(pid: int) -> dict[str, float]:
    """RSS and PSS of one process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    fields = {line.split(":")[0]: line.split()[1] for line in rollup[1:]}
    return {"rss": int(fields["Rss"]) / 1024, "pss": int(fields["Pss"]) / 1024}


def measure(folder: Path, clip: Path, count: int, seconds: float, device: str) -> dict[str, dict[str, float]]:
    """By process; `ring` is what the packets of all rings take."""
    with ExitStack() as stack:
        cameras = [stack.enter_context(FakeCamera(clip)) for _ in range(count)]
        urls = "".join(f"  c{number}:\n    url: {camera.url}\n" for number, camera in enumerate(cameras))
        targets = json.dumps([f"127.0.0.1:{camera.port}" for camera in cameras])
        config = f"cameras:\n{urls}security: {{allow_targets: {targets}}}\ndetector: {{device: {device}}}\n"
        program = stack.enter_context(Program(folder, config))
        program.wait_looking(*(f"c{number}" for number in range(count)), within_s=60)
        begun = CLOCK.mono_ns()
        eventually(lambda: CLOCK.mono_ns() - begun > seconds * 1e9, seconds + 5, "a while")
        status = program.status
        assert [process["starts"] for process in status["processes"].values()] == [1, 1]
        named = {process["pid"]: name for name, process in status["processes"].items()}
        hub = program.pids()[0]
        found = {"hub": memory_mb(hub)} | {named.get(pid, str(pid)): memory_mb(pid) for pid in children(hub)}
        ring = sum(camera["bitrate"] for camera in status["cameras"]) / 8 * RING_S / 1e6
    return {**found, "ring": {"rss": ring, "pss": ring}}


def total(found: dict[str, dict[str, float]], kind: str) -> float:
    """Rings apart."""
    return sum(one[kind] for name, one in found.items() if name != "ring") - found["ring"][kind]


def show(results: dict[int, dict[str, dict[str, float]]]) -> None:
    names = list(next(iter(results.values())))
    print(f"RSS / PSS in MB (target: {FIRST_MB} with one camera, {FURTHER_MB} for each further, rings apart)")
    print(f"{'cameras':>7} " + " ".join(f"{name:>13}" for name in [*names, "all"]))
    for count, found in results.items():
        cells = [f"{found[name]['rss']:5.0f} / {found[name]['pss']:5.0f}" for name in names]
        print(
            f"{count:7} "
            + " ".join(f"{cell:>13}" for cell in [*cells, f"{total(found, 'rss'):5.0f} / {total(found, 'pss'):5.0f}"])
        )
    counts = sorted(results)
    if len(counts) > 1:
        further = (total(results[counts[-1]], "rss") - total(results[counts[0]], "rss")) / (counts[-1] - counts[0])
        print(f"each further camera: {further:.0f} MB")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--device", default="auto", help="as detector.device of the configuration")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        clip = person_clip(Path(name) / "clip.mp4", 10, walks_in(3, 3, 8), Encoding(1280, 720, fps=15, gop_s=2))
        results = {
            count: measure(Path(name) / str(count), clip, count, options.seconds, options.device)
            for count in options.cameras
        }
    if options.json:
        print(json.dumps(results))
    else:
        show(results)


if __name__ == "__main__":
    main()
