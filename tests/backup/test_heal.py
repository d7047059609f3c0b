"""Which copy takes the place of a damaged database, and when none may."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from redshank.backup import database, heal, snapshot
from redshank.clock import SystemClock
from redshank.errors import StoreError
from tests.backup import sample
from tests.harness.clocks import START

HOUR = 3_600_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two copies, the newer one with more events; the database itself is damaged."""
    for number in range(2):
        with sample.opened(tmp_path) as store:
            sample.add(store, 50 * number, 50 * number + 50)
            sample.mark(tmp_path)
        snapshot.take(tmp_path, "redshank", START + number * HOUR)
    (tmp_path / database.NAME).write_bytes(bytes(9000))
    return tmp_path


def unread(copy: Path) -> Path:
    """Cannot be opened for the moment; where its bytes are."""
    kept = copy.with_suffix(".away")
    copy.rename(kept)
    copy.mkdir()
    return kept


def test_copies_that_cannot_be_read_now_are_waited_for(data: Path) -> None:
    """An empty database in their place would stay for good."""
    copies = snapshot.listed(data)
    kept = [unread(copy) for copy in copies]
    before = (data / database.NAME).read_bytes()
    with pytest.raises(StoreError, match=r"damaged .*no backup can be used now .*unable to open .*: put that right"):
        heal.at_start(data, SystemClock())
    assert (data / database.NAME).read_bytes() == before
    assert heal.wanted(data) == ""
    for copy, place in zip(copies, kept, strict=True):
        copy.rmdir()
        place.rename(copy)
    healed = heal.at_start(data, SystemClock())
    assert healed is not None
    assert len(sample.event_ids(data / database.NAME)) == 100


def test_one_that_can_be_read_is_enough_and_the_other_is_told(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    newer, older = snapshot.listed(data)
    unread(newer)
    healed = heal.at_start(data, SystemClock())
    assert healed is not None
    assert healed.copy == older
    assert f"passed over, it may hold more: {newer}" in caplog.text


def test_a_copy_of_a_newer_release_is_passed_over(data: Path) -> None:
    newer, older = snapshot.listed(data)
    with closing(sqlite3.connect(newer)) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        conn.commit()
    healed = heal.at_start(data, SystemClock())
    assert healed is not None
    assert healed.copy == older
    (data / database.NAME).write_bytes(bytes(9000))
    older.unlink()
    with pytest.raises(StoreError, match="made by a newer Redshank"):
        heal.at_start(data, SystemClock())


def test_copies_that_are_damaged_themselves_are_none(data: Path) -> None:
    for copy in snapshot.listed(data):
        copy.write_bytes(copy.read_bytes()[:4096] + bytes(9000))
    healed = heal.at_start(data, SystemClock())
    assert healed is not None
    assert "there is no good backup" in str(healed)
