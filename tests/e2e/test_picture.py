"""The picture of an alert is cut from the main stream, whatever stream is analysed."""

from __future__ import annotations

import json
from pathlib import Path

from redshank.hub import jpeg_size
from tests.e2e.footage import need_model, person_clip, walks_in
from tests.e2e.program import Program, eventually, jsonl
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding


def test_who_is_found_in_the_small_stream_is_shown_in_the_large_one(tmp_path: Path) -> None:
    need_model()
    large = person_clip(tmp_path / "main.mp4", 10, walks_in(3), Encoding(width=1280, height=720))
    small = person_clip(tmp_path / "sub.mp4", 10, walks_in(3), Encoding(width=640, height=360))
    with FakeCamera(large) as main, FakeCamera(small) as sub:
        config = (
            f"cameras:\n  yard:\n    streams:\n      main: {{url: '{main.url}'}}\n      sub: {{url: '{sub.url}'}}\n"
            f"channels: {{box: {{type: folder, path: '{tmp_path / 'box'}'}}}}\n"
            f"security: {{allow_targets: {json.dumps([f'127.0.0.1:{c.port}' for c in (main, sub)])}}}\n"
        )
        with Program(tmp_path, config) as program:
            lines = tmp_path / "box" / "alerts.jsonl"
            eventually(lambda: lines.exists() and jsonl(lines), 45, "an alert")
            picture = tmp_path / "box" / jsonl(lines)[0]["file"]
            analysed = next(c for c in program.status["cameras"] if c["stream"] == "sub")
            assert analysed["analysed"]["looks"] > 0
    assert jpeg_size(picture.read_bytes()) == (1280, 720)
