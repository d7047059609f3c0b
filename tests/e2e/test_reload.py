"""A configuration that changes while the program runs: what holds at once, what it costs, and that a mistake costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import Program, eventually, jsonl
from tests.e2e.recording import config, lost, unsound, until_files, until_recorded
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding, cached_clip
from tests.harness.recordings import Recorded


def told(program: Program) -> list[dict[str, Any]]:
    return jsonl(program.folder / "told" / "alerts.jsonl")


def applied(program: Program, text: str, within_s: float = 15) -> None:
    """Write it, and wait until it was read."""
    before = program.said().count("configuration read again")
    program.config.write_text(text)
    eventually(lambda: program.said().count("configuration read again") > before, within_s, program.said()[-2000:])


def sound(program: Program, recorded: Recorded, cameras: Mapping[str, FakeCamera]) -> None:
    """Of each not a frame is missing between its first and its last, files and rows agree, and it never was another process."""
    assert {name: lost(camera, recorded, name) for name, camera in cameras.items()} == dict.fromkeys(cameras, ())
    assert unsound(recorded) == []
    assert [recorded.unaccounted_s(name) for name in cameras] == [0] * len(cameras)
    assert "Traceback" not in program.said()
    assert "starting it again" not in program.said()


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
            applied(program, text.replace("cat", "person"))
            eventually(lambda: told(program), 30, program.said())
            assert program.pids() == pids


def test_a_camera_that_is_added_records_and_costs_the_others_no_frame(tmp_path: Path) -> None:
    """req:P-16."""
    with FakeCamera(cached_clip(10)) as yard, FakeCamera(cached_clip(10)) as hall:
        with Program(tmp_path, config({"yard": yard})) as program:
            recorded = Recorded(program.data)
            until_files(recorded, 1)
            pids = program.pids()
            applied(program, config({"yard": yard, "hall": hall}))
            until_recorded(program, ["yard", "hall"])
            until_files(recorded, 2, "hall")
            until_files(recorded, 4, "yard")
            assert program.pids() == pids
            assert program.stop()[0] == 0
        sound(program, recorded, {"yard": yard, "hall": hall})
        first = min(row["start"] for row in recorded.rows() if row["camera"] == "yard")
        gaps = [row for row in recorded.rows("gaps") if row["camera"] == "yard"]
        assert [row["end"] <= first for row in gaps] == [True], "one gap: before its first frame"
