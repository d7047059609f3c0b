from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from redshank.cli import app
from redshank.errors import ConfigError
from tests.frigate.configurations import CANARIES, GO2RTC

run = CliRunner()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "config.yml"
    path.write_text(GO2RTC)
    return path


def test_a_file_is_written_for_its_owner_only_and_never_over_another(old: Path, tmp_path: Path) -> None:
    made = tmp_path / "redshank.yaml"
    result = run.invoke(app, ["import-frigate", str(old), "-o", str(made)])
    assert result.exit_code == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert "mapped      detect.fps -> detect.fps" in result.stdout
    assert not any(canary in result.stdout for canary in CANARIES)
    again = run.invoke(app, ["import-frigate", str(old), "-o", str(made)])
    assert isinstance(again.exception, ConfigError)
    assert "exists already" in str(again.exception)


def test_without_a_place_the_text_is_printed_and_the_report_beside_it(old: Path) -> None:
    result = run.invoke(app, ["import-frigate", str(old)])
    assert result.stdout.startswith("# Made from")
    assert "mapped      detect.fps" in result.stderr


def test_scripts_get_one_json_object(old: Path) -> None:
    said = json.loads(run.invoke(app, ["import-frigate", str(old), "--json"]).stdout)
    assert said["report"][0]["key"] == "mqtt.enabled"
    assert "cameras:" in said["text"]


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    result = run.invoke(app, ["import-frigate", str(tmp_path / "no.yml")])
    assert isinstance(result.exception, ConfigError)
    assert "cannot be read" in str(result.exception)
