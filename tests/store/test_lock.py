"""rel:T32 for footage: another program holds the database's write lock while segments come, timelines are read and copies are made."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from redshank.backup import snapshot
from redshank.backup.snapshot import Snapshots
from redshank.clock import SystemClock
from redshank.store import recordings
from redshank.store.base import Store
from tests.store import ledger

S = 1_000_000
SEGMENTS = 300


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock())
    yield store
    store.close()


@pytest.mark.parametrize("seconds", [1.5, pytest.param(30.0, marks=pytest.mark.slow)])
def test_a_lock_held_by_another_program_loses_no_segment(store: Store, tmp_path: Path, seconds: float) -> None:
    """0 lost, in order, reads p95 <= 500 ms; a copy of the database is made meanwhile."""
    snapshots = Snapshots(tmp_path, SystemClock())
    store.write(partial(recordings.add, segment=ledger.segment(0, 0, 30 * S))).result(5)
    snapshots.step()
    segments = [ledger.segment(n, n * 30 * S, (n + 1) * 30 * S) for n in range(1, SEGMENTS)]
    read = partial(recordings.span, camera="door", stream="main", start=0, end=SEGMENTS * 30 * S)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [store.write(partial(recordings.add, segment=one)) for one in segments]
        reads, end = [], time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            assert len(store.read(read)) == 1
            reads.append(time.monotonic() - now)
            threading.Event().wait(0.02)
        snapshots.step()
        assert snapshots.trouble == ""
        copy = snapshot.take(tmp_path, "redshank", SystemClock().now())
        assert not any(future.done() for future in futures)
        other.execute("ROLLBACK")
    for future in futures:
        future.result(20)
    assert [one.seq for one in store.read(read)] == list(range(SEGMENTS))
    assert sorted(reads)[int(len(reads) * 0.95)] <= 0.5
    with closing(sqlite3.connect(copy)) as conn:
        assert conn.execute("SELECT count(*) FROM segments").fetchone() == (1,)
    snapshots.close()
