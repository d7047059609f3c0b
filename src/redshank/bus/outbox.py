"""What is published but not yet acknowledged by the broker, on disk: an SQLite file of its own.

WAL and synchronous=FULL: what `append` has returned survives a power cut. Bodies are compressed. The file is bounded: when it is
full the oldest lossy messages (observations, camera states) make room and are counted; when there are none left `append` raises, so
events and alerts are never lost silently. One thread uses an Outbox (`bus.kafka` gives it one).
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from redshank.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAL_BYTES = 8 * 1024 * 1024
"""Kept free for the write-ahead log beside the file."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of publishing; never used twice
    topic TEXT NOT NULL,                   -- without prefix
    key TEXT NOT NULL,                     -- camera or site: order is kept per topic and key
    time INTEGER NOT NULL,                 -- milliseconds, becomes the record's timestamp
    lossy INTEGER NOT NULL,
    body BLOB NOT NULL                     -- zlib
);
CREATE INDEX IF NOT EXISTS lossy ON outbox (id) WHERE lossy;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One message. `id` is 0 until it is kept."""

    topic: str
    key: str
    time_ms: int
    lossy: bool
    body: bytes
    id: int = 0


class OutboxFull(BusError):
    """No room, and nothing in it may be dropped."""


class Outbox:
    """Raises BusError on opening a file that cannot be used."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max(max_bytes - _WAL_BYTES, max_bytes // 2)
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
            self._db.executescript(_SCHEMA)
            self._waiting: int = self._db.execute("SELECT count(*) FROM outbox").fetchone()[0]

    @property
    def waiting(self) -> int:
        return self._waiting

    def append(self, rows: Sequence[Row]) -> int:
        """Keep all of them in one commit, and say how many older ones had to go. Raises BusError; then none is kept."""
        packed = [(r.topic, r.key, r.time_ms, r.lossy, zlib.compress(r.body, 1)) for r in rows]
        with self._translated(), self._transaction():
            dropped = self._make_room(sum(len(row[4]) + 64 for row in packed))
            self._db.executemany("INSERT INTO outbox (topic, key, time, lossy, body) VALUES (?, ?, ?, ?, ?)", packed)
        self._waiting += len(rows) - dropped
        return dropped

    def first(self, count: int, max_bytes: int) -> list[Row]:
        """The oldest ones, at most `max_bytes` of bodies but at least one if there is any."""
        found: list[Row] = []
        size = 0
        with self._translated():
            cursor = self._db.execute(
                "SELECT topic, key, time, lossy, body, id FROM outbox ORDER BY id LIMIT ?", (count,)
            )
            for topic, key, time_ms, lossy, body, id_ in cursor:
                row = Row(topic, key, time_ms, bool(lossy), zlib.decompress(body), id_)
                size += len(row.body)
                if found and size > max_bytes:
                    break
                found.append(row)
        return found

    def remove(self, ids: Sequence[int]) -> None:
        """Those the broker has acknowledged. A crash before this only sends them again."""
        with self._translated(), self._transaction():
            removed = self._db.executemany("DELETE FROM outbox WHERE id = ?", [(id_,) for id_ in ids]).rowcount
        self._waiting -= removed

    def settings(self) -> Mapping[str, str]:
        """Read back from the live connection."""
        names = ("journal_mode", "synchronous")
        return {name: str(self._db.execute(f"PRAGMA {name}").fetchone()[0]) for name in names}

    def used_bytes(self) -> int:
        """Pages that hold something."""
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def close(self) -> None:
        with self._translated():
            self._db.close()

    def _make_room(self, needed: int) -> int:
        """Drop the oldest lossy rows until `needed` bytes fit; a sixteenth of the file at a time, so that it is rare."""
        dropped = 0
        while self.used_bytes() + needed > self._max_bytes:
            batch = max(self._waiting // 16, 1)
            gone = self._db.execute(
                "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE lossy ORDER BY id LIMIT ?)", (batch,)
            ).rowcount
            if gone == 0:
                limit = self._max_bytes // 1_000_000
                raise OutboxFull(f"{self._path} is full ({limit} MB of unsent events): is the broker reachable?")
            dropped += gone
        return dropped

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._db:  # commits, or rolls back
            self._db.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise BusError(f"{self._path}: {error}: the messages of the bus cannot be kept") from error
