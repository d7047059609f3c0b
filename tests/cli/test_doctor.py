"""`redshank doctor`, as typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.footage import cached_clip


@pytest.fixture(scope="module")
def camera() -> Iterator[FakeCamera]:
    with FakeCamera(cached_clip(4), CameraSettings(user="joe", password="p@ss:CANARY")) as made:
        yield made


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "redshank", "doctor", "--watch", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_a_good_camera_ends_with_0_and_the_login_of_the_address_is_used(camera: FakeCamera) -> None:
    done = doctor(camera.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "login accepted" in done.stdout
    assert "CANARY" not in done.stdout + done.stderr


def test_a_wrong_password_ends_with_1_and_names_the_login(camera: FakeCamera) -> None:
    done = doctor(f"rtsp://127.0.0.1:{camera.port}/cam", "--user", "joe", REDSHANK_PASSWORD="wrong-CANARY")
    assert done.returncode == 1
    assert "refuses the login" in done.stdout
    assert "CANARY" not in done.stdout + done.stderr


def test_a_login_that_cannot_be_taken_apart_is_asked_for_in_its_own_fields() -> None:
    done = doctor("rtsp://joe:sl/ash@127.0.0.1:1/cam")
    assert done.returncode == 2
    assert "--user" in done.stderr
    assert "sl/ash" not in done.stdout + done.stderr


@pytest.mark.parametrize("url", ["rtsp://127.0.0.1:99999/x", "rtsp://[::1/x", "rtsp://127.0.0.1:port/x"])
def test_an_address_that_is_none_is_one_line(url: str) -> None:
    done = doctor(url)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "expected an address" in done.stderr


def test_a_camera_of_the_configuration_is_tried_by_name_in_all_its_streams(camera: FakeCamera, tmp_path: Path) -> None:
    config = tmp_path / "redshank.yaml"
    config.write_text(
        f"""
security: {{allow_targets: ["127.0.0.1:{camera.port}"]}}
cameras:
  front:
    streams:
      main: {{url: "rtsp://127.0.0.1:{camera.port}/cam", user: joe, password: "p@ss:CANARY"}}
      sub: {{url: "rtsp://127.0.0.1:{camera.port}/none", user: joe, password: "p@ss:CANARY"}}
"""
    )
    done = doctor("front", "--config", str(config), "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    verdicts = {check["name"]: check["verdict"] for check in found["checks"]}
    assert verdicts["front/main video"] == "ok"
    assert verdicts["front/sub opens"] == "bad"
    assert not found["ok"]
    assert "CANARY" not in done.stdout + done.stderr


def test_a_name_nobody_configured_lists_those_there_are(tmp_path: Path) -> None:
    config = tmp_path / "redshank.yaml"
    config.write_text('cameras: {front: {url: "rtsp://10.0.0.1/1"}, yard: {url: "rtsp://10.0.0.2/1"}}\n')
    done = doctor("frnt", "--config", str(config))
    assert done.returncode == 2
    assert "front, yard" in done.stderr
    assert "Traceback" not in done.stderr


def test_this_machine_is_looked_at_and_a_missing_model_without_network_is_one_line(tmp_path: Path) -> None:
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "1",
    }
    done = doctor("--data", str(tmp_path / "data"), REDSHANK_MODELS=str(tmp_path / "models"), **nowhere)
    assert done.returncode == 1
    assert "disk write" in done.stdout
    assert "BAD   capacity" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
