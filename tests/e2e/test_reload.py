"""A configuration that changes while the program runs: what holds at once, what it costs, and that a mistake costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from redshank.config.load import load
from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import CLOCK, Program, eventually, jsonl, redshank
from tests.e2e.recording import config, lost, problem, unsound, until_files, until_recorded
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
            eventually(lambda: told(program), 60, program.said())
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
            until_files(recorded, 1, "hall")
            until_files(recorded, 3, "yard")
            assert program.pids() == pids
            assert program.stop()[0] == 0
        sound(program, recorded, {"yard": yard, "hall": hall})
        first = min(row["start"] for row in recorded.rows() if row["camera"] == "yard")
        gaps = [row for row in recorded.rows("gaps") if row["camera"] == "yard"]
        assert [row["end"] <= first for row in gaps] == [True], "one gap: before its first frame"


def is_known(program: Program, name: str) -> bool:
    return any(camera["camera"] == name for camera in program.status.get("cameras", ()))


@pytest.mark.slow
def test_cameras_that_go_come_back_or_move_cost_the_others_no_frame(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(10)) as yard, FakeCamera(cached_clip(10)) as hall, FakeCamera(cached_clip(10)) as attic:
        every = {"yard": yard, "hall": hall, "attic": attic}
        with Program(tmp_path, config(every)) as program:
            recorded = Recorded(program.data)
            until_recorded(program, every)
            pids = program.pids()
            applied(program, config(every, more={"hall": "enabled: false"}))
            eventually(lambda: not is_known(program, "hall"), 10, "hall is switched off")
            eventually(lambda: not hall.viewers, 10, "nobody watches hall")
            eventually(lambda: recorded.files("hall"), 10, "its file is finished")
            off = len(hall.journal)
            applied(program, config(every))
            until_recorded(program, ["hall"])
            assert hall.journal[off:]
            applied(program, config({"yard": yard, "hall": attic}))
            eventually(lambda: not is_known(program, "attic"), 10, "attic is gone")
            eventually(lambda: not hall.viewers and attic.viewers, 15, "hall looks elsewhere")
            until_recorded(program, ["yard", "hall"])
            until_files(recorded, len(recorded.files("yard")) + 2, "yard")
            assert program.pids() == pids
            assert program.stop()[0] == 0
        sound(program, recorded, {"yard": yard})
        assert recorded.unaccounted_s("hall") == 0
        reasons = {row["reason"] for row in recorded.rows("gaps") if row["camera"] == "hall"}
        assert reasons <= {"off", "offline", "restart"}
        assert "off" in reasons


@pytest.mark.slow
def test_a_mistake_in_the_file_changes_nothing_and_is_told_until_it_is_corrected(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(10)) as yard:
        good = config({"yard": yard})
        with Program(tmp_path, good) as program:
            recorded = Recorded(program.data)
            until_recorded(program, ["yard"])
            for broken in ("", good.replace("url:", "ulr:"), good + "rules: {visit: {lables: person}}\n"):
                program.config.write_text(broken)
                assert "redshank.yaml" in problem(program, "changed configuration is not used", 10)
                assert program.camera("yard")["status"] == "online"
                applied(program, good)
                eventually(lambda: program.status["problems"] == [], 5, f"{program.status['problems']}")
            until_files(recorded, 3)
            assert program.stop()[0] == 0
        sound(program, recorded, {"yard": yard})


@pytest.mark.slow
def test_a_key_that_waits_for_a_restart_is_told_until_then(tmp_path: Path) -> None:
    with FakeCamera(cached_clip(10)) as yard, Program(tmp_path, config({"yard": yard})) as program:
        program.wait_camera("yard")
        text = config({"yard": yard}) + "backup: {keep: 5}\n"
        applied(program, text)
        eventually(lambda: program.status["pending"] == ["backup.keep"], 5, str(program.status["pending"]))
        assert "backup.keep" in redshank("status", "--data", program.data).stdout
        program.stop()
        program.start()
        program.wait_camera("yard")
        assert program.status["pending"] == []


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.0, 2.1, 3.9, 4.1, 4.3, 4.6, 5.0])
def test_a_kill_at_any_point_leaves_the_old_or_the_new_configuration(tmp_path: Path, after_s: float) -> None:
    with (
        FakeCamera(cached_clip(10)) as yard,
        FakeCamera(cached_clip(10)) as hall,
        Program(tmp_path, config({"yard": yard})) as program,
    ):
        until_recorded(program, ["yard"])
        program.config.write_text(config({"yard": yard, "hall": hall}))
        CLOCK.wait(after_s)
        program.kill()
        program.start()
        until_recorded(program, ["yard", "hall"])
        assert program.status["problems"] == []
        assert load(program.data / "last-good.yaml", {}).config.cameras.keys() == {"yard", "hall"}
