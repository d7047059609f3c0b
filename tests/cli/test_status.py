"""`redshank status`, told by a status file."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from redshank import status
from redshank.cli import app


def ask(folder: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["status", "--data", str(folder), *options])
    return result.exit_code, result.stdout.strip()


@pytest.mark.parametrize("ok", [True, False])
def test_running_is_all_that_a_health_check_asks(tmp_path: Path, ok: bool) -> None:
    """A camera that is off is no reason to replace the container of the others."""
    with status.owned(tmp_path):
        status.write(tmp_path, {"ok": ok, "cameras": []})
        assert ask(tmp_path, "--running") == (0, "running")
        assert ask(tmp_path, "--json")[0] == (0 if ok else 1)
    assert ask(tmp_path, "--running") == (1, "stopped")


def test_none_on_an_empty_folder(tmp_path: Path) -> None:
    assert ask(tmp_path, "--running") == (1, "stopped")
