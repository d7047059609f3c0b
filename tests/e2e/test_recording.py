"""The installed program records: what the camera sent is on disk frame by frame, also through kills."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from redshank.clock import SystemClock
from tests.e2e.program import Program, eventually, redshank
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.oracle import between, judge, key
from tests.harness.recordings import Recorded, decode_errors
from tests.harness.stamp import Stamp

CLOCK = SystemClock()
RECORD = "record: {segment: 4, streams: [main]}\ndetect: {enabled: false}\n"
FPS = 10
GOP_S = 1
LOST_S = 1.0


def config(camera: FakeCamera, rest: str = RECORD) -> str:
    targets = f'security: {{allow_targets: ["127.0.0.1:{camera.port}"]}}\nweb: {{enabled: false}}\n'
    return f"cameras:\n  yard:\n    url: {camera.url}\n{targets}{rest}"


def wait_files(recorded: Recorded, count: int, within_s: float = 25) -> None:
    eventually(lambda: len(recorded.files()) >= count, within_s, f"{count} finished files")


def lost_frames(camera: FakeCamera, recorded: Recorded) -> list[Stamp]:
    """Sent to a viewer between the first and the last frame on disk, and not there. Nothing may be there twice or disordered."""
    stamps = recorded.stamps("yard")
    verdict = judge(between(camera.journal, stamps[0], stamps[-1]), stamps)
    assert (verdict.duplicated, verdict.out_of_order, verdict.unknown) == ((), (), ()), str(verdict)
    return [entry.stamp for entry in camera.journal if key(entry.stamp) in verdict.lost]


def test_every_frame_is_on_disk_and_a_stop_leaves_nothing_half_done(tmp_path: Path) -> None:
    """rel:T03, once."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        recorded = Recorded(program.data)
        wait_files(recorded, 2)
        code, took_s = program.stop()
        last = max(i for i, entry in enumerate(camera.journal) if entry.viewers)
        assert (code, took_s < 5) == (0, True)
        stamps = recorded.stamps("yard")
        assert camera.journal[last].stamp.number - stamps[-1].number in (0, 1, 2, -99, -98)
    assert lost_frames(camera, recorded) == []
    assert recorded.disagreements() == []
    assert [error for file in recorded.files() for error in decode_errors(file)] == []
    assert recorded.unaccounted_s("yard") == 0
    assert "Traceback" not in program.said()


@pytest.mark.parametrize("who", ["capture", "everybody"])
def test_a_kill_costs_less_than_a_second_and_the_rest_is_adopted(who: str, tmp_path: Path) -> None:
    """rel:T01, rel:T02, once."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        recorded = Recorded(program.data)
        wait_files(recorded, 1)
        before = len(recorded.files())
        killed_ns = CLOCK.mono_ns()
        for pid in [program.pid("capture-0")] if who == "capture" else program.pids():
            os.kill(pid, signal.SIGKILL)
        if who == "everybody":
            program.kill()
            program.start()
        wait_files(recorded, before + 2)
        program.stop()
    lost = lost_frames(camera, recorded)
    assert sum(stamp.mono_ns < killed_ns for stamp in lost) <= FPS * LOST_S
    assert sum(stamp.mono_ns >= killed_ns for stamp in lost) <= FPS * GOP_S  # watched again, but no keyframe yet
    assert recorded.disagreements() == []
    assert [error for file in recorded.files() for error in decode_errors(file)] == []
    assert recorded.unaccounted_s("yard") == 0
    assert {gap["reason"] for gap in recorded.rows("gaps")} <= {"restart", "offline"}
    assert recorded.integrity() == "ok"


def test_private_now_keeps_nothing_until_it_is_switched_off(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        recorded = Recorded(program.data)
        wait_files(recorded, 1)
        assert redshank("private", "yard", "--data", program.data).returncode == 0
        eventually(lambda: program.camera("yard").get("recording", {}).get("private"), 5, "private")
        begun = CLOCK.now()
        CLOCK.wait(2)
        ended = CLOCK.now()
        assert redshank("private", "yard", "--off", "--data", program.data).returncode == 0
        before = len(recorded.files())
        wait_files(recorded, before + 1)
        program.stop()
    kept = [stamp for stamp in recorded.stamps("yard") if begun < stamp.wall_us < ended]
    assert kept == []
    assert "private" in {gap["reason"] for gap in recorded.rows("gaps")}
    assert recorded.unaccounted_s("yard") == 0
