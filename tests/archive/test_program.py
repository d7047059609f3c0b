"""The installed program: exported, checked and indexed again, while it records and after it was killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redshank.clock import US_PER_S, SystemClock, rfc3339
from tests.e2e.program import Program, eventually, redshank
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.oracle import between, judge, stamps_of
from tests.harness.recordings import Recorded

CLOCK = SystemClock()


def config(camera: FakeCamera) -> str:
    targets = f'security: {{allow_targets: ["127.0.0.1:{camera.port}"]}}\nweb: {{enabled: false}}\n'
    return f"cameras:\n  yard:\n    url: {camera.url}\n{targets}record: {{segment: 4}}\ndetect: {{enabled: false}}\n"


@pytest.mark.slow
def test_footage_is_exported_and_checked_while_it_is_recorded(tmp_path: Path) -> None:
    """Up to the second that is being written; then the database is lost and comes back (rel:T10). 22 s."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        recorded = Recorded(program.data)
        eventually(lambda: len(recorded.files()) >= 2, 25, "two finished files")
        places = ("--config", program.config, "--data", program.data)
        start = rfc3339(recorded.rows()[0]["start"] + US_PER_S)
        clip = redshank(
            "export", "yard", "--from", start, "--to", "now", "-o", tmp_path / "clip.mp4", "--json", *places
        )
        assert clip.returncode == 0, clip.stderr
        said = json.loads(clip.stdout)["clips"][0]
        assert said["damaged"] == []
        finished_s = (recorded.rows()[1]["end"] - recorded.rows()[0]["start"]) / US_PER_S - 1
        assert said["seconds"] >= finished_s
        stamps = stamps_of(tmp_path / "clip.mp4")
        verdict = judge(between(camera.journal, stamps[0], stamps[-1]), stamps)
        wrong = (*verdict.lost, *verdict.duplicated, *verdict.out_of_order, *verdict.unknown)
        assert wrong == (), str(verdict)
        bundle = redshank("export", "yard", "--from", start, "--to", "now", "--zip", "-o", tmp_path / "a.zip", *places)
        assert bundle.returncode == 0, bundle.stderr
        checked = redshank("verify", "--deep", "--json", *places)
        assert json.loads(checked.stdout)["problems"] == []
        program.kill()
    assert redshank("evidence", "verify", tmp_path / "a.zip").returncode == 0
    rows = {row["path"]: (row["start"], row["end"], row["frames"]) for row in recorded.rows()}
    for file in program.data.glob("redshank.db*"):
        file.unlink()
    again = redshank("rebuild-index", "--json", *places)
    assert again.returncode == 0, again.stdout + again.stderr
    found = {row["path"]: (row["start"], row["end"], row["frames"]) for row in recorded.rows()}
    assert {path: found.get(path) for path in rows} == rows
    assert len(found) > len(rows), "what was being written when it was killed is there too"
    assert json.loads(redshank("verify", "--deep", "--json", *places).stdout)["problems"] == []
