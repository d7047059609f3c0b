"""The copies that make themselves: rel:T36 without the passphrase."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from redshank.backup import database, drill, snapshot
from redshank.backup.snapshot import Snapshots
from redshank.clock import SystemClock
from redshank.errors import DiskFull, StoreError
from redshank.recordings import Recordings
from tests.backup import sample
from tests.config.writing import loaded
from tests.harness.clocks import START, FakeClock

MINUTE = 60.0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with sample.opened(tmp_path) as store:
        sample.add(store, 0, 50)
    return tmp_path


def make(data: Path) -> tuple[Snapshots, FakeClock]:
    clock = FakeClock(autojump=True)
    return Snapshots(data, clock), clock


def change(data: Path, number: int) -> None:
    with closing(sqlite3.connect(data / database.NAME)) as conn:
        conn.execute("INSERT INTO meta (site, name, value) VALUES ('default', ?, '')", (f"change {number}",))
        conn.commit()


def test_a_changed_database_is_copied_every_five_minutes_and_an_unchanged_one_is_not(data: Path) -> None:
    snapshots, clock = make(data)
    snapshots.step()
    assert snapshots.taken == 1
    for _ in range(60):
        clock.advance(10)
        snapshots.step()
    assert snapshots.taken == 1
    for number in range(60):
        clock.advance(10)
        change(data, number)
        snapshots.step()
    assert snapshots.taken == 1 + 2
    assert snapshots.trouble == ""
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in snapshot.listed(data))
    snapshots.close()


def test_a_program_that_starts_again_and_again_copies_no_more_often(data: Path) -> None:
    clock = FakeClock(autojump=True)
    taken = 0
    for number in range(30):
        snapshots = Snapshots(data, clock)
        change(data, number)
        snapshots.step()
        snapshots.close()
        taken += snapshots.taken
        clock.advance(20)
    assert taken == 2


def test_the_last_three_stay_and_one_of_each_of_seven_days(data: Path) -> None:
    snapshots, clock = make(data)
    for number in range(6 * 10):
        change(data, number)
        snapshots.step()
        clock.advance(4 * 3600)
    snapshots.close()
    kept = [path.stem.removeprefix("redshank-") for path in snapshot.listed(data)]
    assert len(kept) == 7 + 2
    assert [stamp[:8] for stamp in kept] == ["20260110"] * 3 + [f"202601{day:02}" for day in range(9, 3, -1)]


@pytest.mark.parametrize("hours", [-30 * 24, 30 * 24])
def test_a_clock_that_was_wrong_for_a_while_costs_no_new_copy(data: Path, hours: int) -> None:
    """The newest are those with the most in them, not those with the latest date."""
    snapshots, clock = make(data)

    def copies(count: int) -> list[Path]:
        before = snapshots.taken
        made = []
        for number in range(count):
            change(data, 1000 * before + number)
            snapshots.step()
            clock.advance(400)
            made += [path for path in snapshot.listed(data) if path not in known]
            known.update(made)
        assert snapshots.taken == before + count
        return made

    known: set[Path] = set()
    copies(3)
    clock.step(hours * 3600)
    assert len(copies(4)) == 4, "each was there after it was made"
    clock.step(-hours * 3600)
    last = copies(4)
    assert set(last[-3:]) <= set(snapshot.listed(data))
    assert snapshot.by_mark(data, "redshank")[:3] == last[:-4:-1]
    assert snapshots.trouble == ""
    snapshots.close()


def test_the_copy_just_made_stays_also_without_marks(data: Path) -> None:
    copies = [snapshot.take(data, "redshank", START + number * 86_400_000_000) for number in range(12)]
    made = snapshot.take(data, "redshank", START - 86_400_000_000)
    snapshot.thin(data, made)
    assert set(snapshot.listed(data)) == {made, *copies[-6:]}


def test_a_copy_that_cannot_be_read_now_is_not_deleted(data: Path) -> None:
    made = snapshot.take(data, "redshank", START)
    unread = made.with_name("redshank-20240101T000000Z.db")
    unread.mkdir()
    snapshot.thin(data, made)
    assert unread.exists()


def test_as_many_stay_as_the_configuration_says(tmp_path: Path) -> None:
    config = loaded(tmp_path, "backup: {every: 1h, keep: 2, keep_daily: 0}").config
    data, clock = tmp_path / "data", FakeClock(autojump=True)
    with sample.opened(data) as store:
        site = Recordings(config, data, store, clock, {})
        assert site.snapshots is not None
        for number in range(12):
            change(data, number)
            site.snapshots.step()
            clock.advance(1800)
        assert site.snapshots.taken == 6
        site.close()
    assert len(snapshot.listed(data)) == 2


def test_what_a_killed_backup_left_is_deleted_and_one_under_way_is_not(data: Path) -> None:
    snapshots, _clock = make(data)
    for name, age_s in ((".bundle-old", 7200), (".bundle-new", 60)):
        left = data / "backups" / name
        left.mkdir(parents=True)
        (left / database.NAME).write_text("a copy")
        made = left.stat().st_mtime - age_s
        os.utime(left, (made, made))
    snapshots.step()
    assert [path.name for path in (data / "backups").glob(".bundle-*")] == [".bundle-new"]
    snapshots.close()


def test_each_copy_holds_what_the_database_held(data: Path) -> None:
    path = snapshot.take(data, "redshank", START)
    assert path.name == "redshank-20260101T000000Z.db"
    assert sample.contents(path) == sample.contents(data / database.NAME)


def test_a_copy_under_constant_writing_ends_and_is_one_instant(data: Path) -> None:
    """Without the read transaction every commit would start the copy again."""
    stop = threading.Event()
    with sample.opened(data) as store:
        sample.add(store, 100, 500, size=4000)

        def write() -> None:
            number = 1000
            while not stop.is_set():
                sample.add(store, number, number + 5)
                number += 5

        writer = threading.Thread(target=write)
        writer.start()
        steps: list[None] = []

        def pace() -> None:
            steps.append(store.write(lambda conn: None).result(10))

        try:
            found = [snapshot.take(data, "redshank", START + i * 1_000_000, pace) for i in range(3)]
        finally:
            stop.set()
            writer.join()
    assert len(steps) >= 3
    for path in found:
        ids = sample.event_ids(path)
        late = sorted(id for id in ids if id >= "e00001000")
        assert late == [f"e{n:08}" for n in range(1000, 1000 + len(late))]
        assert {f"e{n:08}" for n in range(100, 500)} <= ids


def test_damage_in_the_database_is_told_and_keeps_the_older_copies(data: Path) -> None:
    snapshots, clock = make(data)
    snapshots.step()
    good = snapshot.listed(data)
    content = bytearray((data / database.NAME).read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    change(data, 1)
    (data / database.NAME).write_bytes(content)
    clock.advance(301)
    snapshots.step()
    assert "the database is not backed up" in snapshots.trouble
    assert snapshot.listed(data) == good
    snapshots.close()


def test_a_backup_older_than_two_intervals_is_trouble(data: Path) -> None:
    """rel:T36: also when nobody calls any more."""
    snapshots, clock = make(data)
    snapshots.step()
    clock.advance(9 * MINUTE)
    assert snapshots.trouble == ""
    clock.advance(2 * MINUTE)
    assert snapshots.trouble == "the database is not backed up: the newest backup is 11 minutes old"
    snapshots.step()
    assert snapshots.trouble == ""
    snapshots.close()


def test_a_full_disk_is_trouble_and_is_over_when_there_is_room(data: Path) -> None:
    snapshots, clock = make(data)
    snapshots.room = 1 << 60
    snapshots.step()
    assert "no room for a backup" in snapshots.trouble
    with pytest.raises(DiskFull):
        snapshot.take(data, "redshank", START, room=1 << 60)
    snapshots.room = snapshot.ROOM
    clock.advance(301)
    snapshots.step()
    assert snapshots.trouble == ""
    assert snapshots.taken == 1
    snapshots.close()


def test_once_a_day_a_copy_is_put_to_use(data: Path) -> None:
    snapshots, clock = make(data)
    snapshots.step()
    newest = snapshot.listed(data)[0]
    content = newest.read_bytes()
    newest.write_bytes(content[:4096] + bytes(4096) + content[8192:])
    clock.advance(25 * 3600)
    snapshots.step()
    assert "damaged" in snapshots.trouble
    change(data, 1)
    clock.advance(301)
    snapshots.step()
    assert "damaged" not in snapshots.trouble
    assert not (data / "backups" / ".drill").exists()
    snapshots.close()


def test_the_drill_opens_a_copy_without_changing_it(data: Path, tmp_path: Path) -> None:
    path = snapshot.take(data, "redshank", START)
    before = path.read_bytes()
    found = drill.try_database(path, tmp_path / "drill", SystemClock())
    assert found.counts["events"] == 50
    assert path.read_bytes() == before
    assert not (tmp_path / "drill").exists()


def test_a_slow_copy_stretches_the_interval(data: Path) -> None:
    class Slow(FakeClock):
        def wait(self, seconds: float) -> None:
            self.advance(12)

    clock = Slow()
    snapshots = Snapshots(data, clock)
    snapshots.step()
    assert snapshots.every_s == pytest.approx(12 / 0.02)
    snapshots.close()


def test_nothing_is_left_of_a_copy_that_was_given_up(data: Path) -> None:
    def stop() -> None:
        raise StoreError("stopped")

    with pytest.raises(StoreError, match="stopped"):
        snapshot.take(data, "redshank", START, stop)
    assert list((data / "backups").iterdir()) == []


class Resting(SystemClock):
    """Tells when the part it belongs to has nothing to do, and leaves it there."""

    def __init__(self) -> None:
        self.resting = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.resting.set()
        await asyncio.Future()


async def test_it_runs_until_it_is_stopped(data: Path) -> None:
    clock = Resting()
    snapshots = Snapshots(data, clock)
    task = asyncio.ensure_future(snapshots.run())
    await asyncio.wait_for(clock.resting.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    snapshots.close()
    assert len(snapshot.listed(data)) == 1
