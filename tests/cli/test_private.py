"""`redshank private`, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshank.cli.private import private
from redshank.clock import SystemClock
from redshank.store import ledger, migrate, sqlite
from redshank.store.base import Store
from tests.cli.typed import typed


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, ...]:
    Store(f"sqlite:///{tmp_path / 'redshank.db'}", SystemClock()).close()
    config = tmp_path / "redshank.yaml"
    config.write_text("cameras:\n  yard:\n    url: rtsp://192.168.1.2/main\n")
    return ("--data", str(tmp_path), "--config", str(config))


def switched(folder: Path) -> set[str]:
    store = Store(f"sqlite:///{folder / 'redshank.db'}", SystemClock())
    try:
        return set(store.read(lambda conn: ledger.private(conn, SystemClock().now())))
    finally:
        store.close()


def test_one_camera_and_all_of_them(at: tuple[str, ...], tmp_path: Path) -> None:
    assert typed(private, "yard", "--for", "2h", *at).stdout == "yard: private for 2h\n"
    assert switched(tmp_path) == {"yard"}
    assert typed(private, "all", *at).exit_code == 0
    assert typed(private, "yard", "--off", *at).exit_code == 1
    assert typed(private, "all", "--off", *at).exit_code == 0
    assert switched(tmp_path) == set()


def test_a_camera_or_a_folder_that_is_not_there_is_told(at: tuple[str, ...], tmp_path: Path) -> None:
    assert "there is no camera 'yrd'; configured: yard" in str(typed(private, "yrd", *at).exception)
    found = typed(private, "yard", "--data", tmp_path / "none", *at[2:])
    assert "there is no database of Redshank" in str(found.exception)
    assert not (tmp_path / "none").exists()


def test_a_database_of_an_older_release_is_not_migrated_by_it(at: tuple[str, ...], tmp_path: Path) -> None:
    """Only a start does that: it saves a copy first, and no older Redshank runs on the database then."""
    path = tmp_path / "redshank.db"
    path.unlink()
    writer, reader = sqlite.engines(path)
    with writer.begin() as conn:
        migrate.upgrade(conn, str(path), "0001")
    writer.dispose()
    reader.dispose()
    assert migrate.pending(path)
    found = typed(private, "yard", *at)
    assert (found.exit_code, "is of an older release" in str(found.exception)) == (2, True)
    assert migrate.pending(path)
