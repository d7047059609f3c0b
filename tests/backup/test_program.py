"""The installed program: a damaged database and a restored one cost events, never footage."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from redshank.backup import database, heal, snapshot
from tests.e2e.program import Program, eventually, redshank
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.oracle import between, judge
from tests.harness.recordings import Recorded, decode_errors

FPS = 10
SECRET = {"REDSHANK_BACKUP_PASSPHRASE": "correct horse"}


def config(camera: FakeCamera) -> str:
    return (
        f"cameras:\n  yard:\n    url: {camera.url}\nsecurity: {{allow_targets: ['127.0.0.1:{camera.port}']}}\n"
        "web: {enabled: false}\nrecord: {segment: 4, streams: [main]}\ndetect: {enabled: false}\n"
    )


def until_files(recorded: Recorded, count: int) -> None:
    eventually(lambda: len(recorded.files()) >= count, 30, f"{count} finished files")


def lost(camera: FakeCamera, recorded: Recorded) -> int:
    """Frames sent between the first and the last on disk, and not there; none may be there twice or disordered."""
    stamps = recorded.stamps("yard")
    verdict = judge(between(camera.journal, stamps[0], stamps[-1]), stamps)
    assert (verdict.duplicated, verdict.out_of_order, verdict.unknown) == ((), (), ()), str(verdict)
    return len(verdict.lost)


def assert_sound(recorded: Recorded) -> None:
    """A row for each file and a file for each row, of its size; every file decodes; every second is footage or a gap."""
    rows = {row["path"]: row["size"] for row in recorded.rows()}
    assert rows == {str(file.relative_to(recorded.root)): file.stat().st_size for file in recorded.files()}
    assert [error for file in recorded.files() for error in decode_errors(file)] == []
    assert recorded.integrity() == "ok"
    assert recorded.unaccounted_s("yard") == 0


def gone(path: Path) -> None:
    for file in (path, database.beside(path, "-wal"), database.beside(path, "-shm")):
        file.unlink(missing_ok=True)


def log_deleted(path: Path) -> None:
    database.beside(path, "-wal").unlink()


def scrambled(path: Path) -> None:
    database.beside(path, "-wal").unlink()
    path.write_bytes(path.read_bytes()[:8192] + os.urandom(20000))


def kill(program: Program) -> None:
    for pid in program.pids():
        os.kill(pid, signal.SIGKILL)
    program.kill()


def until_indexed(program: Program, recorded: Recorded, files: int) -> None:
    """The request to make the index again is fulfilled, and it goes on recording."""
    eventually(lambda: not heal.wanted(program.data), 30, f"index made again; {program.said()[-800:]}")
    until_files(recorded, files)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [gone, log_deleted, scrambled])
def test_a_damaged_database_costs_no_footage(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """rel:T34 against the running program: kill, damage, start. 20 s each."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        recorded = Recorded(program.data)
        until_files(recorded, 2)
        eventually(lambda: snapshot.listed(program.data), 20, "a copy of the database")
        kill(program)
        before = len(recorded.files())
        damage(program.data / database.NAME)
        assert heal.check(program.data) is not None
        program.start()
        until_indexed(program, recorded, before + 2)
        assert "the database was damaged" in program.said()
        program.stop()
    assert lost(camera, recorded) <= 2 * FPS  # while nothing ran, and until the next keyframe
    assert_sound(recorded)


@pytest.mark.slow
def test_a_backup_of_the_running_program_is_restored_and_newer_footage_comes_back(tmp_path: Path) -> None:
    """20 s."""
    file = tmp_path / "a.backup"
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config(camera)) as program:
        recorded = Recorded(program.data)
        until_files(recorded, 1)
        options = ("--data", program.data, "--config", program.config)
        assert redshank("backup", "-o", file, *options, env=SECRET).returncode == 0
        until_files(recorded, 3)
        refused = redshank("restore", file, "--data", program.data, "--force", env=SECRET)
        assert (refused.returncode, "another Redshank" in refused.stderr) == (2, True)
        program.stop()
        before = len(recorded.files())
        assert redshank("restore", file, "--data", program.data, "--force", env=SECRET).returncode == 0
        program.start()
        until_indexed(program, recorded, before + 1)
        program.stop()
    assert_sound(recorded)
