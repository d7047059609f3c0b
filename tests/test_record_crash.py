"""Power cuts and failing disks under a recorder of two cameras (rel:T04, T05, T06), on the disk of tests/harness/crash_disk.py.

The hub is played too: a row is committed when its segment is told, and only at the next step is the `.part` taken away.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import get_args

import pytest

from redshank.clock import NS_PER_S
from redshank.errors import StoreError
from redshank.media.adopt import adopt
from redshank.media.segment_read import inspect, packets
from redshank.model import Segment
from redshank.record_settings import RecordSettings
from tests.harness.clocks import FakeClock
from tests.harness.crash_disk import CrashDisk, Damage, Entries, Fault, FaultDisk, Plan, once
from tests.harness.figures import figure
from tests.harness.stamp import read_sei
from tests.recorder import FPS, Bench

CAMERAS = ("yard", "hall")
LOST_S = 3.0
"""rel:T04: what a power cut may cost."""


@dataclass
class Run:
    """What happened, and what the database had after how many calls of the disk."""

    bench: Bench
    disk: CrashDisk
    faulty: FaultDisk
    rows: list[tuple[int, Segment]]
    stopped_at: int = 0
    """Calls asked for before the recorder was told to stop."""

    def times(self) -> list[float]:
        """When each moment was over, in seconds: the power fails just before the next call."""
        ends = [call.time / NS_PER_S for call in self.disk.log]
        return [*ends, ends[-1]]

    def trouble(self) -> list[str]:
        return [stream.trouble for stream in self.bench.recorder.streams if stream.trouble]


def recorded(seconds: float, segment_s: float, plan: Callable[[FakeClock], Plan] | None = None) -> Run:
    crash = CrashDisk()
    faulty = FaultDisk(crash)
    settings = [RecordSettings(camera, "main", "v1", segment_s=segment_s) for camera in CAMERAS]
    bench = Bench(*settings, real=faulty)
    crash.now = bench.clock.mono_ns
    if plan is not None:
        faulty.plan = plan(bench.clock)
    run = Run(bench, crash, faulty, [])
    for _ in range(round(seconds * 2)):
        bench.run(0.5)
        committed(run)
    run.stopped_at = len(faulty.calls)
    bench.stop()
    committed(run)
    return run


def at_call(number: int, fault: Fault, clock: FakeClock) -> Plan:
    return once(number, fault)


def outage(number: int, fault: Fault, seconds: float, clock: FakeClock) -> Plan:
    """Every call from the n-th on fails, until so much time has passed."""
    began: list[int] = []

    def plan(n: int, call: str, name: str) -> Fault:
        if n < number:
            return ""
        began[:] = began or [clock.mono_ns()]
        return fault if clock.mono_ns() < began[0] + seconds * NS_PER_S else ""

    return plan


def committed(run: Run) -> None:
    """What the hub does with the segments told since."""
    done = {row.seq for _, row in run.rows}
    new = [row for camera in CAMERAS for row in run.bench.rows(camera) if row.seq not in done]
    run.rows += [(len(run.disk.log), row) for row in new]
    for row in new:
        run.disk.unlink(row.path.removesuffix("mp4") + "part")


@cache
def numbers_in(data: bytes) -> list[int]:
    """Of the pictures of a whole file; every checksum in it is looked at."""
    file = inspect(lambda offset, size: data[offset : offset + size], len(data), deep=True)
    kept = packets(lambda offset, size: data[offset : offset + size], file)
    return [stamp.number for packet in kept if (stamp := read_sei(packet.data)) is not None]


def adopted(disk: CrashDisk) -> list[Segment]:
    """What the next start does."""
    rows = []
    for name in list(disk.names()):
        if name.endswith(".part"):
            rows.append(adopt(disk, name))
            disk.unlink(name)
    return [row for row in rows if row is not None]


def judged(disk: CrashDisk, before: Iterable[Segment], now_s: float) -> float:
    """Nothing that was committed is missing, short or another; no file is without a row. Seconds lost of the worse camera."""
    rows = {row.path: row for row in [*adopted(disk), *before]}
    assert sorted(disk.names()) == sorted(rows)
    pictures: dict[str, set[int]] = {camera: set() for camera in CAMERAS}
    for row in rows.values():
        pictures[row.camera].update(pictures_of(disk, row))
    for camera, found in pictures.items():
        assert found == set(range(len(found))), f"a hole in {camera} at {now_s} s"
    return now_s - min(map(len, pictures.values())) / FPS


def pictures_of(disk: CrashDisk, row: Segment) -> list[int]:
    """Of the file a row speaks of, which must be that very file."""
    data = disk.read(row.path, 0, 1 << 30)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (row.size, row.sha256), row.path
    return numbers_in(data)


@dataclass
class Cuts:
    count: int = 0
    worst_s: float = 0.0


def tried(run: Run, kinds: Collection[tuple[Damage, Entries]], seeds: int = 1) -> Cuts:
    """A power cut after each call, each with every kind of damage."""
    cuts = Cuts()
    for at, (moment, now_s) in enumerate(zip(run.disk.moments(), run.times(), strict=True)):
        before = [row for since, row in run.rows if since <= at]
        for (damage, entries), seed in itertools.product(kinds, range(seeds)):
            lost_s = judged(moment.after_crash(damage, entries, at * seeds + seed), before, now_s)
            assert lost_s <= LOST_S, f"{lost_s} s lost at call {at}, {now_s} s: {damage}, {entries}"
            cuts = Cuts(cuts.count + 1, max(cuts.worst_s, lost_s))
    return cuts


def test_a_power_cut_at_any_call_of_a_short_run_costs_three_seconds_at_most() -> None:
    """rel:T04, T05: 12 s of two cameras in three files each, whatever is left of what was not synced."""
    run = recorded(12, segment_s=4)
    assert len(run.rows) == 6
    cuts = tried(run, [*itertools.product(get_args(Damage), get_args(Entries))])
    assert cuts.count > 1000
    assert cuts.worst_s > 1, "nothing was lost: the cuts did not cut"


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_T04_a_power_cut_at_any_call_of_a_minute_costs_three_seconds_at_most() -> None:
    """rel:T04 at full length, about 10 s on 2 cores."""
    cuts = tried(recorded(60, segment_s=30), [("drop", "absent"), ("drop", "present"), ("drop", "any")])
    figure(
        "T04",
        f"{cuts.count} power cuts, {cuts.worst_s:.1f} s lost at most, 0 bad rows",
        "drop, after every call of 60 s, 2 cameras",
    )


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_T05_a_minute_scrambled_zeroed_or_cut_at_any_call_plays() -> None:
    """rel:T05 at full length, about 40 s on 2 cores; each byte of a tail is in tests/media."""
    kinds: list[tuple[Damage, Entries]] = [(d, e) for d in ("scramble", "zero", "cut") for e in ("absent", "any")]
    cuts = tried(recorded(60, segment_s=30), kinds, seeds=2)
    figure(
        "T05",
        f"{cuts.count} power cuts, {cuts.worst_s:.1f} s lost at most, 0 unplayable",
        "scramble, zero, cut after every call of 60 s, 2 cameras",
    )


@pytest.mark.parametrize("kind", [(d, e) for d in get_args(Damage) for e in ("absent", "any")], ids=str)
def test_a_second_power_cut_during_the_recovery_costs_nothing_more(kind: tuple[Damage, Entries]) -> None:
    """rel:T04: rows are committed one by one, and the power fails after each call of the recovery."""
    run = recorded(9, segment_s=4)
    first = run.disk
    *_, moment = itertools.islice(first.moments(), len(first.log) * 2 // 3)
    begun = moment.after_crash(*kind, seed=7)
    rows = [row for since, row in run.rows if since <= len(first.log) * 2 // 3 - 1]
    at_s = run.times()[len(first.log) * 2 // 3 - 1]
    calls = 0
    while True:
        disk = begun.after_crash("drop", "present")
        mended, ended = recovered(FaultDisk(disk, from_then_on(calls)))
        assert judged(disk.after_crash(*kind, seed=calls), [*rows, *mended], at_s) <= LOST_S
        if ended:
            break
        calls += 1
    assert calls >= 4


def from_then_on(number: int) -> Plan:
    return lambda n, call, name: "error" if n >= number else ""


def recovered(disk: FaultDisk) -> tuple[list[Segment], bool]:
    """Rows committed before the disk ended, and whether it did not."""
    rows: list[Segment] = []
    try:
        for name in [name for name in disk.names() if name.endswith(".part")]:
            row = adopt(disk, name)
            rows += [] if row is None else [row]
            disk.unlink(name)
    except StoreError:
        return rows, False
    return rows, True


# -- rel:T06


def checked(run: Run, failing: Collection[str], seconds: float) -> None:
    """No false "saved"; every picture is in a row, is taken over at the next start, or is in a gap; the others lose nothing."""
    durable = run.disk.after_crash("drop", "absent")
    saved = {
        camera: {n for _, row in run.rows if row.camera == camera for n in pictures_of(durable, row)}
        for camera in CAMERAS
    }
    for row in adopted(run.disk):
        saved[row.camera].update(pictures_of(run.disk, row))
    for camera in CAMERAS:
        missing = set(range(round(seconds * FPS))) - saved[camera]
        gaps = run.bench.gaps(camera)
        assert camera in failing or (not missing and not gaps)
        for number in missing:
            at_s = number / FPS
            assert any(start <= at_s and (end is None or at_s <= end) for start, end, _ in gaps), (camera, number, gaps)
        assert {reason for _, _, reason in gaps} <= {"disk_full", "disk_error"}


@pytest.mark.parametrize("fault", [fault for fault in get_args(Fault) if fault not in ("", "hold")])
def test_a_fault_at_any_call_of_a_segment_s_life_costs_nothing(fault: Fault) -> None:
    """rel:T06: at each call of three files of two cameras. While it stops, what cannot be closed is left to the next start."""
    for number in itertools.count():
        run = recorded(6, 2, partial(at_call, number, fault))
        if not run.faulty.failed:
            break
        stopping = number >= run.stopped_at
        checked(run, CAMERAS if stopping else (), 6)
        assert stopping or not run.trouble(), run.faulty.failed
    assert number > 60


@pytest.mark.parametrize("fault", ["error", "full", "short"])
def test_a_disk_that_fails_for_three_seconds_from_any_call_on_costs_nothing(fault: Fault) -> None:
    """rel:T06, T46."""
    for number in range(0, 60, 3):
        run = recorded(10, 2, partial(outage, number, fault, 3))
        assert run.faulty.failed
        checked(run, (), 10)
        assert not run.trouble()


@pytest.mark.parametrize("fault", ["error", "full", "short", "late"])
def test_a_camera_whose_folder_fails_for_ever_is_a_gap_and_the_other_loses_nothing(fault: Fault) -> None:
    """rel:T06."""
    for number in range(0, 60, 3):
        run = recorded(6, 2, partial(hall_fails, number, fault))
        assert run.faulty.failed
        checked(run, ["hall"], 6)
        assert run.bench.recorder.stats()["trouble"]


def hall_fails(since: int, fault: Fault, clock: FakeClock) -> Plan:
    return lambda n, call, name: fault if n >= since and name.startswith("hall") else ""
