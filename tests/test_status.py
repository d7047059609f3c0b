"""One Redshank per data folder, and what it says of itself is whole and its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from redshank import status
from redshank.errors import DiskFull, StoreError

HOLDER = """\
import sys, pathlib
from redshank import status
with status.owned(pathlib.Path(sys.argv[1])):
    status.write(pathlib.Path(sys.argv[1]), {"said": "by the first"})
    print("mine", flush=True)
    sys.stdin.read()
"""


def holder(data: Path) -> subprocess.Popen[bytes]:
    """Another process that owns the folder until it is killed."""
    command = [sys.executable, "-c", HOLDER, str(data)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"mine\n"
    return process


def test_a_second_one_on_the_same_folder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    """rel:T08"""
    first = holder(tmp_path)
    try:
        with pytest.raises(StoreError, match=rf"process {first.pid}\)"), status.owned(tmp_path):
            pass
        assert status.read(tmp_path) == {"said": "by the first"}
    finally:
        first.kill()
        first.communicate()


def test_after_kill_9_the_folder_is_free_and_nobody_runs(tmp_path: Path) -> None:
    first = holder(tmp_path)
    first.kill()
    first.communicate()
    assert status.read(tmp_path) is None
    with status.owned(tmp_path):
        assert (tmp_path / status.LOCK).read_text() == str(os.getpid())
        assert not (tmp_path / status.STATUS).exists(), "what a killed predecessor said is not how we are"


def test_nobody_runs_where_nobody_ever_ran(tmp_path: Path) -> None:
    assert status.read(tmp_path / "nothing") is None


def test_a_reader_never_sees_half_a_status(tmp_path: Path) -> None:
    long = {"cameras": ["x" * 1000] * 200}
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            status.write(tmp_path, long)

    first = holder(tmp_path)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [status.read(tmp_path)]
        while len(found) < 200 or (found[-1] != long and len(found) < 100_000):
            found.append(status.read(tmp_path))
    finally:
        stop.set()
        writer.join()
        first.kill()
        first.communicate()
    assert None not in found
    assert found[-1] == long


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="file/data: cannot be used as the data folder"),
        status.owned(tmp_path / "file" / "data"),
    ):
        pass


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    (tmp_path / f".{status.STATUS}").symlink_to("/dev/full")
    with pytest.raises(DiskFull, match="No space left"):
        status.write(tmp_path, {"ok": True})
