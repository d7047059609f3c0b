"""A start that changes the database's schema makes a copy first, and the way back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from redshank import status
from redshank.backup import database, heal, mark, restore, snapshot
from redshank.clock import Clock
from redshank.errors import StoreError
from redshank.store.schema import HEAD

FITS = {"0001": "0.1", "0002": "0.1"}
"""Schema → the last release that works with it, of every schema before the newest."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What was done."""

    copy: Path
    """The copy that is the database now."""
    kept: Path | None
    """Where the newer database is."""
    schema: str
    fits: str
    """The release to start now; a newer one migrates again."""


def before_migration(data: Path, clock: Clock) -> Path | None:
    """A verified copy `before-<schema>` when opening the store would migrate. None: it would not, or the copy is there already.

    After `heal.at_start`, before the store opens. Raises StoreError: then do not open it, so that nothing is migrated without a copy.
    """
    path = data / database.NAME
    if not path.exists() or not path.stat().st_size:
        return None
    with database.translated(path), contextlib.closing(database.connect(path)) as conn:
        found = database.facts(conn)
    if not found.schema or found.schema >= HEAD:
        return None
    kind = f"before-{HEAD}"
    for copy in snapshot.listed(data, kind):
        with contextlib.suppress(StoreError):
            if database.examine(copy) == found:
                return None
    return snapshot.take(data, kind, clock.now())


def rollback(data: Path, clock: Clock) -> RolledBack:
    """Put the copy of the last migration back. What was written since stays in the file that is kept aside.

    Raises StoreError when Redshank is running, or nothing was migrated.
    """
    with status.owned(data):
        restore.finish(data)
        path, known = data / database.NAME, mark.read(data)
        copy = next(iter(snapshot.listed(data, "before-*")), None)
        if copy is None:
            raise StoreError(
                f"{data}: no start has migrated this database, or its copy is gone: there is nothing to return to"
            )
        found = database.examine(copy, deep=True)
        if _schema(path) == found.schema:
            raise StoreError(f"{path} has schema {found.schema} already: there is nothing to return to")
        part = database.beside(path, ".part")
        heal.ask(data, "the database was rolled back")
        database.duplicate(copy, part)
        database.settle(part, max(known.number, found.mark), known.epoch, clock.now())
        kept = database.put(path, part, f".newer-{snapshot.stamp(clock.now())}")
    return RolledBack(copy, kept, found.schema, FITS.get(found.schema, "the release before"))


def _schema(path: Path) -> str:
    """Empty when it cannot be told: then going back is right."""
    try:
        with database.translated(path), contextlib.closing(database.connect(path)) as conn:
            return database.facts(conn).schema
    except StoreError:
        return ""
