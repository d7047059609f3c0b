"""A configuration that changes while the program runs: what holds at once, what it costs, and that a mistake costs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import Program, eventually, jsonl
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding

APPLIED_S = 15


def told(program: Program) -> list[dict[str, Any]]:
    return jsonl(program.folder / "told" / "alerts.jsonl")


def test_the_next_alert_obeys_the_changed_rule(tmp_path: Path) -> None:
    clip = person_clip(tmp_path / "clip.mp4", 12, walks_in(1, 2, 5), Encoding(fps=10))
    with FakeCamera(clip) as camera:
        text = (
            f"cameras: {{yard: {{url: '{camera.url}'}}}}\nsecurity: {{allow_targets: ['127.0.0.1:{camera.port}']}}\n"
            "web: {enabled: false}\nrules: {visit: {labels: cat}}\n"
            f"channels: {{book: {{type: folder, path: {tmp_path}/told}}}}\n"
        )
        with Program(tmp_path, text) as program:
            program.wait_looking("yard")
            pids = program.pids()
            assert told(program) == []
            program.config.write_text(text.replace("cat", "person"))
            eventually(lambda: told(program), 30, program.said())
            assert program.pids() == pids
