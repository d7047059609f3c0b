from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from redshank.cli.config import check, init

app = typer.Typer()
app.command()(check)
app.command()(init)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("REDSHANK_CONFIG", raising=False)
    return CliRunner()


def test_init_writes_a_file_that_check_accepts_and_never_overwrites(tmp_path: Path, runner: CliRunner) -> None:
    path = tmp_path / "new" / "redshank.yaml"
    assert runner.invoke(app, ["init", str(path)]).exit_code == 0
    checked = runner.invoke(app, ["check", "--config", str(path)])
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "right: 1 cameras" in checked.stdout
    path.write_text("mine")
    again = runner.invoke(app, ["init", str(path)])
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert path.read_text() == "mine"


def test_check_lists_problems_and_exits_1(tmp_path: Path, runner: CliRunner) -> None:
    path = tmp_path / "redshank.yaml"
    path.write_text("detect: {fps: fast}\n")
    checked = runner.invoke(app, ["check", "--config", str(path)])
    assert checked.exit_code == 1
    assert checked.stderr == f"{path}:1: detect.fps is 'fast': expected a valid number\n"


def test_check_knows_the_labels_of_the_model(
    tmp_path: Path, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDSHANK_MODELS", str(tmp_path / "none"))
    path = tmp_path / "redshank.yaml"
    path.write_text("objects:\n  track: [person, persn]\n")
    checked = runner.invoke(app, ["check", "--config", str(path)])
    assert checked.stderr == (
        f"{path}:2: objects.track[1] is 'persn': expected a label of the model, did you mean \"person\"?\n"
    )
    path.write_text("detector: {model: yolo99}\n")
    checked = runner.invoke(app, ["check", "--config", str(path)])
    assert checked.exit_code == 1
    assert checked.stderr.startswith("detector.model is 'yolo99': ")


def test_check_in_json_is_one_object(tmp_path: Path, runner: CliRunner) -> None:
    path = tmp_path / "redshank.yaml"
    path.write_text("detect: {fps: fast}\ncameras: {a: {url: a.mp4}}\n")
    checked = runner.invoke(app, ["check", "--json", "--config", str(path)])
    assert checked.exit_code == 1
    answer = json.loads(checked.stdout)
    assert answer["problems"] == [
        {"file": str(path), "line": 1, "key": "detect.fps", "value": "'fast'", "expected": "expected a valid number"}
    ]
    assert answer["cameras"] == ["a"]


def test_check_of_an_unreadable_file_is_one_line_and_exits_2(tmp_path: Path, runner: CliRunner) -> None:
    checked = runner.invoke(app, ["check", "--config", str(tmp_path / "none.yaml")])
    assert checked.exit_code == 2
    assert checked.stderr.count("\n") == 1
    assert "Traceback" not in checked.output
