"""Faults at program level that take minutes or a machine of their own: `make torture TEST=program`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import CLOCK, Program, cpu_s, eventually, since_s
from tests.harness.broker import free_port
from tests.harness.fake_camera import FakeCamera, Faults
from tests.harness.footage import cached_clip
from tests.harness.sinks import WebhookSink

pytestmark = pytest.mark.slow
WATCHED_S = 20


def _config(urls: list[str], rest: str = "", more: tuple[int, ...] = ()) -> str:
    ports = [*(int(url.rpartition(":")[2].split("/")[0]) for url in urls), *more]
    cameras = "".join(f"  c{number}:\n    url: {url}\n" for number, url in enumerate(urls))
    targets = json.dumps([f"127.0.0.1:{port}" for port in ports])
    return f"cameras:\n{cameras}security: {{allow_targets: {targets}}}\n{rest}"


def test_dead_cameras_hold_up_no_other(tmp_path: Path) -> None:
    """rel:T24: eight cameras, two refused, two that accept and never answer."""
    with ExitStack() as stack:
        good = [stack.enter_context(FakeCamera(cached_clip(10))) for _ in range(4)]
        mute = [stack.enter_context(FakeCamera(cached_clip(10), faults=Faults(half_open=True))) for _ in range(2)]
        dead = [camera.url for camera in mute] + [f"rtsp://127.0.0.1:{free_port()}/cam" for _ in range(2)]
        urls = dead + [camera.url for camera in good]
        with Program(tmp_path / "eight", _config(urls)) as program:
            eventually(lambda: all(camera.viewers for camera in good), 20, "four good cameras are watched")
            watched_s = since_s(program.started_ns)
            for number in range(4, 8):
                program.wait_camera(f"c{number}")
            print(
                f"4 good of 8: watched after {watched_s:.1f} s, shown online after {since_s(program.started_ns):.1f} s"
            )
            program.stop()
        with Program(tmp_path / "four", _config(dead)) as program:
            eventually(lambda: program.camera("c3").get("status") == "offline", 20, "a dead camera is shown")
            capture = program.pid("capture-0")
            before, begun = cpu_s(capture), CLOCK.mono_ns()
            eventually(lambda: since_s(begun) > WATCHED_S, WATCHED_S + 5, "a while")
            share = (cpu_s(capture) - before) / since_s(begun) / 4
            print(f"a dead camera costs {share:.2%} of a core")
    assert share < 0.02
    assert watched_s < 5


def test_what_happened_while_the_receiver_was_away_arrives_in_order(tmp_path: Path) -> None:
    """rel:T51, short: 20 s of refusals."""
    clip = person_clip(tmp_path / "c.mp4", 5, walks_in(1, 2, 3))
    with FakeCamera(clip) as camera, WebhookSink() as hook:
        channel = f"channels:\n  hook: {{type: webhook, url: '{hook.url}'}}\n"
        with Program(tmp_path, _config([camera.url], channel, (hook.server.port,))) as program:
            hook.refuse()
            program.wait_looking("c0")
            begun = CLOCK.mono_ns()
            eventually(lambda: since_s(begun) > 20, 25, "20 s of refusals")
            assert program.status["channels"]["hook"]["state"] == "failing"
            waiting = program.status["channels"]["hook"]["queued"]
            total = program.status["alerts"]["total"]
            camera.faults.stopped = True
            hook.accept()
            back = CLOCK.mono_ns()
            eventually(lambda: program.status["channels"]["hook"]["queued"] == 0, 60, f"{waiting} are delivered")
            print(f"{waiting} messages of {total} alerts delivered {since_s(back):.1f} s after the return")
    told = [json.loads(request.body) for request in hook.inbox.items]
    created = [one["data"]["opened"] for one in told if one["type"] == "alert.created"]
    assert len(created) >= total >= 2
    assert created == sorted(set(created))
