"""What every store must do, run on each of them. PostgreSQL joins by one more parameter of `url`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from redshank.clock import SystemClock
from redshank.errors import StoreError
from redshank.store.base import Store
from redshank.store.rows import upsert
from redshank.store.schema import meta


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/redshank.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url, SystemClock())
    yield store
    store.close()


def put(conn: Connection, name: str, value: str) -> str:
    upsert(conn, meta, {"site": "default", "name": name, "value": value})
    return name


def values(conn: Connection) -> dict[str, str]:
    return {row.name: row.value for row in conn.execute(select(meta)) if row.name != "epoch"}


def test_a_write_is_seen_by_readers_once_its_future_is_done(store: Store) -> None:
    assert store.write(lambda conn: put(conn, "a", "1")).result(5) == "a"
    assert store.read(values) == {"a": "1"}


def test_an_operation_that_fails_is_rolled_back_alone(store: Store) -> None:
    started, go = threading.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        started.set()
        go.wait(5)

    def half(conn: Connection) -> None:
        put(conn, "half", "1")
        raise KeyError("my own bug")

    def wrong(conn: Connection) -> None:
        put(conn, "wrong", "1")
        conn.execute(insert(meta).values(site="default", name="before", value="again"))

    store.write(hold)
    assert started.wait(5)
    before = store.write(partial(put, name="before", value="1"))
    bug, refused = store.write(half), store.write(wrong)
    after = store.write(lambda conn: put(conn, "after", "1"))
    go.set()
    assert after.result(5) == "after"
    assert before.result(5) == "before"
    with pytest.raises(KeyError, match="my own bug"):
        bug.result(5)
    with pytest.raises(StoreError, match=r"redshank\.db failed"):
        refused.result(5)
    assert store.read(values) == {"before": "1", "after": "1"}


def test_writes_are_done_in_the_order_they_came(store: Store) -> None:
    futures = [store.write(partial(put, name="last", value=str(i))) for i in range(500)]
    for future in futures:
        future.result(10)
    assert store.read(values) == {"last": "499"}


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError):
        store.read(lambda conn: put(conn, "a", "1"))
    assert store.read(values) == {}


def test_an_epoch_is_never_given_twice_also_after_a_restart(url: str) -> None:
    seen = []
    for _ in range(3):
        store = Store(url, SystemClock())
        seen += [store.next_epoch(), store.next_epoch()]
        store.close()
    assert seen == [1, 2, 3, 4, 5, 6]


def test_closing_commits_what_waits_and_refuses_what_comes_later(url: str) -> None:
    store = Store(url, SystemClock())
    futures = [store.write(partial(put, name=str(i), value="")) for i in range(300)]
    store.close()
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(StoreError, match="is closed"):
        store.write(values).result(1)
    again = Store(url, SystemClock())
    assert len(again.read(values)) == 300
    again.close()


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    def work(name: str) -> None:
        for i in range(50):
            store.write(partial(put, name=f"{name}{i}", value="")).result(10)
            assert f"{name}{i}" in store.read(values)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read(values)) == 200
