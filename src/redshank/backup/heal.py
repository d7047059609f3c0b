"""A damaged database at a start: noticed before the store opens it, kept, and replaced by the best copy there is.

What SQLite itself finds (pages, indexes, a file that is none), what it cannot find (values that are not of their column's type, a log
that was lost: `redshank.backup.mark`), and a file that is gone. What nobody can find: a flipped bit inside a text or number that still
is one. Of several sound databases (ours if only its log was lost, the copies) the one with the highest mark goes on. The footage's rows
are then rebuilt from the media by the caller, who reads `wanted` and calls `rebuilt` when it is done: that request outlives a kill.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from redshank.backup import database, mark, snapshot
from redshank.backup.database import Facts
from redshank.clock import Clock, rfc3339
from redshank.errors import StoreError
from redshank.store.base import Store
from redshank.store.schema import HEAD

log = logging.getLogger(__name__)

DEEP_BYTES = 64_000_000
"""Databases up to this size are looked at thoroughly at each start; larger ones by SQLite's quick check, and thoroughly once a day."""
WANTED = "rebuild.wanted"
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
"""Of the database itself this is damage too. Of a copy it is not: the disk may be able to read it at the next start."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a database."""

    what: str
    mark: int = -1
    """Of a database that is sound but has lost its last commits; -1 when it cannot be used."""


@dataclass(frozen=True, slots=True)
class Healed:
    """What was done about it."""

    damage: Damage
    kept: Path | None
    """Where the damaged file is now; None when there was none or it goes on being used."""
    copy: Path | None
    """The copy that took its place; None: the database goes on as it was found, or an empty one is made."""

    def __str__(self) -> str:
        """One line for people."""
        words = f"the database was damaged ({self.damage.what})"
        if self.copy is not None:
            at = rfc3339(snapshot.taken_at(self.copy) or 0)[:19]
            words += f"; the backup of {at}Z took its place: events after that are lost"
        elif self.damage.mark >= 0:
            words += "; it goes on without what was lost, which is newer than every backup"
        else:
            words += "; there is no good backup, so an empty one took its place: events and alerts are lost"
        kept = f"; the damaged file is kept: {self.kept}" if self.kept else ""
        return f"{words}; no footage is lost, its index is made again{kept}"


def at_start(data: Path, clock: Clock) -> Healed | None:
    """Look, and do what is needed. Before the store opens, by the one who owns the folder. Blocks for about a second at most.

    Raises StoreError when it can neither be read nor replaced (permissions, a full disk, copies of which none can be read now):
    nothing is changed then.
    """
    damage = check(data)
    return None if damage is None else heal(data, damage, clock)


def check(data: Path) -> Damage | None:
    """None: it is sound, or there never was one. Changes nothing."""
    path, known = data / database.NAME, mark.read(data)
    size = path.stat().st_size if path.exists() else -1
    if size <= 0:
        return Damage("it is empty" if size == 0 else "it is gone") if known.number or snapshot.listed(data) else None
    with database.translated(path):
        trouble, found = _look(path, size <= DEEP_BYTES)
    if trouble:
        return Damage(trouble)
    if known.number and not found.schema:
        return Damage("it holds no tables of ours")
    if found.mark < known.number:
        return Damage(f"commits are missing: it stands at {found.mark}, but was at {known.number}", found.mark)
    return None


def heal(data: Path, damage: Damage, clock: Clock) -> Healed:
    """Order: the best copy → the request to rebuild → that copy beside the database, made ready → put in its place (`database.put`)."""
    path, known = data / database.NAME, mark.read(data)
    best = _best(data, damage)
    ask(data, damage.what)
    if damage.mark >= 0 and (best is None or damage.mark >= best[0]):
        database.settle(path, known.number, known.epoch, clock.now())
        return Healed(damage, None, None)
    ending = f".damaged-{snapshot.stamp(clock.now())}"
    part = database.beside(path, ".part")
    if best is None:
        kept = database.take_away(path, ending)
        Store(f"sqlite:///{path}", clock, allow_network=True).close()
        database.settle(path, known.number, known.epoch, clock.now())
        return Healed(damage, kept, None)
    database.duplicate(best[1], part)
    database.settle(part, max(known.number, best[0]), known.epoch, clock.now())
    return Healed(damage, database.put(path, part, ending), best[1])


def ask(data: Path, why: str) -> None:
    """Note that the rows of the footage must be made again from the media. Survives a power cut."""
    with database.translated(data / WANTED):
        part = data / f".{WANTED}"
        part.write_text(json.dumps({"why": why}))
        database.sync(part)
        part.replace(data / WANTED)
        database.sync(data)


def wanted(data: Path) -> str:
    """Why the index of the footage is to be made again; empty: it is not."""
    try:
        return str(json.loads((data / WANTED).read_text())["why"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        return "asked for"


def rebuilt(data: Path) -> None:
    """It was made again."""
    (data / WANTED).unlink(missing_ok=True)


def _look(path: Path, deep: bool) -> tuple[str, Facts]:
    """What is wrong, or what it holds. Raises sqlite3.Error when it cannot be read now, which says nothing about it."""
    nothing = Facts("", {}, 0)
    with contextlib.closing(database.connect(path)) as conn:
        try:
            trouble = database.unsound(conn, deep)
            return trouble, nothing if trouble else database.facts(conn)
        except sqlite3.Error as error:
            if not database.is_damage(error) and getattr(error, "sqlite_errorcode", 0) not in _UNREADABLE:
                raise
            return str(error), nothing


def _best(data: Path, damage: Damage) -> tuple[int, Path] | None:
    """(mark, copy) of the sound one with the highest mark, the newest of equals. By the mark, because a clock may have been wrong.

    Raises StoreError when none is sound but one might be: an empty database in its place would be there for good.
    """
    copies, doubtful = [], []
    for number, path in enumerate(snapshot.listed(data)):
        try:
            found = database.examine(path)
        except StoreError as error:
            doubtful += _doubts(error)
            continue
        if found.schema > HEAD:
            doubtful.append(f"{path}: made by a newer Redshank (schema {found.schema})")
        else:
            copies.append((found.mark, -number, path))
    for number, _order, path in sorted(copies, reverse=True):
        try:
            database.examine(path, deep=True)
        except StoreError as error:
            doubtful += _doubts(error)
            continue
        for words in doubtful:
            log.warning("a backup was passed over, it may hold more: %s", words)
        return number, path
    if doubtful:
        words = f"the database is damaged ({damage.what}) and no backup can be used now ({doubtful[0]})"
        raise StoreError(f"{words}: put that right, or move it out of {data / database.FOLDER} to begin without it")
    return None


def _doubts(error: StoreError) -> list[str]:
    """What kept a copy from being read, when it was not its own damage."""
    cause = error.__cause__
    return [] if cause is None or (isinstance(cause, sqlite3.Error) and database.is_damage(cause)) else [str(error)]
