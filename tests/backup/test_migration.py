"""rel:T59: a start that migrates, at whatever moment it is killed, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import insert

import redshank.store
from redshank import status
from redshank.backup import database, heal, migration, snapshot, start
from redshank.clock import SystemClock
from redshank.errors import StoreError
from redshank.store import events, sqlite
from redshank.store.base import Store
from redshank.store.schema import HEAD, meta
from tests.backup import killed, sample

EVENTS = 300


def alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(redshank.store.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A data folder as the first release left it."""
    data = tmp_path / "source/data"
    sqlite.prepare(data / database.NAME, False, Path("/nowhere"))
    writer, reader = sqlite.engines(data / database.NAME)
    config = alembic()
    with writer.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
    with writer.begin() as conn:
        conn.execute(insert(meta).values(name="epoch", value="7"))
        for number in range(EVENTS):
            events.save(conn, sample.event(number))
    writer.dispose()
    reader.dispose()
    return data


def migrate(data: Path) -> None:
    start.at_start(data, SystemClock())
    Store(f"sqlite:///{data / database.NAME}", SystemClock()).close()


def test_a_start_that_migrates_makes_a_copy_first_and_only_then(old: Path) -> None:
    before = sample.contents(old / database.NAME)
    for _ in range(3):
        migrate(old)
    (copy,) = snapshot.listed(old)
    assert copy.name.startswith(f"before-{HEAD}-")
    assert sample.contents(copy) == before
    after = sample.contents(old / database.NAME)
    assert {name: after[name] for name in before if name != "alembic_version"} == {
        name: found for name, found in before.items() if name != "alembic_version"
    }


def test_a_new_folder_needs_no_copy(tmp_path: Path) -> None:
    assert migration.before_migration(tmp_path, SystemClock()) is None
    migrate(tmp_path)
    assert snapshot.listed(tmp_path) == []


def test_without_a_copy_nothing_is_migrated(old: Path) -> None:
    """An error stops the start before the store opens."""
    (old / database.FOLDER).write_text("not a folder")
    with pytest.raises(StoreError):
        migrate(old)
    with sample.connected(old / database.NAME) as conn:
        assert conn.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def test_a_kill_at_any_statement_of_the_migration_loses_nothing(old: Path) -> None:
    """rel:T59: the next start opens it, migrates it and finds every row."""
    before = sample.contents(old / database.NAME)
    found = killed.run("migrate", old.parent)
    assert len(found) > 20
    for state in found:
        assert {name: state["tables"][name] for name in before if name != "alembic_version"} == {
            name: rows for name, rows in before.items() if name != "alembic_version"
        }
        assert state["damage"] == ""
        assert state["copies"] == 1


def test_rollback_returns_and_keeps_the_newer_one_aside(old: Path) -> None:
    before = sample.contents(old / database.NAME)
    migrate(old)
    with sample.opened(old) as store:
        sample.add(store, 1000, 1005)
        sample.mark(old)
    with status.owned(old), pytest.raises(StoreError, match="another Redshank"):
        migration.rollback(old, SystemClock())
    done = migration.rollback(old, SystemClock())
    assert (done.schema, done.fits) == ("0001", "0.1")
    assert sample.contents(old / database.NAME) == before
    assert sample.epoch(old / database.NAME) > 7
    assert done.kept is not None
    assert len(sample.event_ids(done.kept)) == EVENTS + 5
    assert heal.wanted(old)
    with pytest.raises(StoreError, match="has schema 0001 already"):
        migration.rollback(old, SystemClock())


def test_after_a_rollback_the_newer_release_migrates_again(old: Path) -> None:
    migrate(old)
    migration.rollback(old, SystemClock())
    assert start.at_start(old, SystemClock()) == []
    migrate(old)
    assert sample.event_ids(old / database.NAME) == {f"e{n:08}" for n in range(EVENTS)}


def test_a_kill_during_a_rollback_leaves_one_of_the_two(old: Path) -> None:
    before = sample.contents(old / database.NAME)
    migrate(old)
    after = sample.contents(old / database.NAME)
    found = killed.run("rollback", old.parent)
    assert len(found) > 10
    assert found[-1]["tables"] == before
    assert all(state["tables"] in (before, after) and state["damage"] == "" for state in found)


def test_every_older_schema_says_which_release_fits() -> None:
    known = {script.revision for script in ScriptDirectory.from_config(alembic()).walk_revisions()}
    assert set(migration.FITS) == known - {HEAD}
