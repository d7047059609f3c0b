"""Migrations and the tables they make."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text

import redshank.store
from redshank.clock import SystemClock, cpu_ns
from redshank.errors import StoreError
from redshank.store import alerts, events, migrate
from redshank.store.base import Store
from redshank.store.schema import HEAD, metadata
from tests.store.test_rows import ALERT, EVENT


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock())
    yield store
    store.close()


def test_migrations_make_exactly_the_tables_the_code_knows(store: Store) -> None:
    with store._reader.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_the_head_the_code_knows_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(redshank.store.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_every_table_has_a_site_and_every_column_a_comment() -> None:
    for table in metadata.tables.values():
        assert "site" in table.columns
        assert table.comment
        assert all(column.comment for column in table.columns)


def test_a_database_of_a_newer_version_is_left_alone(store: Store) -> None:
    store.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")).close()).result(5)
    with pytest.raises(StoreError, match="made by a newer Redshank"):
        Store(f"sqlite:///{store.path}", SystemClock())


OLD = "0001"


class PowerCut(Exception):
    """What the machine does not come back from."""


def first_release(path: Path) -> None:
    """A database as version 0.1 left it, with an alert and an event."""
    engine = create_engine(f"sqlite:///{path}")
    with transaction(engine) as conn:
        migrate.upgrade(conn, str(path), OLD)
        alerts.save(conn, ALERT)
        events.save(conn, EVENT)
    engine.dispose()


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """As the store's writer has it: SQLite's own, so that it holds the changes of the schema too."""
    with engine.connect() as conn:
        raw = conn.connection.dbapi_connection
        assert raw is not None
        raw.isolation_level = None
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        yield conn
        conn.exec_driver_sql("COMMIT")


def test_a_database_of_the_first_release_is_brought_up_with_all_its_rows(tmp_path: Path) -> None:
    """rel:T59."""
    path = tmp_path / "redshank.db"
    first_release(path)
    with sqlite3.connect(path) as plain:
        assert plain.execute("SELECT name FROM sqlite_master WHERE name = 'segments'").fetchone() is None
    plain.close()
    store = Store(f"sqlite:///{path}", SystemClock())
    assert store.read(migrate.revision) == HEAD
    assert store.read(partial(alerts.get, id=ALERT.id)) == ALERT
    assert store.read(partial(events.get, id=EVENT.id)) == EVENT
    with store._reader.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
    store.close()


def test_a_migration_cut_off_at_any_step_leaves_the_old_database_and_is_done_by_the_next_start(tmp_path: Path) -> None:
    """rel:T59: power lost before each statement in turn; 0 rows lost."""
    path = tmp_path / "redshank.db"
    first_release(path)
    steps = 0
    while not migrated(path, steps):
        steps += 1
        with sqlite3.connect(path) as plain:
            assert plain.execute("SELECT version_num FROM alembic_version").fetchall() == [(OLD,)]
            assert plain.execute("SELECT count(*) FROM alerts").fetchone() == (1,)
            assert plain.execute("SELECT name FROM sqlite_master WHERE name LIKE 'segment%'").fetchall() == []
        plain.close()
    assert steps > 10
    store = Store(f"sqlite:///{path}", SystemClock())
    assert store.read(partial(alerts.get, id=ALERT.id)) == ALERT
    store.close()


def migrated(path: Path, after: int) -> bool:
    """Migrate, and be cut off at the statement of this number. Whether it came to its end."""
    engine = create_engine(f"sqlite:///{path}")
    count = -1

    def cut(*_: object) -> None:
        nonlocal count
        count += 1
        if count == after:
            raise PowerCut

    try:
        with transaction(engine) as conn:
            event.listen(engine, "before_cursor_execute", cut)
            migrate.upgrade(conn, str(path))
            event.remove(engine, "before_cursor_execute", cut)
    except PowerCut:
        return False
    finally:
        engine.dispose()
    return True


def test_a_long_history_is_brought_up_in_seconds(tmp_path: Path) -> None:
    """Each event of the release before finds its own verdicts: 20,000 quiet ones of 40,000."""
    path, count = tmp_path / "redshank.db", 20_000
    engine = create_engine(f"sqlite:///{path}")
    with transaction(engine) as conn:
        migrate.upgrade(conn, str(path), "0002")
        conn.exec_driver_sql(
            "INSERT INTO events(id, site, kind, camera, start, label, score, zones, data)"
            " VALUES (?, 'default', 'track', 'yard', ?, 'person', 0.5, '[]', '{}')",
            [(f"e{i}", i) for i in range(count)],
        )
        conn.exec_driver_sql(
            "INSERT INTO verdicts(site, rule, camera, track, alert, time, fired, change, label, score, zones, conditions)"
            " VALUES ('default', 'r', 'yard', ?, ?, ?, 1, 'open', 'person', 0.5, '[]', '[]')",
            [(f"e{i // 2}", f"a{i // 2:09}" if i % 4 > 1 else "", i) for i in range(2 * count)],
        )
    engine.dispose()
    began = cpu_ns()
    store = Store(f"sqlite:///{path}", SystemClock())
    assert cpu_ns() - began < 5e9
    query = text("SELECT alert FROM events WHERE id IN ('e6', 'e7') ORDER BY id")
    assert store.read(lambda conn: list(conn.execute(query).scalars())) == ["", "a000000007"]
    store.close()


def test_a_start_can_tell_beforehand_that_it_will_migrate(tmp_path: Path) -> None:
    path = tmp_path / "redshank.db"
    assert not migrate.pending(path)
    first_release(path)
    assert migrate.pending(path)
    Store(f"sqlite:///{path}", SystemClock()).close()
    assert not migrate.pending(path)
    path.write_bytes(b"not a database at all")
    assert not migrate.pending(path)
