"""A process that is killed at the n-th thing it does to the file system, for every n, and what a start then finds.

    python -m tests.backup.killed TASK FOLDER

prints one JSON list: what `state` says of the folder after each kill and the start that follows. FOLDER is copied for each try. The
points are Python's audit events (opening for writing, renaming, linking, deleting …); for a migration every SQL statement and commit.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from redshank.backup import database, heal, migration, snapshot, start
from redshank.backup.restore import restore
from redshank.clock import SystemClock
from redshank.store.base import Store
from tests.backup import sample

POINTS = {
    "open",
    "os.rename",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.truncate",
    "sqlite3.connect",
    "shutil.rmtree",
}
CLOCK = SystemClock()
PASSPHRASE = "correct horse"


def _restore(folder: Path) -> None:
    restore(folder / "a.backup", PASSPHRASE, folder / "data", CLOCK, force=True)


def _migrate(folder: Path) -> None:
    start.at_start(folder / "data", CLOCK)
    Store(f"sqlite:///{folder / 'data' / database.NAME}", CLOCK)


TASKS: dict[str, Callable[[Path], object]] = {
    "restore": _restore,
    "heal": lambda folder: start.at_start(folder / "data", CLOCK),
    "rollback": lambda folder: migration.rollback(folder / "data", CLOCK),
    "migrate": _migrate,
}


def _die_at(number: int, statements: bool) -> None:
    """This process, from now on."""
    left = number

    def step(*_anything: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if statements:
        event.listen(Engine, "before_cursor_execute", step)
        event.listen(Engine, "commit", step)
    else:
        sys.addaudithook(
            lambda name, arguments: step() if name in POINTS and not _only_reads(name, arguments) else None
        )


def _only_reads(name: str, arguments: tuple[object, ...]) -> bool:
    return name == "open" and (not isinstance(arguments[2], int) or arguments[2] & os.O_ACCMODE == os.O_RDONLY)


def _run(task: str, folder: Path, number: int) -> bool:
    """Whether it was killed before it was through."""
    child = os.fork()
    if child == 0:
        try:
            _die_at(number, task == "migrate")
            TASKS[task](folder)
            os._exit(0)
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"{task} failed instead of being killed at {number}"
    return os.WIFSIGNALED(status)


def state(data: Path, opened: bool) -> dict[str, object]:
    """What a start finds after the kill; `opened`: it also opens the store, which migrates."""
    start.at_start(data, CLOCK)
    asked = bool(heal.wanted(data))
    if opened:
        Store(f"sqlite:///{data / database.NAME}", CLOCK).close()
    damage = heal.check(data)
    return {
        "tables": sample.contents(data / database.NAME),
        "keys": {path.name: path.read_text() for path in sorted((data / "keys").glob("*"))},
        "left": sorted(path.name for path in data.iterdir() if path.name.startswith(".")),
        "asked": asked,
        "damage": damage.what if damage else "",
        "copies": len(snapshot.listed(data, "before-*")),
    }


def main(task: str, source: Path) -> None:
    found: list[dict[str, object]] = []
    number = 1
    while True:
        folder = source.with_name("try")
        shutil.copytree(source, folder)
        killed = _run(task, folder, number)
        found.append(state(folder / "data", task == "migrate"))
        shutil.rmtree(folder)
        if not killed:
            break
        number += 1
    print(json.dumps(found))


def run(task: str, source: Path) -> list[dict[str, Any]]:
    """`main` in a process of its own."""
    command = [sys.executable, "-m", "tests.backup.killed", task, str(source)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
