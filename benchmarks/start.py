"""How long from `redshank run` to the first analysed frame, warm, and where the time goes.

    python -m benchmarks.start [--repeat 5] [--json]

One 720p camera with a keyframe every second on our own RTSP server. The first run is not counted: it warms the file cache.
Target: 3 s. Seconds since the process was started:

    hub       settings read, database open, workers started
    detector  the model is loaded in vision
    online    the first packet is behind the fan-out
    look      the first picture was analysed and is known to the hub
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.footage import need_model
from tests.e2e.program import CLOCK, Program, eventually
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding, numbered_clip

from redshank.clock import US_PER_S

PHASES = ("hub", "detector", "online", "look")
TARGET_S = 3.0
CONFIG = "cameras:\n  yard:\n    url: {url}\nsecurity: {{allow_targets: ['127.0.0.1:{port}']}}\n"


def once(folder: Path, camera: FakeCamera) -> dict[str, float]:
    """Seconds to each phase."""
    begun = CLOCK.now()
    with Program(folder, CONFIG.format(url=camera.url, port=camera.port)) as program:
        eventually(lambda: program.camera("yard").get("analysed", {}).get("looks"), 60, "a look")
        look_s = (CLOCK.now() - begun) / US_PER_S
        status, log = program.status, (program.data / "redshank.log").read_text()
    return {
        "hub": _since(begun, status["started"]),
        "detector": _logged(begun, log, "detector ready"),
        "online": _logged(begun, log, "yard/main: online"),
        "look": look_s,
    }


def _since(begun: int, time: str) -> float:
    return datetime.fromisoformat(time).timestamp() - begun / US_PER_S


def _logged(begun: int, log: str, words: str) -> float:
    """When the log says so; its times are local, without a zone."""
    line = next(line for line in log.splitlines() if words in line)
    found = re.match(r"(\S+ \S+),(\d+)", line)
    assert found is not None
    return datetime.fromisoformat(f"{found[1]}.{found[2]}").astimezone(UTC).timestamp() - begun / US_PER_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    need_model()
    with tempfile.TemporaryDirectory() as name:
        clip = numbered_clip(Path(name) / "clip.mp4", 10, Encoding(1280, 720, fps=15, gop_s=1))
        with FakeCamera(clip) as camera:
            runs = [once(Path(name) / str(number), camera) for number in range(options.repeat + 1)][1:]
    middle = {phase: round(statistics.median(run[phase] for run in runs), 2) for phase in PHASES}
    if options.json:
        print(
            json.dumps({"median_s": middle, "looks_s": [round(run["look"], 2) for run in runs], "target_s": TARGET_S})
        )
        return
    print(f"seconds since the start, median of {len(runs)} (target for the first look: {TARGET_S:g})")
    for phase in PHASES:
        print(f"{phase:10} {middle[phase]:6.2f}   {' '.join(f'{run[phase]:5.2f}' for run in runs)}")


if __name__ == "__main__":
    main()
