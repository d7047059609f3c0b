"""The life of the installed program: set-up mode, one per folder, status, a clean end."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from redshank.clock import SystemClock
from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import Program, alive, eventually, redshank, since_s
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.sinks import SmtpSink, WebhookSink

CLOCK = SystemClock()


def config(camera: FakeCamera, rest: str = "", ports: str = "") -> str:
    targets = f'security: {{allow_targets: ["127.0.0.1:{camera.port}"{ports}]}}\n'
    return f"cameras:\n  yard:\n    url: {camera.url}\n{targets}{rest}"


def test_without_a_configuration_it_says_what_to_do_and_notices_one_that_appears(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, None) as program:
        eventually(lambda: program.status.get("setup"), 15, "set-up mode")
        assert "redshank.yaml" in program.said()
        assert "redshank init" in program.said()
        shown = redshank("status", "--json", "--data", program.data)
        assert shown.returncode == 1
        assert json.loads(shown.stdout)["setup"] is True
        program.config.write_text("cameras: [nonsense\n")
        eventually(lambda: "redshank.yaml:" in program.said(), 10, "the line that is wrong")
        program.config.write_text(config(camera))
        program.wait_camera("yard", within_s=20)
        code, took_s = program.stop()
    assert (code, took_s < 10) == (0, True)


def test_status_is_told_while_it_runs_and_after(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        program.wait_looking("yard")
        shown = redshank("status", "--json", "--data", program.data)
        found = json.loads(shown.stdout)
        assert (shown.returncode, found["running"], found["ok"]) == (0, True, True)
        assert [(c["camera"], c["status"]) for c in found["cameras"]] == [("yard", "online")]
        assert "yard" in redshank("status", "--data", program.data).stdout
        _second_is_refused(program)
        workers = program.pids()[1:]
        code, took_s = program.stop()
    assert (code, took_s < 10) == (0, True)
    assert [pid for pid in workers if alive(pid)] == []
    shown = redshank("status", "--json", "--data", program.data)
    assert (shown.returncode, json.loads(shown.stdout)["running"]) == (1, False)
    _nothing_is_half_written(program)


def _second_is_refused(program: Program) -> None:
    """rel:T08."""
    begun = CLOCK.mono_ns()
    second = redshank("run", "--config", program.config, "--data", program.data, "--no-view")
    # 2 s on a machine of its own; twice that on one that other tests keep busy.
    assert since_s(begun) < 4
    assert second.returncode == 2
    assert f"process {program.pids()[0]}" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert program.camera("yard")["connects"] == 1


def _nothing_is_half_written(program: Program) -> None:
    names = [file.name for file in program.data.rglob("*")]
    assert [name for name in names if name.endswith((".part", "-wal", "-journal")) or name.startswith(".status")] == []
    with sqlite3.connect(program.data / "redshank.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert "Traceback" not in program.said()


def test_it_ends_in_time_while_mail_and_webhook_servers_hang(tmp_path: Path) -> None:
    clip = person_clip(tmp_path / "yard.mp4", 6, walks_in(2))
    with FakeCamera(clip) as camera, SmtpSink() as mail, WebhookSink() as hook:
        mail.hang = hook.hang = True
        channels = (
            f"channels:\n  hook: {{type: webhook, url: '{hook.url}'}}\n"
            f"  mail: {{type: email, host: 127.0.0.1, port: {mail.port}, security: none,"
            " sender: a@example.org, to: b@example.org}\n"
        )
        ports = f', "127.0.0.1:{mail.port}", "127.0.0.1:{hook.server.port}"'
        with Program(tmp_path, config(camera, channels, ports)) as program:
            hook.wait(1, 40)
            code, took_s = program.stop()
            assert (code, took_s < 10) == (0, True)
            hook.hang = False
            program.start()
            again = hook.wait(2, 30)
    assert again[0].headers["webhook-id"] in [request.headers["webhook-id"] for request in again[1:]]


def test_check_names_file_line_and_key(tmp_path: Path) -> None:
    cases = {
        "cameras:\n  yard:\n    urll: rtsp://192.168.1.2/\n": ("urll", ":3"),
        "cameras:\n  yard:\n    url: rtsp://192.168.1.2/\n    detect: {fps: many}\n": ("fps", ":4"),
        "cameras: [\n": ("", "2"),
    }
    for text, (key, line) in cases.items():
        path = tmp_path / "redshank.yaml"
        path.write_text(text)
        told = redshank("check", "--config", path)
        said = told.stdout + told.stderr
        assert told.returncode in (1, 2)
        assert key in said
        assert line in said
        assert "Traceback" not in said
    missing = redshank("check", "--config", tmp_path / "none.yaml")
    assert missing.returncode == 2
    assert "none.yaml" in missing.stderr
