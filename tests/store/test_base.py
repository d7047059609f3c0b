"""The SQLite store: its settings, its lock, its file, its errors."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, func, insert, select, text

from redshank.clock import SystemClock
from redshank.errors import DiskFull, StoreError
from redshank.store import sqlite, state
from redshank.store.base import Store, is_bug
from redshank.store.schema import meta
from tests.harness.clocks import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "redshank.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{path}", SystemClock())
    yield store
    store.close()


def add(conn: Connection, name: str, value: str = "") -> None:
    conn.execute(insert(meta).values(name=name, value=value))


def count(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(meta)).scalar() or 0


def test_the_running_settings_are_the_safe_ones(store: Store) -> None:
    """rel:T35, read back from the writer's and a reader's live connection."""
    wanted = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "1000"}
    assert store.write(sqlite.settings).result(5) == wanted
    assert store.read(sqlite.settings) == wanted


def test_only_we_can_read_the_files(store: Store, path: Path) -> None:
    store.write(partial(add, name="a")).result(5)
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {
        "redshank.db": "0o600",
        "redshank.db-wal": "0o600",
        "redshank.db-shm": "0o600",
    }
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"


def hold_the_lock(store: Store, path: Path, seconds: float) -> tuple[list[float], int]:
    """Another program holds the write lock while we write and read: (seconds of each read, rows in the end)."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    futures = [store.write(partial(add, name=str(i))) for i in range(1000)]
    reads, start = [], time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        assert store.read(count) == 0
        reads.append(time.monotonic() - now)
        threading.Event().wait(0.02)
    assert not any(future.done() for future in futures)
    other.execute("ROLLBACK")
    other.close()
    for future in futures:
        future.result(20)
    names = store.read(lambda conn: conn.execute(select(meta.c.name).order_by(text("rowid"))).scalars().all())
    assert names == [str(i) for i in range(1000)]
    return reads, store.read(count)


@pytest.mark.parametrize("seconds", [1.5, pytest.param(30.0, marks=pytest.mark.slow)])
def test_a_lock_held_by_another_program_loses_nothing(store: Store, path: Path, seconds: float) -> None:
    """rel:T32: 0 lost, in order, reads p95 <= 500 ms."""
    reads, rows = hold_the_lock(store, path, seconds)
    assert rows == 1000
    assert sorted(reads)[int(len(reads) * 0.95)] <= 0.5


def test_a_lock_that_is_never_released_is_one_clear_line(path: Path) -> None:
    clock = FakeClock()
    store = Store(f"sqlite:///{path}", clock)
    store.patience_s = 0.0
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    future = store.write(partial(add, name="a"))
    with pytest.raises(StoreError, match=r"redshank\.db is locked by another program: close it") as caught:
        future.result(10)
    assert not is_bug(caught.value)
    other.close()
    store.write(partial(add, name="b")).result(5)
    assert store.read(count) == 1
    store.close()


def test_a_full_disk_is_named_and_writing_goes_on_when_there_is_space(store: Store) -> None:
    store.write(partial(add, name="before")).result(5)
    store.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 1").close()).result(5)
    small = store.write(partial(add, name="small"))
    big = store.write(partial(add, name="big", value="x" * 100_000))
    with pytest.raises(DiskFull, match=r"no space left for the database .*redshank\.db") as caught:
        big.result(5)
    assert not is_bug(caught.value)
    assert small.exception(5) is None or isinstance(small.exception(), DiskFull)
    store.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 100000").close()).result(5)
    store.write(partial(add, name="big", value="x" * 100_000)).result(5)
    assert store.read(count) == (3 if small.exception() is None else 2)


def test_a_write_that_can_never_work_is_told_from_one_that_may(store: Store) -> None:
    store.write(partial(add, name="a")).result(5)
    twice = store.write(partial(add, name="a")).exception(5)
    assert twice is not None
    assert is_bug(twice)


@pytest.mark.parametrize("value", [np.float32(1), {"a set"}])
def test_a_value_json_cannot_hold_can_never_work(store: Store, value: object) -> None:
    wrong = store.write(partial(state.save, camera="door", rule="", updated=0, state=[value])).exception(5)
    assert wrong is not None
    assert is_bug(wrong)
    assert "\n" not in str(wrong)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused_unless_asked_for(tmp_path: Path, kind: str) -> None:
    """rel:T33."""
    mounts = tmp_path / "mounts"
    share = tmp_path / "my share"
    escaped = str(share).replace(" ", "\\040")
    mounts.write_text(
        f"/dev/vda / ext4 rw 0 0\nserver:/x {escaped} {kind} rw 0 0\n/dev/vdb {escaped}/local ext4 rw 0 0\n"
    )
    url = f"sqlite:///{share}/redshank.db"
    with pytest.raises(StoreError, match=rf"network file system \({kind}\)"):
        Store(url, SystemClock(), mounts=mounts)
    assert not share.exists()
    Store(url, SystemClock(), allow_network=True, mounts=mounts).close()
    Store(f"sqlite:///{share}/local/redshank.db", SystemClock(), mounts=mounts).close()


@pytest.mark.parametrize("damage", ["garbage", "header", "truncated", "schema"])
def test_a_damaged_database_is_one_clear_line(path: Path, damage: str) -> None:
    store = Store(f"sqlite:///{path}", SystemClock())
    for future in [store.write(partial(add, name=str(name), value="x" * 200)) for name in range(200)]:
        future.result(5)
    store.close()
    data = path.read_bytes()
    match damage:
        case "garbage":
            data = b"not a database at all " * 1000
        case "header":
            data = b"\0" * 100 + data[100:]
        case "truncated":
            data = data[:5000]
        case _:
            data = data[:100] + b"\xff" * 3000 + data[3100:]
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"redshank\.db is damaged .*move the file away") as caught:
        Store(f"sqlite:///{path}", SystemClock())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("postgresql://me:secret@host/db", "expected sqlite:///path"),
        ("sqlite://", "expected sqlite:///path"),
        ("sqlite:////proc/nothing/redshank.db", "cannot write the database /proc/nothing/redshank.db"),
    ],
)
def test_a_url_that_cannot_work_is_one_clear_line(url: str, line: str) -> None:
    with pytest.raises(StoreError, match=line) as caught:
        Store(url, SystemClock())
    assert "secret" not in str(caught.value)


def test_the_queue_is_bounded_and_counts_what_it_refuses(path: Path) -> None:
    store = Store(f"sqlite:///{path}", SystemClock(), most=50)
    started, go = threading.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        started.set()
        go.wait(20)

    store.write(hold)
    assert started.wait(5)
    futures = [store.write(count) for _ in range(60)]
    refused = [future for future in futures if future.done()]
    go.set()
    assert store.refused == len(refused) == 10
    with pytest.raises(StoreError, match="too slow: 50 writes wait"):
        refused[0].result()
    assert all(future.exception(20) is None for future in futures if future not in refused)
    store.close()


def test_opening_again_does_not_load_alembic(path: Path) -> None:
    code = (
        "import sys; from redshank.store.base import Store; from redshank.clock import SystemClock;"
        f"Store('sqlite:///{path}', SystemClock()).close(); print('alembic' in sys.modules)"
    )
    found = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert found == ["True\n", "False\n"]


def test_no_reader_waits_for_others_long_ones(store: Store) -> None:
    """As many as the web, the library and the keeper have threads, and more."""
    together = threading.Barrier(20, timeout=10)
    readers = [threading.Thread(target=store.read, args=(lambda _conn: together.wait(),)) for _ in range(20)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    assert not together.broken
