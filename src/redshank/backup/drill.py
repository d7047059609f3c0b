"""A backup counts only after it was put to use: is what comes out of it a database Redshank runs on?"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from redshank.backup import bundle, database
from redshank.backup.bundle import Contents
from redshank.backup.database import Facts
from redshank.clock import Clock
from redshank.errors import StoreError
from redshank.store import events
from redshank.store.base import Store


def try_database(copy: Path, folder: Path, clock: Clock) -> Facts:
    """Put a copy into a new folder, open it as a start would (migrations included), and read it. Blocks; the folder goes afterwards.

    Raises StoreError: what is wrong with the copy. The copy itself is only read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with database.translated(folder):
            folder.mkdir(mode=0o700, parents=True)
        tried = folder / database.NAME
        database.duplicate(copy, tried)
        found = database.examine(tried, deep=True)
        store = Store(f"sqlite:///{tried}", clock, allow_network=True)
        try:
            newest = store.read(partial(events.latest, limit=1))
        finally:
            store.close()
        if bool(newest) != bool(found.counts.get("events")):
            raise StoreError(f"{copy}: its events cannot be read")
        return found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def try_bundle(file: Path, passphrase: str, clock: Clock) -> Contents:
    """The same with a sealed backup, in the system's folder for temporary files, where its keys are never written.

    Raises StoreError: what is wrong with it.
    """
    with tempfile.TemporaryDirectory(prefix="redshank-") as place:
        folder = Path(place)
        contents = bundle.unpack(file, passphrase, folder, [database.NAME])
        found = try_database(folder / database.NAME, folder / "drill", clock)
        if found != contents.database:
            raise StoreError(f"{file}: the database in it does not hold what the backup says: do not use it")
        return contents
