"""What is special about SQLite: where it may lie, how it is opened, what its errors mean.

WAL with synchronous=FULL survives power loss; both are read back, because a file system may refuse them. Connections are never
used across a fork.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from redshank.errors import DiskFull, StoreError

log = logging.getLogger(__name__)

BUSY_MS = 1000
"""How long one try for the write lock lasts; the writer tries again (`Store.patience_s`)."""
STAY, READERS = 4, 32
"""Connections that are kept, and at once at most: more than threads that could read, so that none waits for another's long one."""
SETTINGS = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": str(BUSY_MS)}
"""What must be read back from every connection (rel:T35). synchronous 2 = FULL."""
_NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "smb2",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "ncpfs",
    "davfs",
}


def prepare(path: Path, allow_network: bool, mounts: Path) -> None:
    """Make the folder and an empty file only we can read. Raises StoreError, DiskFull."""
    kind = filesystem(path, mounts)
    if kind in _NETWORK or kind.startswith("fuse"):
        if not allow_network:
            raise StoreError(
                f"the database {path} would lie on a network file system ({kind}), where SQLite loses data: "
                "put it on a local disk (recordings may stay where they are)"
            )
        log.warning("database on a network file system, as asked: path=%s type=%s", path, kind)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(f"cannot write the database {path}: {error.strerror}") from error


def filesystem(path: Path, mounts: Path) -> str:
    """The type of the file system that holds `path`, as in /proc/mounts; empty when that cannot be told."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    place, best, kind = path.resolve(), -1, ""
    for line in lines:
        parts = line.split()
        if len(parts) < 3:
            continue
        point = Path(parts[1].encode("latin-1", "replace").decode("unicode_escape", "replace"))
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), parts[2].lower()
    return kind


def engines(path: Path) -> tuple[Engine, Engine]:
    """(for the writer thread: one connection, transactions take the write lock at once; for readers: read-only, READERS at most)."""
    writer = create_engine(f"sqlite:///{path}", pool_size=1, max_overflow=0, connect_args={"check_same_thread": False})
    more = READERS - STAY
    reader = create_engine(
        f"sqlite:///{path}", pool_size=STAY, max_overflow=more, connect_args={"check_same_thread": False}
    )
    reader.dialect.statement_compiler = writer.dialect.statement_compiler = _WithHints
    event.listen(writer, "connect", _open_writer)
    event.listen(writer, "begin", _begin_write)
    event.listen(reader, "connect", _open_reader)
    event.listen(reader, "begin", _begin_read)
    return writer, reader


class _WithHints(SQLiteCompiler):
    """`with_hint(table, "INDEXED BY …", "sqlite")` comes into the statement: SQLAlchemy leaves it out for SQLite, without a word."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text


def settings(conn: Connection) -> dict[str, str]:
    """The settings of `SETTINGS` as this live connection has them."""
    return {name: str(conn.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in SETTINGS}


def locked(error: SQLAlchemyError) -> bool:
    """Whether another process holds the lock, so that trying again is right."""
    return isinstance(error, DBAPIError) and "locked" in str(error.orig)


def translate(error: SQLAlchemyError, where: str) -> StoreError:
    """One line of ours for an error of the database."""
    cause = error.orig if isinstance(error, StatementError) else error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or "disk is full" in str(cause):
        return DiskFull(f"no space left for the database {where}: free some space, it goes on by itself")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(
            f"the database {where} is damaged ({cause}): stop Redshank, move the file away and start again with an empty "
            "one or a backup; recordings are not touched"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"the database {where} is locked by another program: close it")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return StoreError(
            f"cannot write the database {where} ({cause}): check owner and permissions of file and folder"
        )
    return StoreError(f"the database {where} failed: {cause}")


def _open(connection: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; pysqlite would wait for the first INSERT
    for name, value in SETTINGS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _open_writer(connection: Any, record: Any) -> None:
    _open(connection)


def _open_reader(connection: Any, record: Any) -> None:
    _open(connection)
    connection.execute("PRAGMA query_only = 1")


def _begin_write(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_read(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN")
