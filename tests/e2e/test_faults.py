"""Faults of cameras and of our own processes, as the installed program takes them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from redshank.clock import SystemClock
from tests.e2e.footage import person_clip, stands
from tests.e2e.program import Program, alive, eventually, since_s
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.sinks import WebhookSink

CLOCK = SystemClock()


def config(camera: FakeCamera, hook: WebhookSink | None = None) -> str:
    targets = [f"127.0.0.1:{camera.port}"] + ([f"127.0.0.1:{hook.server.port}"] if hook else [])
    channels = f"channels:\n  hook: {{type: webhook, url: '{hook.url}'}}\n" if hook else ""
    return f"cameras:\n  yard:\n    url: {camera.url}\nsecurity: {{allow_targets: {json.dumps(targets)}}}\n{channels}"


def test_a_camera_that_goes_silent_is_stalled_and_connected_again(tmp_path: Path) -> None:
    """rel:T15"""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        program.wait_camera("yard")
        camera.wait_viewers(1)
        camera.faults.stopped = True
        silent = CLOCK.mono_ns()
        assert "nothing" in program.wait_camera("yard", "stalled", within_s=8)["reason"]
        stalled_s = since_s(silent)
        camera.wait_viewers(0, 10 - since_s(silent))
        camera.wait_viewers(1, 10 - since_s(silent))
        print(f"stalled after {stalled_s:.1f} s, connected again after {since_s(silent):.1f} s")
        camera.faults.stopped = False
        assert program.wait_camera("yard")["reason"] == ""


def test_the_analysis_goes_on_when_a_camera_comes_back(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        program.wait_looking("yard")
        camera.reset()
        eventually(lambda: program.camera("yard")["connects"] == 2, 10, "a new connection")
        looks = program.camera("yard")["analysed"]["looks"]
        eventually(lambda: program.camera("yard")["analysed"]["looks"] > looks + 5, 10, "looks go on")
        assert program.status["processes"]["vision-0"]["starts"] == 1


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_vision_that_hangs_or_dies_is_replaced_and_capture_loses_nothing(how: signal.Signals, tmp_path: Path) -> None:
    """rel:T43."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        program.wait_looking("yard")
        packets, sent = _held_up(camera, program)
        vision = program.pid("vision-0")
        os.kill(vision, how)
        begun = CLOCK.mono_ns()
        eventually(lambda: program.pid("vision-0") != vision, 6, "that vision is gone is noticed")
        noticed_s = since_s(begun)
        assert any(problem.startswith("vision-0:") for problem in program.status["problems"])
        eventually(lambda: program.pid("vision-0") not in (0, vision), 10, "a new vision process")
        seen = program.camera("yard")["analysed"]["looks"]
        eventually(lambda: program.camera("yard")["analysed"]["looks"] > seen, 14, "vision looks again")
        print(f"{how.name}: noticed after {noticed_s:.1f} s, looked again after {since_s(begun):.1f} s")
        packets_then, sent_then = _held_up(camera, program)
        assert packets_then - packets == sent_then - sent > 20
        assert program.camera("yard")["connects"] == 1
        assert program.status["processes"]["capture-0"]["starts"] == 1


def _held_up(camera: FakeCamera, program: Program) -> tuple[int, int]:
    """Stop the camera for a moment so that nothing is under way: packets behind the fan-out, packets sent."""
    camera.faults.stopped = True
    sent = sum(one.viewers > 0 for one in camera.journal)
    frames = len(camera.journal)
    camera.wait_sent(frames + 15)
    packets = program.camera("yard")["packets"]
    camera.faults.stopped = False
    return packets, sent


def test_killed_and_restarted_it_loses_no_notification_and_repeats_none(tmp_path: Path) -> None:
    """rel:T53, and rel:T52 once: the receiver is away when the alert opens, the hub is killed, the same person still stands there."""
    clip = person_clip(tmp_path / "yard.mp4", 10, stands())
    with FakeCamera(clip) as camera, WebhookSink() as hook, Program(tmp_path, config(camera, hook)) as program:
        hook.refuse()
        eventually(lambda: program.status.get("alerts", {}).get("open"), 30, "an alert")
        workers = program.pids()[1:]
        program.kill()
        killed = CLOCK.mono_ns()
        eventually(lambda: not any(map(alive, workers)), 5, "the workers end with the hub")
        print(f"orphans gone after {since_s(killed):.1f} s")
        hook.accept()
        program.start()
        hook.wait(1, 30)
        _stand_still(program)
        program.stop()
        program.start()
        _stand_still(program)
    told = [json.loads(request.body)["type"] for request in hook.inbox.items]
    assert told == ["alert.created"]
    assert "Traceback" not in program.said()


def _stand_still(program: Program) -> None:
    """Until the standing person has been looked at again and known for a while."""
    eventually(
        lambda: program.camera("yard").get("analysed", {}).get("now") == "1 person", 30, "the person is seen again"
    )
    begun = program.camera("yard")["packets"]
    eventually(lambda: program.camera("yard")["packets"] > begun + 30, 15, "three more seconds")
