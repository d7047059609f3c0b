"""The program records onto disks that hang, are slow, fill up and are filled: `make torture TEST=T45`. Wall time beside each test.

As root on Linux, on small file systems of our own (tests/harness/loop_fs.py, slow_disk.py); elsewhere they say why they are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from redshank.clock import NS_PER_S, US_PER_S, rfc3339
from tests.e2e.program import CLOCK, Program, eventually, redshank, since_s
from tests.e2e.recording import (
    BLIND,
    QUICK,
    config,
    lost,
    polled,
    problem,
    unsound,
    until_files,
    until_recorded,
)
from tests.harness.fake_camera import FakeCamera
from tests.harness.figures import figure
from tests.harness.footage import Encoding, cached_clip, scene_clip, session_folder
from tests.harness.loop_fs import LoopFs, loop_fs
from tests.harness.recordings import Recorded
from tests.harness.slow_disk import fill, frozen, throttled

pytestmark = [pytest.mark.torture, pytest.mark.timeout(3600)]
CLOSES = 1000
STALL_S = 30
SLOW_S = 120
FILLING_S = 900
FULL_S = 20
CAMERAS = 4
FPS = 10


def heavy_clip() -> Path:
    """About 2.8 Mbit/s at 10 pictures a second: noise does not compress."""
    path = session_folder() / "heavy.mp4"
    return path if path.exists() else scene_clip(path, 10, noise=10, encoding=Encoding(fps=FPS))


@contextmanager
def heavy_cameras(count: int = CAMERAS) -> Iterator[dict[str, FakeCamera]]:
    with ExitStack() as stack:
        yield {f"c{n}": stack.enter_context(FakeCamera(heavy_clip())) for n in range(count)}


def on(fs: LoopFs, more: str = "") -> str:
    """The storage section: the default volume is there."""
    return f"storage: {{volumes: {{default: {{path: '{fs.root}'{more}}}}}}}\n"


def until_well(program: Program, within_s: float = 20) -> None:
    """Until it reports no problem; that a copy of the database failed stays true until the next one."""
    end = CLOCK.mono_ns() + round(within_s * NS_PER_S)
    while CLOCK.mono_ns() < end:
        problems = [line for line in program.status.get("problems", ["no status"]) if "not backed up" not in line]
        if not problems:
            return
        CLOCK.wait(0.1)
    raise AssertionError(problems)


def capture(program: Program) -> int:
    return program.pid("capture-0")


def test_a_thousand_closes_under_the_eyes_of_a_reader(tmp_path: Path) -> None:
    """rel:T07. About 11 min."""
    over, wrong, seen = Event(), list[str](), set[str]()
    with ExitStack() as stack:
        cameras = {f"c{n}": stack.enter_context(FakeCamera(cached_clip(10))) for n in range(8)}
        with Program(tmp_path, config(cameras)) as program:
            recorded = Recorded(program.data)
            reader = Thread(target=polled, args=(recorded, over, wrong, seen))
            reader.start()
            try:
                until_files(recorded, CLOSES, within_s=60 + CLOSES)
                program.stop()
                eventually(lambda: len(seen) == len(recorded.files()), 20, "the reader has seen every file")
            finally:
                over.set()
                reader.join()
    figure("T07", f"{len(wrong)} files missing or cut in {len(seen)} closes", "a reader polls rows and opens each path")
    assert wrong == []
    assert unsound(recorded) == []


def test_a_disk_that_stalls_costs_nothing_and_nobody_notices(tmp_path: Path) -> None:
    """rel:T13. About 2 min."""
    with loop_fs(tmp_path, 512) as fs, ExitStack() as stack:
        cameras = {f"c{n}": stack.enter_context(FakeCamera(cached_clip(10))) for n in range(CAMERAS)}
        seeing = "detect: {fps: 2}\n"
        with Program(tmp_path, config(cameras, QUICK + seeing + on(fs))) as program:
            program.wait_looking(*cameras, within_s=60)
            until_recorded(program, cameras)
            CLOCK.wait(5)
            usual = rates(program, STALL_S)
            with frozen(fs.root):
                stalled = rates(program, STALL_S)
                told = problem(program, "too slow", 1)
            thawed = CLOCK.mono_ns()
            until_well(program)
            well_s = since_s(thawed)
            until_files(Recorded(program.data, fs.root), len(cameras) * 2)
            program.stop()
        recorded = Recorded(program.data, fs.root)
        drops = {name: 1 - stalled[name][1] / usual[name][1] for name in cameras}
        gone = sum(len(lost(camera, recorded, name)) for name, camera in cameras.items())
        assert unsound(recorded) == []
    figure(
        "T13",
        f"{gone} frames lost; looks {max(drops.values()):+.1%} fewer at most, packets "
        f"{max(1 - stalled[n][0] / usual[n][0] for n in cameras):+.1%}; well {well_s:.1f} s after",
        f"file system frozen for {STALL_S} s, {CAMERAS} cameras, detection on",
    )
    print(told)
    assert gone == 0
    assert max(drops.values()) <= 0.05


def rates(program: Program, seconds: float) -> dict[str, tuple[float, float]]:
    """By camera: packets from it and looks at it a second."""

    def counts() -> dict[str, tuple[int, int]]:
        entries = program.status["cameras"]
        return {e["camera"]: (e["packets"], e["analysed"]["looks"]) for e in entries}

    before, begun = counts(), CLOCK.mono_ns()
    CLOCK.wait(seconds)
    after, took = counts(), since_s(begun)
    return {name: ((after[name][0] - n) / took, (after[name][1] - m) / took) for name, (n, m) in before.items()}


@pytest.mark.parametrize("buffer", ["120MB", "8MB"])
def test_a_disk_at_half_the_speed_of_the_cameras(buffer: str, tmp_path: Path) -> None:
    """rel:T12: within the buffer nothing is lost; beyond it what is lost is counted and told. About 5 min each."""
    with loop_fs(tmp_path, 1024) as fs, heavy_cameras() as cameras:
        storage = f"storage: {{buffer: {buffer}, volumes: {{default: '{fs.root}'}}}}\n"
        with Program(tmp_path, config(cameras, QUICK + BLIND + storage)) as program:
            recorded = Recorded(program.data, fs.root)
            until_files(recorded, CAMERAS)
            speed = CAMERAS * heavy_clip().stat().st_size // 10
            with throttled(fs.root, speed // 2, [capture(program)]):
                begun, most, told_s = CLOCK.mono_ns(), 0, 0.0
                while since_s(begun) < SLOW_S:
                    CLOCK.wait(0.5)
                    most = max(most, rss(capture(program)))
                    if not told_s and any("disk" in line for line in program.status["problems"]):
                        told_s = since_s(begun)
                dropped = told_dropped(program)
            until_well(program, 120)
            dropped = max(dropped, told_dropped(program))
            until_files(recorded, len(recorded.files()) + CAMERAS)
            program.stop()
        gone = sum(len(lost(camera, recorded, name)) for name, camera in cameras.items())
        assert unsound(recorded) == []
        assert [recorded.unaccounted_s(name) for name in cameras] == [0] * CAMERAS
    figure(
        f"T12 {buffer}",
        f"{gone} frames lost, {dropped} counted; told after {told_s:.0f} s; capture used {most / 1e6:.0f} MB at most",
        f"writes let through at {speed // 2 / 1e6:.2f} MB/s of {speed / 1e6:.2f} for {SLOW_S} s",
    )
    assert gone == dropped
    assert buffer != "120MB" or gone == 0
    assert 0 < told_s <= 10 or buffer == "120MB"


def told_dropped(program: Program) -> int:
    return sum(one["buffer"].get("dropped", 0) for one in program.status["recordings"]["volumes"].values())


def rss(pid: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_disk_that_fills_keeps_its_reserve(tmp_path: Path) -> None:
    """rel:T45 on a small disk. About 16 min."""
    reserve = 32 << 20
    with loop_fs(tmp_path, 480) as fs, heavy_cameras() as cameras:
        with (fs.root / "theirs").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 300 << 20)
        least, alarms = 1 << 60, set[int]()
        with Program(tmp_path, config(cameras, QUICK + BLIND + on(fs, f", reserve: {reserve}"))) as program:
            recorded = Recorded(program.data, fs.root)
            until_files(recorded, CAMERAS)
            held = hold_first(program, recorded, "c0")
            begun = CLOCK.mono_ns()
            while since_s(begun) < FILLING_S:
                CLOCK.wait(0.2)
                found = os.statvfs(fs.root)
                least = min(least, found.f_bavail * found.f_frsize)
                alarms |= set(program.status.get("storage", {}).get("alarms", {}).values())
            let_go = program.status["storage"]["let_go"]["files"]
            problems = program.status["problems"]
            program.stop()
        rows = [row for row in recorded.rows() if row["path"] not in held]
        assert unsound(recorded) == []
        assert held <= {row["path"] for row in recorded.rows()}
        firsts = [min(row["start"] for row in rows if row["camera"] == name) for name in cameras]
    figure(
        "T45",
        f"{least / 2**20:.1f} MiB free at least of a reserve of {reserve >> 20}; {let_go} files let go, no write failed",
        f"480 MiB ext4 with 300 of another program, {CAMERAS} cameras, {FILLING_S} s",
    )
    assert least >= reserve
    assert let_go > 0
    assert "no space left" not in program.said()
    assert alarms >= {90, 95}
    assert max(firsts) - min(firsts) < 15 * US_PER_S  # the oldest go, whosever they are
    assert problems == []


def hold_first(program: Program, recorded: Recorded, camera: str) -> set[str]:
    """Its first file, by a hold; its path."""
    eventually(lambda: [row for row in recorded.rows() if row["camera"] == camera], 10, "a row")
    first = next(row for row in recorded.rows() if row["camera"] == camera)
    span = ("--from", rfc3339(first["start"]), "--to", rfc3339(first["end"]))
    done = redshank("hold", "add", camera, *span, "--reason", "rel:T46", "--data", program.data)
    assert done.returncode == 0, done.stderr
    return {first["path"]}


@pytest.mark.parametrize("everything", [False, True])
def test_another_program_fills_the_disk_at_once(everything: bool, tmp_path: Path) -> None:
    """rel:T46, with only the footage on that disk, and with the whole data folder on it. About 1 min each."""
    with loop_fs(tmp_path, 160) as fs, heavy_cameras(2) as cameras:
        folder = fs.root / "all" if everything else tmp_path
        volume = "" if everything else on(fs, ", reserve: 20MB")
        with Program(folder, config(cameras, QUICK + BLIND + volume)) as program:
            recorded = Recorded(program.data, None if everything else fs.root)
            until_files(recorded, 4)
            held = hold_first(program, recorded, "c0")
            starts = program.status["processes"]["capture-0"]["starts"]
            full = CLOCK.mono_ns()
            log = len(program.said())
            told_s = 0.0
            while since_s(full) < FULL_S:
                fill(fs.root / "theirs")
                CLOCK.wait(0.1)
                words = [*program.status["problems"], program.said()[log:]]
                if not told_s and any("space" in line or "free" in line for line in words):
                    told_s = since_s(full)
            (fs.root / "theirs").unlink()
            freed, freed_us = CLOCK.mono_ns(), CLOCK.now()
            eventually(lambda: all(recorded_until(program, n) > freed_us for n in cameras), 20, "recorded again")
            resumed_s = since_s(freed)
            assert program.status["processes"]["capture-0"]["starts"] == starts
            until_well(program)
            assert program.stop()[0] == 0
        assert recorded.integrity() == "ok"
        assert unsound(recorded) == []
        assert held <= {row["path"] for row in recorded.rows()}
        assert "Traceback" not in program.said()
    figure(
        "T46" + " data too" * everything,
        f"told after {told_s:.1f} s; pictures on disk {resumed_s:.1f} s after space was given back",
        f"0 bytes free for {FULL_S} s, a held file stays",
    )
    assert 0 < told_s <= 10
    assert resumed_s <= 10


def recorded_until(program: Program, camera: str) -> int:
    """What the status says is on disk, UTC µs."""
    until = program.camera(camera).get("recording", {}).get("until")
    return round(datetime.fromisoformat(until).timestamp() * US_PER_S) if until else 0
