"""Migrations and the tables they make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import redshank.store
from redshank.clock import SystemClock
from redshank.errors import StoreError
from redshank.store.base import Store
from redshank.store.schema import HEAD, metadata


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
