"""The recorder on a disk that fails, fills, hangs or is slow: nothing is lost that fits into memory, and what is lost is counted."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from redshank.clock import US_PER_S
from redshank.errors import DiskFull, StoreError
from redshank.media.fanout import Fanout
from redshank.media.spool import Spool
from redshank.pipe import Note
from redshank.record import Recorder
from redshank.record_settings import RecordSettings
from tests.harness.clocks import FakeClock
from tests.recorder import FPS, Bench, MemoryDisk, Scripted

YARD = RecordSettings("yard", "main", "v1", segment_s=4)
DOOR = replace(YARD, camera="door")
BROKEN = StoreError("the device reports an error")
FULL = DiskFull("no space left: free some space")


def failing(operation: str, nth: int, error: StoreError = BROKEN, camera: str = "yard") -> MemoryDisk:
    """The n-th call of one kind fails."""
    disk, calls = MemoryDisk(), Counter[str]()

    def fault(called: str, name: str) -> StoreError | None:
        if not name.startswith(camera):
            return None
        calls[called] += 1
        return error if called == operation and calls[called] == nth else None

    disk.fault = fault
    return disk


def whole(bench: Bench, count: int, camera: str = "yard") -> None:
    """Every picture is there; those just before an error may be there twice."""
    seen = Counter(bench.numbers(camera))
    assert sorted(seen) == list(range(count))
    assert max(seen.values()) <= 2


# -- one error


@pytest.mark.parametrize("operation", ["create", "append", "sync", "sync_folder", "link"])
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8])
def test_one_error_costs_nothing_whatever_failed(operation: str, nth: int) -> None:
    """rel:T06; every call of a segment's life is tried in tests/torture."""
    bench = Bench(YARD, DOOR, disk=failing(operation, nth))
    bench.run(42)
    bench.recorder.tick()
    bench.stop()
    whole(bench, 420)
    assert bench.numbers("door") == list(range(420)), "the other camera does not notice"
    assert bench.gaps() == []
    assert [name for name in bench.disk.files if bench.disk.busy(name)] == []


@pytest.mark.parametrize("operation", ["append", "sync"])
def test_what_was_synced_before_the_error_is_kept_and_nothing_after_it(operation: str) -> None:
    bench = Bench(replace(YARD, segment_s=30), disk=failing(operation, 8 if operation == "sync" else 24))
    bench.run(20)
    bench.stop()
    first, second = bench.rows()
    assert bench.disk.calls.count(("truncate", first.path[:-3] + "part")) == 1
    assert first.media_to == first.size
    assert second.start <= first.end
    assert first.end - second.start < US_PER_S, "less than a GOP is there twice"
    whole(bench, 200)


def test_a_file_that_never_held_anything_is_removed() -> None:
    bench = Bench(disk=failing("append", 1))
    bench.run(5)
    bench.stop()
    assert sorted(bench.disk.files) == sorted([bench.rows()[0].path, bench.rows()[0].path[:-3] + "part"])


def test_a_folder_that_could_not_be_synced_gets_its_entry_again() -> None:
    """rel:T06: trying the same sync again would prove nothing."""
    bench = Bench(disk=failing("sync_folder", 2))
    bench.run(31)
    bench.run(3)
    bench.stop()
    path = bench.rows()[0].path
    about = [call for call in bench.disk.calls if call[1] == path]
    assert about == [
        ("link", path), ("sync_folder", path), ("unlink", path), ("link", path), ("sync_folder", path)
    ]  # fmt: skip
    whole(bench, 340)


def test_no_segment_is_told_before_its_name_is_safe() -> None:
    bench = Bench()
    bench.disk.fault = lambda operation, name: BROKEN if operation == "sync_folder" and name.endswith("mp4") else None
    bench.run(45)
    bench.stop()
    assert bench.rows() == []
    parts = [name for name in bench.disk.files if name.endswith(".part")]
    assert len(parts) == 2, "both wait for the next start"


@pytest.mark.parametrize("last", ["truncate", "unlink", "link", "sync_folder", "sync", "append"])
def test_an_error_while_an_error_is_handled_costs_nothing_either(last: str) -> None:
    bench = Bench(replace(YARD, segment_s=30))
    bench.run(10)
    left = Counter({"append": 3, "sync": 2, last: 3})

    def fault(operation: str, name: str) -> StoreError | None:
        left[operation] -= 1
        return BROKEN if left[operation] >= 0 else None

    bench.disk.fault = fault
    bench.run(30)
    bench.stop()
    whole(bench, 400)


# -- a while without a disk


@pytest.mark.parametrize("error", [BROKEN, FULL])
@pytest.mark.parametrize("seconds", [3, 47])
def test_a_disk_that_is_away_for_a_while_costs_nothing_that_fits_into_memory(error: StoreError, seconds: int) -> None:
    """rel:T46: recording goes on by itself, no more than two seconds after the disk takes it again."""
    bench = Bench(YARD, DOOR)
    bench.run(10)
    bench.disk.fault = lambda operation, name: error
    bench.run(seconds)
    bench.recorder.tick()
    (note,) = bench.told("volume")
    kind = "disk_full" if error is FULL else "disk_error"
    assert (note["kind"], note["trouble"], note["dropped"]) == (kind, str(error), 0)
    bench.disk.fault = lambda operation, name: None
    bench.run(1.5)
    bench.recorder.tick()
    assert bench.told("volume")[-1]["kind"] == ""
    bench.run(10)
    bench.stop()
    whole(bench, round((seconds + 21.5) * FPS))
    whole(bench, round((seconds + 21.5) * FPS), "door")
    assert bench.gaps() == bench.gaps("door") == []


def test_attempts_on_a_full_disk_leave_nothing_behind() -> None:
    bench = Bench()
    bench.run(3)
    bench.disk.fault = lambda operation, name: FULL if operation == "append" else None
    bench.run(60)
    assert len(bench.disk.files) <= 3
    creates = [call for call in bench.disk.calls if call[0] == "create"]
    assert len(creates) <= 62, "one try a second"


def test_a_file_that_somebody_took_over_meanwhile_is_settled() -> None:
    """A rebuild of the index while the recorder could not cut its file: longer than what the recorder trusts, and linked."""
    disk = MemoryDisk()
    broken, first = {"append", "truncate"}, f"yard/main/2026-01-01/00/00.00-{1 << 20}.part"
    disk.fault = lambda operation, name: (
        BROKEN if operation in broken and name == first and disk.synced.get(name) else None
    )
    bench = Bench(disk=disk)
    bench.run(5)
    assert bench.recorder.stats()["trouble"]
    taken = first[:-4] + "mp4"
    disk.files[taken] = disk.files.pop(first)
    bench.run(5)
    assert not bench.recorder.stats()["trouble"]
    bench.stop()
    assert taken not in {row.path for row in bench.rows()}, "it was told by who took it over"
    assert bench.numbers()[-1] == 99


def test_a_finished_file_that_was_taken_over_may_be_told_twice() -> None:
    disk = MemoryDisk()
    failed = [BROKEN] * 3
    disk.fault = lambda operation, name: (
        failed.pop() if operation == "sync_folder" and "mp4" in name and failed else None
    )
    bench = Bench(replace(YARD, segment_s=2), disk=disk)
    bench.run(2.6)
    (part,) = [name for name in disk.files if name[:-4] + "mp4" in disk.files]
    del disk.files[part]
    bench.run(10)
    bench.stop()
    whole(bench, 126)


def test_what_could_not_be_written_until_the_end_is_a_gap() -> None:
    bench = Bench()
    bench.run(10)
    bench.disk.fault = lambda operation, name: BROKEN if operation not in ("truncate", "link", "sync_folder") else None
    bench.run(10)
    bench.stop()
    (gap,) = bench.gaps()
    (row,) = bench.rows()
    assert gap[0] == bench.s(row.end)
    assert gap[1:] == (19.9, "disk_error")


def test_privacy_is_kept_when_the_disk_comes_back() -> None:
    bench = Bench()
    bench.run(5)
    bench.disk.fault = lambda operation, name: BROKEN
    bench.run(5)
    bench.private(True)
    bench.run(5)
    bench.private(False)
    bench.run(5)
    bench.disk.fault = lambda operation, name: None
    bench.run(5)
    bench.stop()
    assert sorted(set(bench.numbers())) == [*range(100), *range(150, 250)]


def test_motion_before_an_error_is_kept_after_it() -> None:
    bench = Bench(replace(YARD, mode="motion"))
    bench.run(20)
    bench.disk.fault = lambda operation, name: BROKEN
    bench.recorder.keep("yard", bench.clock.now(), bench.clock.now() + 5 * US_PER_S, False)
    bench.run(15)
    bench.disk.fault = lambda operation, name: None
    bench.run(15)
    bench.stop()
    assert bench.numbers() == list(range(150, 300))


# -- a slow disk


def test_a_disk_that_hangs_for_thirty_seconds_loses_nothing_and_holds_nobody_up() -> None:
    """rel:T13."""
    bench = Bench(YARD, DOOR)
    bench.run(10)
    bench.stepping = False
    bench.recorder._busy_ns = bench.clock.mono_ns()
    reader = bench.yard.fanout.join("live")
    seen = 0
    for second in range(30):
        bench.run(1)
        seen += len(reader.take())
        bench.recorder.tick()
        assert [note["kind"] for note in bench.told("volume")] == ["slow_disk"] * max(0, second - 3)
    assert seen == 300
    bench.stepping = True
    bench.run(10)
    bench.recorder.tick()
    assert bench.told("volume")[-1]["kind"] == ""
    bench.stop()
    assert bench.numbers() == bench.numbers("door") == list(range(500))
    assert bench.gaps() == []


def test_what_is_asked_for_while_a_disk_hangs_is_kept_however_long_and_often() -> None:
    bench = Bench(replace(YARD, mode="motion", pre_s=1, post_s=1))
    bench.run(5)
    bench.stepping = False
    for second in range(200):
        bench.run(1)
        if second % 2:
            bench.recorder.keep("yard", bench.clock.now(), bench.clock.now(), second % 4 == 1)
    bench.stepping = True
    bench.run(10)
    bench.stop()
    assert set(bench.numbers()) >= set(range(70, 2050))


def test_what_is_asked_for_during_a_hang_is_forgotten_with_privacy_but_not_what_comes_after_it() -> None:
    bench = Bench(replace(YARD, mode="motion", pre_s=1, post_s=1))
    bench.run(5)
    bench.stepping = False
    bench.recorder.keep("yard", bench.clock.now(), bench.clock.now(), False)
    bench.recorder.set_mode("yard", "motion", private=True)
    bench.run(10)
    bench.recorder.set_mode("yard", "motion", private=False)
    bench.run(5)
    bench.recorder.keep("yard", bench.clock.now(), bench.clock.now(), False)
    bench.stepping = True
    bench.run(10)
    bench.stop()
    assert bench.numbers() == [*range(40, 50), *range(190, 210)]


def test_a_real_writer_that_hangs_holds_up_no_camera() -> None:
    """rel:T13, with the thread: `offer` returns while `sync` does not."""
    disk, entered, go_on = MemoryDisk(), threading.Event(), threading.Event()

    def fault(operation: str, name: str) -> StoreError | None:
        if operation == "sync":
            entered.set()
            assert go_on.wait(20)
        return None

    disk.fault = fault
    clock, spool, notes = FakeClock(), Spool(1 << 26), list[Note]()
    recorder = Recorder("v1", disk, [YARD], spool, clock, notes.append, iter(range(100)).__next__)
    fanout = Fanout()
    fanout.attach(spool.sink("yard", "main"))
    camera = Scripted("yard", fanout, clock)
    for _ in range(10):
        camera.tick()
        clock.advance(0.1)
    recorder.start()
    assert entered.wait(20)
    for _ in range(300):
        camera.tick()
        clock.advance(0.1)
    recorder.tick()
    assert [note.header["kind"] for note in notes if note.kind == "volume"] == ["slow_disk"]
    assert not recorder.stop(0.1)
    go_on.set()
    assert recorder.stop(20)
    assert sum(note.header["frames"] for note in notes if note.kind == "segment") == 310


def test_a_disk_at_half_speed_loses_nothing_while_the_backlog_fits() -> None:
    """rel:T12: 120 s at half the speed, then normal; the spool holds a minute of both cameras."""
    bench = slow_disk(spool=3_000_000)
    assert bench.spool.dropped() == {("yard", "main"): 0, ("door", "main"): 0}
    assert bench.numbers() == bench.numbers("door") == list(range(1800))
    assert bench.gaps() == []


def test_beyond_the_backlog_the_oldest_goes_counted_and_is_a_gap_and_what_matters_stays() -> None:
    """rel:T12."""
    bench = slow_disk(spool=600_000)
    for camera in ("yard", "door"):
        kept, lost = bench.numbers(camera), bench.spool.dropped()[camera, "main"]
        assert len(kept) + lost == 1800
        assert len(set(kept)) == len(kept)
        gaps = bench.gaps(camera)
        assert {gap[2] for gap in gaps} == {"slow_disk"}
        assert abs(sum((end or 0) - start for start, end, _ in gaps) * FPS - lost) <= len(gaps)
    assert bench.spool.dropped()["door", "main"] > 100
    assert set(range(550, 650)) <= set(bench.numbers()), "protected"


def slow_disk(spool: int) -> Bench:
    """Two cameras of ten kilobytes a second each; the disk takes half of it for 120 s. What yard shows from 55 s on matters."""
    bench = Bench(YARD, DOOR, spool=spool)
    bench.yard.data = bench.cameras["door"].data = bytes(1000)
    rate = sum(len(unit.data) for unit in bench.yard.units) + 10_000
    bench.run(10)
    bench.stepping = False
    bench.recorder.keep("yard", bench.clock.now() + 45 * US_PER_S, bench.clock.now() + 55 * US_PER_S, True)
    for _ in range(120):
        bench.run(1)
        for stream in bench.recorder.streams:
            stream.step(rate // 2)
        assert bench.spool.waiting <= spool
    bench.stepping = True
    bench.run(50)
    bench.stop()
    return bench


def test_memory_is_bounded_by_the_spool_and_one_gop() -> None:
    """rel:T12: packets are in the spool, or in a file since its last sync."""
    bench = Bench(spool=100_000)
    bench.run(60)
    stream = bench.recorder.streams[0]
    assert stream.file is not None
    assert len(list(stream.file.unsafe())) <= 2 * FPS + 10
    bench.disk.fault = lambda operation, name: BROKEN
    bench.run(150)
    assert bench.spool.waiting <= 100_000
    assert bench.recorder.stats()["open"] == 0
    assert not list(stream._held.packets())
