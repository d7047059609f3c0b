"""From the frame that makes a rule true to the webhook received, one camera, the whole installed program.

    python -m benchmarks.latency [--alerts 20] [--size 1280x720] [--json]

Somebody walks into the picture every few seconds. The camera keeps a journal of when it sent which frame; the frame that made the
rule true is the last one sent at or before the alert's `opened`. Target: p95 <= 500 ms. Also told: from the first frame that shows
the person at all, which includes what the tracker needs to be sure. The webhook carries no picture (its default).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import CLOCK, Program, eventually
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding
from tests.harness.http_server import HttpRequest, HttpServer, answer

from redshank.clock import US_PER_S, from_rfc3339

FPS = 15
ENTERS_S = 1.0
CLIP_FRAMES = 77
"""Not a multiple of the pictures looked at, so that every phase between the two is met."""
TARGET_MS = 500
CONFIG = """\
cameras:
  yard:
    url: {url}
channels:
  hook: {{type: webhook, url: "{hook}/"}}
security: {{allow_targets: ["127.0.0.1:{camera_port}", "127.0.0.1:{hook_port}"]}}
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Milliseconds until the webhook."""

    from_true: float
    """From the sending of the frame that made the rule true."""
    from_first: float
    """From the sending of the first frame that shows the person."""


def measure(folder: Path, wanted: int, encoding: Encoding) -> list[Sample]:
    """Blocks for about five seconds an alert."""
    received: list[tuple[int, bytes]] = []

    async def take(request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        received.append((CLOCK.now(), request.body))
        writer.write(answer(204))

    clip = person_clip(folder / "clip.mp4", CLIP_FRAMES / FPS, walks_in(ENTERS_S, 2, 3.5), encoding)
    hook = HttpServer(take)
    hook.start()
    with FakeCamera(clip) as camera:
        config = CONFIG.format(url=camera.url, hook=hook.base_url, camera_port=camera.port, hook_port=hook.port)
        with Program(folder / "site", config) as program:
            # The first alert also loads what is needed only then.
            eventually(lambda: _opened(received) > wanted, 60 + 8 * wanted, "enough alerts")
            assert program.status["processes"]["vision-0"]["starts"] == 1
        hook.close()
        told = [(time, json.loads(body)) for time, body in received]
        opened = [(time, body["data"]["opened"]) for time, body in told if body["type"] == "alert.created"]
        return [_sample(camera, time, from_rfc3339(when)) for time, when in opened[1:]]


def _opened(received: Sequence[tuple[int, bytes]]) -> int:
    return sum(json.loads(body)["type"] == "alert.created" for _time, body in list(received))


def _sample(camera: FakeCamera, received: int, opened: int) -> Sample:
    # An arrival stamp may lie a moment before the sending: the reader smooths jitter out.
    sent = [one.stamp for one in camera.journal if one.stamp.wall_us <= opened + US_PER_S // FPS // 2]
    first = next(stamp for stamp in reversed(sent) if stamp.number == round(ENTERS_S * FPS))
    return Sample((received - sent[-1].wall_us) / 1000, (received - first.wall_us) / 1000)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-round(share * 100) * len(ordered) // 100) - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=20)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        samples = measure(Path(folder), options.alerts, Encoding(width, height, fps=FPS, gop_s=2))
    rows = {
        name: {
            f"p{share}": round(percentile([getattr(one, name) for one in samples], share / 100)) for share in (50, 95)
        }
        for name in ("from_true", "from_first")
    }
    if options.json:
        print(json.dumps({"alerts": len(samples), "target_p95_ms": TARGET_MS, "ms": rows}))
    else:
        print(
            f"{len(samples)} alerts, {options.size}, {FPS} fps; milliseconds until the webhook (target p95 {TARGET_MS})"
        )
        print(f"{'from':40} {'p50':>6} {'p95':>6}")
        for name, words in (
            ("from_true", "the frame that makes the rule true"),
            ("from_first", "the first frame with the person"),
        ):
            print(f"{words:40} {rows[name]['p50']:6} {rows[name]['p95']:6}")
    sys.exit(rows["from_true"]["p95"] > TARGET_MS)


if __name__ == "__main__":
    main()
