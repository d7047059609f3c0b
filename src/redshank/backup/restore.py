"""What is in a backup becomes the data folder, all of it or nothing.

Order of writes: everything unpacked, verified and synced in `.restore.part` → renamed to `.restore`: from here on it happens → old
things moved to `before-restore-<time>`, new ones moved in, one name after the other → `.restore` renamed away and deleted. A kill
before the renaming leaves the old state; one after it is made good by the next start (`finish`), before anything opens the database.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redshank import status
from redshank.backup import bundle, database, heal, mark, snapshot
from redshank.backup.bundle import Contents, Progress
from redshank.clock import Clock
from redshank.errors import StoreError
from redshank.store.schema import HEAD

PART, READY, PLAN = ".restore.part", ".restore", "plan.json"
NAMES = (database.NAME, mark.NAME, heal.WANTED, "config", "config-history", "last-good.yaml", "keys", database.FOLDER)
"""What a restore replaces, in this order. Footage and pictures stay where they are; the old copies of the old database do not."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done."""

    contents: Contents
    kept: Path | None
    """Where the old state is now; None when there was none."""
    without_keys: bool
    """There were keys and the backup holds none: the old ones are kept with the rest, and not in use any more."""


def restore(
    file: Path, passphrase: str, data: Path, clock: Clock, force: bool = False, progress: Progress | None = None
) -> Restored:
    """Blocks. Raises StoreError: a folder in use or (without `force`) not empty, a damaged file, a wrong passphrase, a full disk."""
    with status.owned(data):
        finish(data)
        there = [name for name in NAMES if (data / name).exists()]
        if there and not force:
            raise StoreError(
                f"{data} is not empty ({', '.join(there)}): use --force to keep those aside, or another --data"
            )
        part = data / PART
        with database.translated(data):
            part.mkdir(mode=0o700)
        try:
            contents = _verified(file, passphrase, part, progress)
            database.settle(part / database.NAME, contents.database.mark, mark.read(data).epoch, clock.now())
            heal.ask(part, "a backup was restored")
            aside = f"before-restore-{snapshot.stamp(clock.now())}"
            _ready(part, aside)
        except StoreError:
            shutil.rmtree(part, ignore_errors=True)
            raise
        finish(data)
        lost = "keys" in there and not any(entry.name.startswith("keys/") for entry in contents.files)
        return Restored(contents, data / aside if (data / aside).exists() else None, lost)


def finish(data: Path) -> bool:
    """Complete a restore that was interrupted, or tidy up one that had not begun to change anything. Whether there was one to complete.

    By the owner of the folder, before anything in it is opened. May itself be killed, and called again.
    """
    ready = data / READY
    found = ready.exists()
    with database.translated(data):
        if found:
            plan = json.loads((ready / PLAN).read_text())
            aside = data / plan["aside"]
            aside.mkdir(mode=0o700, exist_ok=True)
            for name in NAMES:
                if name not in plan["names"] or (ready / name).exists():
                    _replace(data / name, ready / name, aside)
            if not any(aside.iterdir()):
                aside.rmdir()
            database.sync(data)
            ready.rename(data / PART)
        shutil.rmtree(data / PART, ignore_errors=True)
    return found


def _verified(file: Path, passphrase: str, part: Path, progress: Progress | None) -> Contents:
    """Unpack; the database is whole and holds what it held when the backup was made."""
    contents = bundle.unpack(file, passphrase, part, progress=progress or (lambda _done, _all: None))
    found = database.examine(part / database.NAME, deep=True)
    if found != contents.database:
        raise StoreError(f"{file}: the database in it does not hold what the backup says: do not use it")
    if found.schema > HEAD:
        raise StoreError(f"{file}: made by a newer Redshank ({contents.version}): update Redshank")
    return contents


def _ready(part: Path, aside: str) -> None:
    """The point of no return."""
    with database.translated(part):
        names = [name for name in NAMES if (part / name).exists()]
        (part / PLAN).write_text(json.dumps({"aside": aside, "names": names}))
        _sync_all([part, *part.rglob("*")])
        part.rename(part.with_name(READY))
        database.sync(part.parent)


def _replace(old: Path, new: Path, aside: Path) -> None:
    """The log beside the old database goes with it, and before the new one comes."""
    logs = [database.beside(old, log) for log in ("-wal", "-shm")] if old.name == database.NAME else []
    for path in (old, *logs):
        if path.exists():
            path.rename(database.unused(aside / path.name))
    database.sync(aside)
    if new.exists():
        new.rename(old)


def _sync_all(paths: Sequence[Path]) -> None:
    for path in paths:
        database.sync(path)
