"""A number that rises inside the database and, after the commit, in a small file beside it.

SQLite cannot know that a log (`redshank.db-wal`) with commits in it was deleted or cut: it simply stands where it stood before. Then
the database's number is smaller than the file's, and the next start notices. The number is raised every 10 s when anything was
committed, so what a lost log can take unnoticed is the last 10 s. The file may be old after a power cut; that hides a loss, and never
invents one.
"""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from redshank.backup.database import connect, translated
from redshank.model import SITE

NAME = "redshank.mark"
BUSY_S = 0.2


@dataclass(frozen=True, slots=True)
class Mark:
    """What the file says."""

    number: int = 0
    """0: there is no file, or it cannot be read."""
    epoch: int = 0
    """The last one given out."""
    version: str = ""
    """Of the Redshank that wrote it."""


def read(data: Path) -> Mark:
    """Never raises for what is in the file."""
    try:
        found = json.loads((data / NAME).read_text())
        return Mark(int(found["number"]), int(found["epoch"]), str(found["version"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Mark()


def write(data: Path, mark: Mark) -> None:
    """Whole or not at all. Raises StoreError."""
    part = data / f".{NAME}"
    with translated(data / NAME):
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(mark), file)
        part.replace(data / NAME)


class Marker:
    """Raises the number of a database in use. A connection of its own, because to it its own commits are no change. One thread."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._conn: sqlite3.Connection | None = None
        self._seen: int | None = None
        """SQLite's data_version when we marked last: another value means others have committed since."""

    def step(self) -> bool:
        """Whether anything was committed since the last call that said so. False while another writer keeps the lock."""
        with translated(self._database):
            conn = self._conn = self._conn or _open(self._database)
            if _data_version(conn) == self._seen:
                return False
            raised = _raise(conn)
        if raised is None:
            return False
        self._seen, mark = raised
        write(self._database.parent, mark)
        return True

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


def _open(database: Path) -> sqlite3.Connection:
    conn = connect(database, "mode=rw")
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")
    return conn


def _data_version(conn: sqlite3.Connection) -> int:
    return int(conn.execute("PRAGMA data_version").fetchone()[0])


def _raise(conn: sqlite3.Connection) -> tuple[int, Mark] | None:
    """(data_version, mark); None when another writer has the lock."""
    try:
        conn.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return None
        raise
    try:
        seen = _data_version(conn)
        values = dict(
            conn.execute(
                "SELECT name, CAST(value AS INTEGER) FROM meta WHERE site = ? AND name IN ('mark', 'epoch')", (SITE,)
            )
        )
        mark = Mark(values.get("mark", 0) + 1, values.get("epoch", 0), version("redshank"))
        conn.execute("INSERT OR REPLACE INTO meta (site, name, value) VALUES (?, 'mark', ?)", (SITE, str(mark.number)))
        conn.execute("COMMIT")
    except sqlite3.Error:
        conn.rollback()
        raise
    return seen, mark
