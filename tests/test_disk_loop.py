"""The real disk and volume on a small file system of their own: full, unplugged, read-only, without power."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from redshank.disk_os import OsDisk
from redshank.errors import DiskFull, StoreError
from redshank.media.adopt import adopt
from redshank.media.segment_read import inspect, packets
from redshank.model import Segment
from redshank.record_settings import RecordSettings
from redshank.volume import Known, VolumeRefused, open_volume, still_there
from tests.harness.clocks import FakeClock
from tests.harness.loop_fs import LoopFs, loop_fs
from tests.harness.stamp import read_sei
from tests.recorder import FPS, Bench

YARD = RecordSettings("yard", "main", "v1", segment_s=4)


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[LoopFs]:
    with loop_fs(tmp_path) as made:
        yield made


def numbers(disk: OsDisk, rows: list[Segment]) -> list[int]:
    """Of every picture, each file checked against its row."""
    found: list[int] = []
    for row in sorted(rows, key=lambda row: row.start):
        data = disk.read(row.path, 0, 1 << 30)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (row.size, row.sha256)
        read = partial(disk.read, row.path)
        kept = packets(read, inspect(read, row.size, deep=True))
        found += [stamp.number for packet in kept if (stamp := read_sei(packet.data)) is not None]
    return found


def filled(path: Path) -> None:
    """By another program, to the last byte."""
    with path.open("wb", buffering=0) as file:
        for piece in (bytes(1 << 16), b"x"):
            with suppress(OSError):
                while True:
                    file.write(piece)


def test_a_full_disk_is_said_and_the_program_that_filled_it_costs_nothing(fs: LoopFs) -> None:
    """rel:T46, with a real ENOSPC."""
    disk = OsDisk(fs.root)
    bench = Bench(YARD, real=disk)
    bench.run(6)
    filled(fs.root / "other-program")
    assert disk.space().free < 1 << 16
    bench.run(20)
    assert bench.recorder.stats()["trouble"].startswith("no space left")
    (fs.root / "other-program").unlink()
    bench.run(4)
    assert bench.recorder.stats()["trouble"] == ""
    bench.stop()
    assert set(numbers(disk, bench.rows())) == set(
        range(30 * FPS)
    )  # some twice: again from the keyframe before the error
    assert bench.gaps() == []
    disk.shut()


def test_a_new_file_on_a_full_disk_is_a_full_disk(fs: LoopFs) -> None:
    disk = OsDisk(fs.root)
    filled(fs.root / "other-program")
    with pytest.raises(DiskFull, match="free some space"):
        disk.append(disk.create("yard.part"), bytes(1 << 20))
    disk.shut()


def test_an_unplugged_disk_is_left_alone_and_taken_up_again(fs: LoopFs) -> None:
    """rel:T11: its mount point stands there empty, then it is mounted again."""
    volume = open_volume(fs.root, None, FakeClock(), "default")
    fs.unplug()
    row = Known(volume.id, str(fs.root), volume.opened)
    assert "is the right disk mounted" in still_there(volume)
    with pytest.raises(StoreError, match="right disk"):
        volume.disk.create("yard.part")
    with pytest.raises(VolumeRefused, match="right disk"):
        open_volume(fs.root, row, FakeClock(), "default")
    assert list(fs.root.iterdir()) == []
    volume.close()
    fs.mount()
    again = open_volume(fs.root, row, FakeClock(), "default")
    assert still_there(again) == ""
    again.close()


def test_a_read_only_disk_is_refused(fs: LoopFs) -> None:
    fs.unplug()
    fs.mount("ro")
    disk = OsDisk(fs.root)
    assert disk.space().read_only
    disk.shut()
    with pytest.raises(VolumeRefused, match="read-only"):
        open_volume(fs.root, None, FakeClock(), "default")


def test_a_power_cut_under_a_real_file_system_costs_three_seconds_at_most(fs: LoopFs, tmp_path: Path) -> None:
    """rel:T04, a sample on ext4: the device as it is at that moment, its journal played back by the kernel."""
    disk = OsDisk(fs.root)
    bench = Bench(YARD, real=disk)
    images: list[tuple[Path, int, list[Segment]]] = []
    for n in range(8):
        bench.run(1.7)
        images.append((fs.picture(tmp_path / f"{n}.img"), bench.yard.number, bench.rows()))
    bench.stop()
    disk.shut()
    for image, sent, rows in images:
        folder = tmp_path / image.stem
        folder.mkdir()
        with loop_fs(folder, image=image) as left:
            after = OsDisk(left.root)
            known = {row.path for row in rows}
            parts = [name for name in after.names() if name.endswith(".part")]
            taken = [row for name in parts if (row := adopt(after, name)) is not None and row.path not in known]
            found = numbers(after, rows + taken)
            assert found == list(range(len(found)))
            assert sent - len(found) <= 3 * FPS
            after.shut()
