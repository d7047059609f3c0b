"""Who did what: every line is there, in a chain that shows what was taken out of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from redshank.access.audit import OPEN, Audit
from redshank.access.who import Who
from redshank.store import audit
from redshank.store.audit import Asked, Line
from redshank.store.base import Store
from redshank.store.schema_access import audit as table
from tests.harness.clocks import FakeClock

ANNA = Who("user", "u1", "anna", address="192.0.2.7")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000_000_000_000_000)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/redshank.db", clock)
    yield made
    made.close()


def lines(store: Store, **asked: object) -> list[tuple[Line, int]]:
    store.write(lambda conn: None).result()
    found = store.read(partial(audit.page, asked=Asked(**asked), limit=100))  # type: ignore[arg-type]
    return [(line, count) for _number, line, count in found]


def test_looks_alike_within_a_minute_are_one_line_with_a_count(store: Store, clock: FakeClock) -> None:
    """rel:S27."""
    notes = Audit(store, clock)
    for camera in ("yard", "door"):
        for _ in range(100):
            notes.note(ANNA, "look", camera)
    assert [count for _line, count in lines(store)] == [1, 1], "the line is there at once"
    clock.advance(60)
    notes.note(ANNA, "look", "yard")
    notes.flush(everything=True)
    found = lines(store)
    assert [(line.camera, count) for line, count in found] == [("yard", 1), ("door", 100), ("yard", 100)]
    assert found[0][0] == Line(clock.now(), "user", "u1", "anna", "look", "yard", "", "192.0.2.7")
    assert store.read(audit.broken) is None


def test_many_different_things_at_once_are_as_many_lines_and_some_stay_open(store: Store, clock: FakeClock) -> None:
    notes = Audit(store, clock)
    for n in range(OPEN + 100):
        notes.note(ANNA, "change", detail=f"thing {n}")
    assert len(notes._open) == OPEN + 1
    store.write(lambda conn: None).result()
    assert store.read(lambda conn: len(conn.execute(table.select()).all())) == OPEN + 100
    assert notes.lost == 0


def test_what_a_full_store_refuses_is_counted_and_said(
    store: Store, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Audit(store, clock)
    store.close()
    notes.note(ANNA, "look", "yard")
    assert notes.lost == 1
    assert "could not be written" in caplog.text


def test_a_line_breaks_no_log(store: Store, clock: FakeClock) -> None:
    Audit(store, clock).note(ANNA, "change", detail="a\nb\x1b[31m" + "x" * 1000)
    ((line, _count),) = lines(store)
    assert line.detail.isprintable()
    assert len(line.detail) == 500


@pytest.mark.parametrize("what", ["removed", "changed", "added", "swapped"])
def test_a_line_that_was_touched_shows(store: Store, clock: FakeClock, what: str) -> None:
    """rel:S27."""
    notes = Audit(store, clock)
    for n in range(10):
        clock.advance(1)
        notes.note(ANNA, "change", detail=str(n))
    assert len(lines(store)) == 10
    assert store.read(audit.broken) is None
    where = table.c.number == 5
    change = {
        "removed": table.delete().where(where),
        "changed": table.update().where(where).values(who="somebody else"),
        "added": table.update().where(where).values(hash="0" * 64),
        "swapped": table.update().where(where).values(time=0),
    }[what]
    store.write(lambda conn: conn.execute(change)).result()
    assert store.read(audit.broken) in (5, 6)


def test_the_oldest_may_go_and_the_rest_is_whole(store: Store, clock: FakeClock) -> None:
    notes = Audit(store, clock)
    for n in range(10):
        clock.advance(1)
        notes.note(ANNA, "change", detail=str(n))
    store.write(partial(audit.forget, before=clock.now() - 5_000_000, most=3)).result()
    assert [line.detail for line, _count in lines(store)] == ["9", "8", "7"]
    assert store.read(audit.broken) is None


def test_lines_are_found_by_who_what_camera_and_time(store: Store, clock: FakeClock) -> None:
    notes, otto = Audit(store, clock), Who("token", "t1", "otto")
    begun = clock.now()
    for who, what, camera in ((ANNA, "look", "yard"), (otto, "look", "door"), (ANNA, "export", "door")):
        clock.advance(1)
        notes.note(who, what, camera)
    assert [line.what for line, _count in lines(store, who="anna")] == ["export", "look"]
    assert [line.who for line, _count in lines(store, camera="door")] == ["anna", "otto"]
    assert [line.who for line, _count in lines(store, what="look", end=begun + 2_000_000)] == ["anna"]
    assert [line.what for line, _count in lines(store, start=begun + 3_000_000)] == ["export"]
    assert [line.camera for line, _count in lines(store, before=2)] == ["yard"]


def test_of_old_lines_only_so_many_are_let_go_of_at_once(store: Store) -> None:
    """By a clock that stands wrong."""

    def work(conn: Connection) -> list[int]:
        for n in range(10):
            audit.add(conn, Line(n, "user", "u1", "anna", "look"))
        audit.forget(conn, 100, 1000, at_once=3)
        return [number for number, _line, _count in audit.page(conn, Asked(), 100)]

    assert store.write(work).result() == list(range(10, 3, -1))
    assert store.read(audit.broken) is None


def test_whoever_tries_everything_is_one_line_a_minute(store: Store, clock: FakeClock) -> None:
    """Else what they are refused would push everybody's lines out."""
    made = Audit(store, clock)
    for n in range(300):
        made.note(ANNA, "refused", f"camera {n}", f"PUT /api/cameras/{n}")
    made.flush(everything=True)
    assert [(line.camera, line.detail, count) for line, count in lines(store)] == [
        ("camera 0", "PUT /api/cameras/0", 300)
    ]
