"""One SQLite file, seen from outside the store: copied while others write, examined, and put in the place of another.

A copy is made by SQLite's online backup (https://www.sqlite.org/backup.html) inside one read transaction, so it is the database at one
instant: writers go on, and without the transaction each of their commits would start the copy again. Everything here blocks: any
thread, never an event loop. Raises StoreError (DiskFull when there is no space), one line that names the file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from redshank.clock import US_PER_S
from redshank.errors import DiskFull, StoreError
from redshank.model import SITE

NAME = "redshank.db"
FOLDER = "backups"
"""Below the data folder: copies that make themselves."""
STEP_PAGES = 512
"""Pages copied at a time: 2 MiB."""
EPOCHS = 1_000_000
"""A database that comes back must not give out an epoch again: nobody starts this often between a copy and its return."""
TYPES = {
    "TEXT": "text",
    "BIGINT": "integer",
    "INTEGER": "integer",
    "BOOLEAN": "integer",
    "FLOAT": "real",
    "BLOB": "blob",
}
"""A column's declared type → what SQLite calls its values."""
_MARK = "SELECT CAST(value AS INTEGER) FROM meta WHERE site = ? AND name = 'mark'"
_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB}
Pace = Callable[[], None]
"""Called between two steps of a copy: waits, or raises to give up."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a database holds."""

    schema: str
    """Its migration; empty when it has none."""
    counts: Mapping[str, int]
    """Rows of each table."""
    mark: int
    """See `redshank.backup.mark`; 0 when there is none."""


def beside(database: Path, ending: str) -> Path:
    """`redshank.db-wal`, `redshank.db.part` …"""
    return database.with_name(database.name + ending)


def copy(database: Path, target: Path, pace: Pace = lambda: None) -> Facts:
    """A new file, verified: its tables hold as many rows as the database did at that instant, and its pages are sound.

    `target` (0600) must not exist; after an error it does not. The log beside the database is read with it.
    """
    if not database.is_file():
        raise StoreError(f"{database}: there is no database here")
    try:
        with translated(database), contextlib.closing(connect(database)) as source:
            source.execute("BEGIN")
            wanted = facts(source)
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copied:
                source.backup(copied, pages=STEP_PAGES, progress=lambda _status, _left, _total: pace())
        sync(target)
        found = examine(target)
        if found != wanted:
            raise StoreError(f"{target}: the copy does not hold what {database} holds: check the disk")
        return found
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def examine(path: Path, deep: bool = False) -> Facts:
    """Of a file that nobody writes and that has no log beside it. Raises StoreError when a page of it is damaged."""
    with translated(path), contextlib.closing(connect(path, "immutable=1")) as conn:
        if trouble := unsound(conn, deep):
            raise StoreError(f"{path}: damaged ({trouble})")
        return facts(conn)


def unsound(conn: sqlite3.Connection, deep: bool) -> str:
    """The first thing found wrong, or empty. `deep` also holds every index against its table and looks at every value: some ten
    times slower."""
    found = str(conn.execute(f"PRAGMA {'integrity_check' if deep else 'quick_check'}(1)").fetchone()[0])
    if found != "ok":
        return " ".join(found.removeprefix("*** in database main ***").split())
    return next((f"strange values in {name}" for name in _tables(conn) if _strange(conn, name)), "") if deep else ""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it speaks of what is in the file. Locked, no permission, a disk that cannot read it now: say nothing about that."""
    # Python's own errors (text that is none) carry no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGE


def mark_of(path: Path) -> int:
    """Of a copy, without a look at the rest; 0 when it has none or is damaged. Raises StoreError when it cannot be read now."""
    with translated(path), contextlib.closing(connect(path, "immutable=1")) as conn:
        try:
            row = conn.execute(_MARK, (SITE,)).fetchone()
        except sqlite3.Error as error:
            if is_damage(error):
                return 0
            raise
        return int(row[0]) if row else 0


def facts(conn: sqlite3.Connection) -> Facts:
    """Of one consistent state when inside a transaction."""
    counts = {name: conn.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name in _tables(conn)}
    schema = (
        conn.execute("SELECT version_num FROM alembic_version").fetchone() if counts.get("alembic_version") else None
    )
    mark = conn.execute(_MARK, (SITE,)).fetchone() if "meta" in counts else None
    return Facts(schema[0] if schema else "", counts, mark[0] if mark else 0)


def _tables(conn: sqlite3.Connection) -> list[str]:
    names = conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [name for (name,) in names if not name.startswith("sqlite_")]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _strange(conn: sqlite3.Connection, table: str) -> bool:
    """Whether a value is not of its column's type, no JSON where that belongs, or no text. Pages of SQLite carry no checksum."""
    wrong = []
    for _number, name, kind, _required, _default, _key in conn.execute(f"PRAGMA table_info({_quoted(table)})"):
        column = _quoted(name)
        if kind == "JSON":
            wrong.append(f"{column} IS NOT NULL AND NOT json_valid({column})")
        elif kind in TYPES:
            wrong.append(f"typeof({column}) NOT IN ('null', '{TYPES[kind]}')")
    if wrong and conn.execute(f"SELECT 1 FROM {_quoted(table)} WHERE {' OR '.join(wrong)} LIMIT 1").fetchone():
        return True
    for _row in conn.execute(f"SELECT * FROM {_quoted(table)}"):
        pass  # Python's module decodes the text: bytes that are none raise OperationalError
    return False


def put(database: Path, part: Path, ending: str) -> Path | None:
    """Make `part` (a whole database, in the same folder) the database. Returns where the old one is kept: itself + `ending`.

    Nobody may have the database open. Order: part synced → old file linked to its new name → its log renamed → part renamed over
    the old file → folder synced. A kill in between leaves either the new database, or the old one perhaps without its log: the
    next start finds that by the mark and comes here again.
    """
    kept = unused(beside(database, ending)) if database.exists() else None
    with translated(database):
        sync(part)
        if kept is not None:
            _link(database, kept)
        move_logs(database, kept)
        part.replace(database)
        sync(database.parent)
    return kept


def take_away(database: Path, ending: str) -> Path | None:
    """Leave no database where it was. Returns where it is kept."""
    kept = unused(beside(database, ending)) if database.exists() else None
    with translated(database):
        move_logs(database, kept)
        if kept is not None:
            database.replace(kept)
        sync(database.parent)
    return kept


def move_logs(database: Path, kept: Path | None) -> None:
    """The log belongs to the old file alone: with another database it would be damage."""
    for log in ("-wal", "-shm"):
        if kept is None:
            beside(database, log).unlink(missing_ok=True)
        elif beside(database, log).exists():
            beside(database, log).replace(beside(kept, log))


def settle(path: Path, mark: int, epoch: int, now: int) -> None:
    """Before an older database goes on: what numbers things jumps over all that was given out since, the mark is the one known outside.

    `now` is in UTC microseconds: seconds since 1970 grow faster than epochs do, also when the same copy is put back twice.
    """
    floor = max(epoch + 1, now // US_PER_S)
    with translated(path), contextlib.closing(connect(path, "mode=rw")) as conn:
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute("BEGIN IMMEDIATE")
        if conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            raised = "CAST(max(CAST(value AS INTEGER) + ?, ?) AS TEXT)"
            conn.execute("INSERT OR IGNORE INTO meta (site, name, value) VALUES (?, 'epoch', '0')", (SITE,))
            conn.execute(f"UPDATE meta SET value = {raised} WHERE name = 'epoch'", (EPOCHS, floor))
            conn.execute("INSERT OR REPLACE INTO meta (site, name, value) VALUES (?, 'mark', ?)", (SITE, str(mark)))
        conn.execute("COMMIT")


def connect(path: Path, how: str = "mode=ro") -> sqlite3.Connection:
    """Without the implicit transactions of Python's module. `how`: mode=ro, mode=rw, or immutable=1: the file alone, and nothing
    is written."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False)


def duplicate(source: Path, target: Path) -> None:
    """A copy of a file that nobody writes, 0600 and synced; an older `target` goes."""
    with translated(target):
        target.unlink(missing_ok=True)
        with (
            source.open("rb") as read,
            os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as write,
        ):
            shutil.copyfileobj(read, write, 1024 * 1024)
        sync(target)


def sync(path: Path) -> None:
    """A file's bytes, or a folder's entries."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite and the system, in our words."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise DiskFull(f"{path}: no space left on this disk") from error
        raise StoreError(f"{path}: {error}") from error
    except OSError as error:
        kind = DiskFull if error.errno in (28, 122) else StoreError
        raise kind(f"{error.filename or path}: {error.strerror}") from error


def _link(path: Path, new: Path) -> None:
    try:
        os.link(path, new)
    except OSError:  # a file system without links: for a moment there is no database, which the next start would notice
        path.rename(new)


def unused(path: Path) -> Path:
    tries = (path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000)))
    return next(place for place in tries if not place.exists())
