"""`redshank service`: the unit file for every kind of path, and one clear line where there is no systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redshank.cli.service import unit_path, unit_text


def exec_start(text: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    return line.removeprefix("ExecStart=")


def service(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Typed in a folder, which is also the only place where programs are looked for: systemd is not there."""
    command = [sys.executable, "-m", "redshank", "service", *arguments]
    environment = {**os.environ, "PATH": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)


def test_it_starts_after_a_power_cut_and_however_often_it_fell() -> None:
    lines = unit_text("/opt/redshank/bin/python", None, None, True).splitlines()
    assert {"Restart=always", "StartLimitIntervalSec=0", "WantedBy=multi-user.target"} <= set(lines)


def test_a_users_own_service_starts_with_the_users_session() -> None:
    assert "WantedBy=default.target" in unit_text("/usr/bin/python3", None, None, False)


def test_paths_with_spaces_percent_quotes_and_dollars_stay_one_word_each(tmp_path: Path) -> None:
    config, data = tmp_path / 'my "100%" $cameras' / "redshank.yaml", tmp_path / "back\\slash data"
    command = exec_start(unit_text("/opt/my python/bin/python", config, data, True))
    folder = str(tmp_path)
    assert command == (
        '"/opt/my python/bin/python" -m redshank run '
        f'--config "{folder}/my \\"100%%\\" $$cameras/redshank.yaml" --data "{folder}/back\\\\slash data"'
    )


def test_relative_paths_become_absolute_since_systemd_starts_elsewhere() -> None:
    command = exec_start(unit_text(sys.executable, Path("redshank.yaml"), None, True))
    assert f'--config "{Path.cwd()}/redshank.yaml"' in command


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("system", [True, False])
def test_systemd_itself_finds_nothing_wrong_with_the_unit(tmp_path: Path, system: bool) -> None:
    config = tmp_path / "50% of it.yaml"
    unit = tmp_path / "redshank.service"
    unit.write_text(unit_text(sys.executable, config, tmp_path / "data dir", system))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "redshank" in line] == []


def test_root_has_a_system_service_and_a_user_one_of_their_own() -> None:
    assert unit_path(True) == Path("/etc/systemd/system/redshank.service")
    code = "from redshank.cli.service import unit_path; print(unit_path(False))"
    home = {**os.environ, "XDG_CONFIG_HOME": "/home/ann/.config"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=home)
    assert done.stdout.strip() == "/home/ann/.config/systemd/user/redshank.service"


def test_print_shows_the_unit_and_changes_nothing(tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.touch()
    done = service(tmp_path, "install", "--print", "--config", "my.yaml")
    assert done.returncode == 0
    assert exec_start(done.stdout).endswith(f'--config "{config}"')
    assert list(tmp_path.iterdir()) == [config]


def test_the_configuration_of_the_folder_is_written_into_the_unit(tmp_path: Path) -> None:
    (tmp_path / "redshank.yaml").touch()
    done = service(tmp_path, "install", "--print")
    assert exec_start(done.stdout).endswith(f'--config "{tmp_path}/redshank.yaml"')


def test_a_configuration_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = service(tmp_path, "install", "--config", "nowhere.yaml")
    assert done.returncode == 2
    assert done.stderr == "redshank: nowhere.yaml: no such file; write one with: redshank init nowhere.yaml\n"


@pytest.mark.parametrize("command", ["install", "status", "remove"])
def test_without_systemd_it_says_so_in_one_line(command: str, tmp_path: Path) -> None:
    done = service(tmp_path, command)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "no systemd" in line
