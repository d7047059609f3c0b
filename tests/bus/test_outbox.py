from __future__ import annotations

import random
from pathlib import Path

import pytest

from redshank.bus.outbox import Outbox, OutboxFull, Row
from redshank.errors import BusError


def row(number: int, lossy: bool = False, size: int = 10) -> Row:
    """`size` bytes that do not compress below that."""
    return Row("events", "default", number, lossy, random.Random(number).randbytes(size))


def test_rows_come_back_in_order_and_stay_until_removed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "outbox.db"
    outbox = Outbox(path, 1_000_000)
    outbox.append([row(1), row(2)])
    outbox.append([row(3)])
    outbox.close()
    again = Outbox(path, 1_000_000)
    assert again.waiting == 3
    assert [r.time_ms for r in again.first(10, 10**6)] == [1, 2, 3]
    assert again.first(1, 10**6)[0].body == row(1).body
    again.remove([r.id for r in again.first(2, 10**6)])
    assert [r.time_ms for r in again.first(10, 10**6)] == [3]
    assert again.waiting == 1
    again.close()


def test_a_chunk_is_bounded_in_bytes_but_never_empty(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 1_000_000)
    outbox.append([row(n, size=1000) for n in range(5)])
    assert len(outbox.first(10, 2500)) == 2
    assert len(outbox.first(10, 1)) == 1
    outbox.close()


def test_it_is_durable_and_says_so(tmp_path: Path) -> None:
    """rel:T35, the outbox's half: read back from the live connection."""
    outbox = Outbox(tmp_path / "outbox.db", 1_000_000)
    assert outbox.settings() == {"journal_mode": "wal", "synchronous": "2"}
    outbox.close()


def test_when_full_the_oldest_lossy_rows_go_and_events_stay(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = Outbox(path, 2_000_000)
    dropped = 0
    for first in range(0, 2000, 20):
        dropped += outbox.append([row(n, lossy=n % 10 != 0, size=2000) for n in range(first, first + 20)])
    left = outbox.first(10_000, 10**9)
    assert outbox.waiting == len(left) == 2000 - dropped
    assert dropped > 0
    assert [r.time_ms for r in left if not r.lossy] == list(range(0, 2000, 10)), "every event is there"
    lossy = [r.time_ms for r in left if r.lossy]
    assert lossy == [n for n in range(lossy[0], 2000) if n % 10], "the newest observations are there, without a hole"
    assert path.stat().st_size <= 2_000_000
    outbox.close()


def test_full_of_events_it_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", 200_000)
    kept = 60
    for n in range(kept):
        outbox.append([row(n, size=500)])
    with pytest.raises(OutboxFull, match="is full"):
        outbox.append([row(n, size=1000) for n in range(100)])
    assert outbox.waiting == kept
    assert [r.time_ms for r in outbox.first(1000, 10**9)] == list(range(kept))
    outbox.remove([r.id for r in outbox.first(kept // 2, 10**9)])
    outbox.append([row(1)])
    outbox.close()


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BusError, match="cannot be kept"):
        Outbox(tmp_path / "file" / "outbox.db", 1_000_000)
    (tmp_path / "broken.db").write_bytes(b"this is no database, but long enough to look at" * 50)
    with pytest.raises(BusError, match="not a database"):
        Outbox(tmp_path / "broken.db", 1_000_000)
