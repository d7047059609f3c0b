"""The program records, and is killed, stopped and starved again and again: `make torture TEST=T01`. Wall time beside each test."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.program import CLOCK, Program, eventually, since_s
from tests.harness.fake_camera import FakeCamera, Sent
from tests.harness.figures import figure
from tests.harness.footage import cached_clip
from tests.harness.oracle import key
from tests.harness.recordings import Recorded, decode_errors

pytestmark = pytest.mark.torture
FPS = 10
CAMERAS = 4
KILLS = 100
STOPS = 50


def _config(cameras: Sequence[FakeCamera]) -> str:
    named = "".join(f"  c{number}:\n    url: {camera.url}\n" for number, camera in enumerate(cameras))
    targets = ", ".join(f'"127.0.0.1:{camera.port}"' for camera in cameras)
    rest = "record: {segment: 4, streams: [main]}\ndetect: {enabled: false}\nweb: {enabled: false}\n"
    return f"cameras:\n{named}security: {{allow_targets: [{targets}]}}\n{rest}"


def _lost_before(journal: Sequence[Sent], seen: set[tuple[int, int]], moments: Sequence[int]) -> list[int]:
    """Frames sent after the last one on disk and before each moment."""
    found = []
    for moment in moments:
        sent = [entry for entry in journal if entry.stamp.mono_ns <= moment]
        kept = max((i for i, entry in enumerate(sent) if key(entry.stamp) in seen), default=-1)
        found.append(sum(entry.viewers > 0 for entry in sent[kept + 1 :]))
    return found


def _holes(journal: Sequence[Sent], seen: set[tuple[int, int]], moments: Sequence[int]) -> int:
    """Frames lost anywhere else: not before a moment, nor while a viewer waited for its first keyframe (one GOP)."""
    lost = [i for i, entry in enumerate(journal) if entry.viewers and key(entry.stamp) not in seen]
    excused = 0
    for moment in moments:
        after = next(
            (i for i, entry in enumerate(journal) if entry.stamp.mono_ns > moment and key(entry.stamp) in seen),
            len(journal),
        )
        before = max((i for i in range(after) if key(journal[i].stamp) in seen), default=0)
        excused += sum(before < i < after for i in lost)
    first = next(i for i, entry in enumerate(journal) if key(entry.stamp) in seen)
    last = max(i for i, entry in enumerate(journal) if key(entry.stamp) in seen)
    return sum(first < i < last for i in lost) - excused


def _check(cameras: Sequence[FakeCamera], recorded: Recorded, moments: Sequence[int]) -> list[int]:
    """Everything that must hold afterwards; the answer is the frames lost before each moment, of the worst camera."""
    assert recorded.integrity() == "ok"
    assert recorded.disagreements() == []
    assert [error for file in recorded.files() for error in decode_errors(file)] == []
    worst = [0] * len(moments)
    for number, camera in enumerate(cameras):
        stamps = [key(stamp) for stamp in recorded.stamps(f"c{number}")]
        assert len(stamps) == len(set(stamps))
        assert recorded.unaccounted_s(f"c{number}") == 0
        lost = _lost_before(camera.journal, set(stamps), moments)
        assert _holes(camera.journal, set(stamps), moments) <= 0
        worst = [max(a, b) for a, b in zip(worst, lost, strict=True)]
    return worst


def _growing(program: Program, begun_ns: int, within_s: float) -> float:
    """Seconds until every camera has something new on disk."""

    def there() -> bool:
        states = [program.camera(f"c{number}").get("recording", {}) for number in range(CAMERAS)]
        return all(state.get("recording") for state in states)

    eventually(there, within_s, "everything is recorded again")
    return since_s(begun_ns)


def test_kill_minus_nine_of_the_recorder(tmp_path: Path) -> None:
    """rel:T01. About 15 min."""
    moments, back = _kills(tmp_path, KILLS, whole=False)
    figure(
        "T01",
        f"{max(moments) / FPS:.1f} s lost at most in {KILLS} kills, recording after ≤ {max(back):.1f} s",
        "SIGKILL to capture, 4 cameras",
    )
    assert max(moments) <= FPS * 1.0


def test_kill_minus_nine_of_everybody(tmp_path: Path) -> None:
    """rel:T02. About 20 min."""
    moments, back = _kills(tmp_path, KILLS, whole=True)
    figure(
        "T02",
        f"{max(moments) / FPS:.1f} s lost at most in {KILLS} kills, recording after ≤ {max(back):.1f} s",
        "SIGKILL to all processes, 4 cameras",
    )
    assert max(moments) <= FPS * 1.0
    assert max(back) <= 10


def _kills(folder: Path, count: int, whole: bool) -> tuple[list[int], list[float]]:
    chance, moments, back = random.Random(1), list[int](), list[float]()
    with ExitStack() as stack:
        cameras = [stack.enter_context(FakeCamera(cached_clip(10))) for _ in range(CAMERAS)]
        with Program(folder, _config(cameras)) as program:
            _growing(program, CLOCK.mono_ns(), 30)
            for _ in range(count):
                CLOCK.wait(chance.uniform(1, 5))
                moments.append(CLOCK.mono_ns())
                for pid in program.pids() if whole else [program.pid("capture-0")]:
                    os.kill(pid, signal.SIGKILL)
                if whole:
                    program.kill()
                    program.start()
                begun = CLOCK.mono_ns()
                eventually(lambda: not _recording(program), 10, "the status knows")
                back.append(_growing(program, begun, 30))
            program.stop()
        return _check(cameras, Recorded(program.data), moments), back


def _recording(program: Program) -> bool:
    return bool(program.camera("c0").get("recording", {}).get("recording"))


def test_fifty_stops_under_load_lose_nothing(tmp_path: Path) -> None:
    """rel:T03. About 8 min."""
    chance, moments, took = random.Random(2), list[int](), list[float]()
    with ExitStack() as stack:
        cameras = [stack.enter_context(FakeCamera(cached_clip(10))) for _ in range(CAMERAS)]
        program = Program(tmp_path, _config(cameras))
        for _ in range(STOPS):
            program.start()
            _growing(program, CLOCK.mono_ns(), 30)
            CLOCK.wait(chance.uniform(1, 4))
            moments.append(CLOCK.mono_ns())
            code, seconds = program.stop()
            assert code == 0
            took.append(seconds)
        lost = _check(cameras, Recorded(program.data), moments)
    figure(
        "T03",
        f"{max(lost)} frame in flight lost at most, {max(took):.1f} s at most, in {STOPS} stops",
        "SIGTERM, 4 cameras",
    )
    assert max(took) <= 5
    assert max(lost) <= 1  # what the camera had sent and the demuxer did not hand on yet
