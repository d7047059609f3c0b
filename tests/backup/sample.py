"""Databases to damage, and what is in a database."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from redshank.backup import database
from redshank.backup.mark import Marker
from redshank.clock import SystemClock
from redshank.model import Event
from redshank.store import events
from redshank.store.base import Store

SECOND = 1_000_000
START = 1_767_225_600 * SECOND


def event(number: int, size: int = 40) -> Event:
    data = {"note": f"{number} " * (size // 2)}
    return Event(f"e{number:08}", "track", f"cam{number % 4}", START + number * SECOND, None, "person", 0.5, data=data)


def add(store: Store, first: int, last: int, size: int = 40) -> None:
    for future in [store.write(partial(events.save, event=event(n, size))) for n in range(first, last)]:
        future.result(20)


@contextmanager
def opened(data: Path) -> Iterator[Store]:
    data.mkdir(parents=True, exist_ok=True)
    store = Store(f"sqlite:///{data / database.NAME}", SystemClock())
    try:
        yield store
    finally:
        store.close()


def close(data: Path) -> None:
    """What an ordinary stop leaves: everything in the one file."""
    with closing(sqlite3.connect(data / database.NAME)) as conn:
        conn.execute("SELECT count(*) FROM events").fetchone()


def mark(data: Path) -> None:
    """What the running program does every ten seconds."""
    marker = Marker(data / database.NAME)
    marker.step()
    marker.close()


ADDED = {("events", "alert")}
"""(table, column)."""


def contents(path: Path) -> dict[str, str]:
    """A hash of all rows of each table, in order of their primary key; without the rows of `meta`, which a return changes, and without
    columns a later schema ADDED, so that rows before and after a migration compare."""
    with closing(sqlite3.connect(path)) as conn:
        names = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {}
        for name in names:
            if name == "meta" or name.startswith("sqlite_"):
                continue
            columns = [row[1] for row in conn.execute(f'PRAGMA table_info("{name}")') if (name, row[1]) not in ADDED]
            wanted = ", ".join(f'"{column}"' for column in columns)
            rows = sorted(repr(row) for row in conn.execute(f'SELECT {wanted} FROM "{name}"'))
            found[name] = f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()}"
        return found


def event_ids(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as conn:
        return {id for (id,) in conn.execute("SELECT id FROM events")}


def rows(path: Path) -> set[str]:
    """Every event, whole."""
    with closing(sqlite3.connect(path)) as conn:
        return {repr(row) for row in conn.execute("SELECT * FROM events")}


def epoch(path: Path) -> int:
    with closing(sqlite3.connect(path)) as conn:
        return int((conn.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone() or (0,))[0])


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as conn:
        yield conn
