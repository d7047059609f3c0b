"""`redshank backup`, `restore` and `rollback`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from redshank import status
from redshank.backup import database, snapshot
from redshank.cli import backup
from redshank.errors import ConfigError, RedshankError, StoreError
from tests.backup import sample
from tests.harness.clocks import START

app = typer.Typer()
app.add_typer(backup.app, name="backup")
app.command("restore")(backup.restore)
app.command("rollback")(backup.rollback)


def ask(*words: str | Path, passphrase: str | None = "correct horse") -> Result:
    """Raises what the command raises."""
    environ = {backup.PASSPHRASE: passphrase}
    result = CliRunner().invoke(app, [str(word) for word in words], env=environ, catch_exceptions=True)
    if isinstance(result.exception, RedshankError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    with sample.opened(data) as store:
        sample.add(store, 0, 20)
    (data / "keys").mkdir()
    (data / "keys/push.pem").write_text("key")
    (tmp_path / "redshank.yaml").write_text("cameras:\n  door: {url: 'rtsp://10.0.0.2/', password: '${DOOR}'}\n")
    return data


def test_there_and_back(data: Path, tmp_path: Path) -> None:
    file, config, new = tmp_path / "a.backup", tmp_path / "redshank.yaml", tmp_path / "new"
    with status.owned(data):  # a program that runs is no hindrance
        told = ask("backup", "-o", file, "--data", data, "--config", config).stdout
    assert "read back and found right" in told
    assert "not in it, save it yourself: the environment variable DOOR" in told
    assert "1 keys" in told
    assert "right, made" in ask("backup", "check", file).stdout
    told = ask("restore", file, "--data", new).stdout
    assert f"redshank run --data {new} --config {new / 'config/redshank.yaml'}" in told
    assert f"it was {config} when" in told
    assert len(sample.event_ids(new / database.NAME)) == 20
    with pytest.raises(StoreError, match="--force"):
        ask("restore", file, "--data", new)
    assert "before-restore-" in ask("restore", file, "--data", new, "--force").stdout


def test_keys_that_a_backup_does_not_replace_are_told(data: Path, tmp_path: Path) -> None:
    without, new = tmp_path / "without", tmp_path / "new"
    with sample.opened(without) as store:
        sample.add(store, 0, 5)
    file, with_keys = tmp_path / "a.backup", tmp_path / "b.backup"
    ask("backup", "-o", file, "--data", without)
    ask("backup", "-o", with_keys, "--data", data)
    assert "no keys" not in ask("restore", with_keys, "--data", new).stdout
    assert "no keys" not in ask("restore", with_keys, "--data", new, "--force").stdout
    told = ask("restore", file, "--data", new, "--force").stdout
    (kept,) = [path for path in new.glob("before-restore-*") if "no keys" in told and str(path / "keys") in told]
    assert (kept / "keys/push.pem").read_text() == "key"
    assert "no keys" not in ask("restore", file, "--data", new, "--force").stdout
    assert json.loads(ask("restore", file, "--data", new, "--force", "--json").stdout)["without_keys"] is False


def test_for_scripts(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.backup"
    made = json.loads(ask("backup", "--output", file, "--data", data, "--json").stdout)
    assert made["file"] == str(file)
    assert made["bytes"] == file.stat().st_size
    assert made["rows"]["events"] == 20
    assert made["files"] == ["redshank.db", "keys/push.pem"]
    assert json.loads(ask("backup", "check", file, "--json").stdout)["ok"]
    assert json.loads(ask("restore", file, "--data", tmp_path / "new", "--json").stdout)["kept"] is None


def test_the_copies_that_make_themselves_are_listed(data: Path) -> None:
    assert "There is none in" in ask("backup", "list", "--data", data).stdout
    snapshot.take(data, "redshank", START)
    assert "2026-01-01T00:00:00" in ask("backup", "list", "--data", data).stdout
    (found,) = json.loads(ask("backup", "list", "--data", data, "--json").stdout)["copies"]
    assert found["made"] == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("passphrase", "words", "line"),
    [
        (None, [], r"no passphrase: give --passphrase-file or set \$REDSHANK_BACKUP_PASSPHRASE"),
        ("short", [], "too short: expected at least 8"),
        ("long enough", ["--passphrase-file", "/nowhere"], "--passphrase-file /nowhere: cannot be read"),
    ],
)
def test_without_a_good_passphrase_nothing_is_written(
    data: Path, tmp_path: Path, passphrase: str | None, words: list[str], line: str
) -> None:
    with pytest.raises(ConfigError, match=line):
        ask("backup", "-o", tmp_path / "a.backup", "--data", data, *words, passphrase=passphrase)
    assert not (tmp_path / "a.backup").exists()


def test_the_passphrase_may_lie_in_a_file(data: Path, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a long passphrase\nanother line\n")
    ask("backup", "-o", tmp_path / "a.backup", "--data", data, "--passphrase-file", secret, passphrase=None)
    ask("backup", "check", tmp_path / "a.backup", passphrase="a long passphrase")
    with pytest.raises(StoreError, match="wrong passphrase"):
        ask("backup", "check", tmp_path / "a.backup")


def test_rollback_says_that_there_is_nothing_to_return_to(data: Path) -> None:
    with pytest.raises(StoreError, match="nothing to return to"):
        ask("rollback", "--data", data)
    with status.owned(data), pytest.raises(StoreError, match="another Redshank"):
        ask("rollback", "--data", data)
