"""What a power cut leaves on the disk of the crash tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshank.errors import DiskFull, StoreError
from tests.harness.crash_disk import CrashDisk, FaultDisk, once

NAME = "hall/main/30-17.part"
DONE = "hall/main/30-17.mp4"


def half_synced() -> CrashDisk:
    disk = CrashDisk()
    file = disk.create(NAME)
    disk.append(file, b"s" * 1000)
    disk.sync(file)
    disk.sync_folder(NAME)
    disk.append(file, b"u" * 2000)
    return disk


def content(disk: CrashDisk, name: str = NAME) -> bytes:
    return disk.read(name, 0, 1 << 20)


def test_what_was_synced_is_always_left_and_the_rest_as_asked() -> None:
    disk = half_synced()
    assert content(disk.after_crash("drop")) == b"s" * 1000
    assert content(disk.after_crash("zero")) == b"s" * 1000 + bytes(2000)
    cuts = {len(content(disk.after_crash("cut", seed=seed))) for seed in range(50)}
    assert len(cuts) > 20
    assert min(cuts) >= 1000
    scrambled = {content(disk.after_crash("scramble", seed=seed)) for seed in range(50)}
    assert len(scrambled) > 20
    assert {len(data) for data in scrambled} == {3000}
    assert {data[:1000] for data in scrambled} == {b"s" * 1000}


def test_an_entry_that_was_not_synced_may_be_there_or_not() -> None:
    disk = half_synced()
    disk.link(NAME, DONE)
    assert list(disk.after_crash("drop").names()) == [NAME]
    assert list(disk.after_crash("drop", "present").names()) == [NAME, DONE]
    disk.sync_folder(DONE)
    disk.unlink(NAME)
    left = {tuple(disk.after_crash("drop", "any", seed).names()) for seed in range(30)}
    assert left == {(NAME, DONE), (DONE,)}


def test_a_file_whose_folder_was_not_synced_may_be_gone_with_it() -> None:
    disk = CrashDisk()
    file = disk.create(NAME)
    disk.append(file, b"footage")
    disk.sync(file)
    assert list(disk.after_crash("drop").names()) == []
    assert content(disk.after_crash("drop", "present")) == b"footage"


def test_a_failed_sync_loses_what_it_was_to_save_even_when_the_next_succeeds() -> None:
    disk = half_synced()
    faulty = FaultDisk(disk, once(1, "error"))
    file = faulty.create("other")
    disk.append(file, b"lost")
    with pytest.raises(StoreError):
        faulty.sync(file)
    faulty.sync(file)
    faulty.sync_folder("other")
    assert content(disk, "other") == b"lost"
    assert content(disk.after_crash("drop"), "other") == bytes(4)


def test_a_short_write_leaves_half() -> None:
    disk = FaultDisk(CrashDisk(), once(1, "short"))
    file = disk.create(NAME)
    with pytest.raises(DiskFull):
        disk.append(file, b"footage!")
    assert disk.read(NAME, 0, 99) == b"foot"


def test_every_moment_can_be_had_again_and_saved(tmp_path: Path) -> None:
    disk = half_synced()
    sizes = [moment.size(NAME) for moment in disk.moments()]
    assert sizes == [None, 0, 1000, 1000, 1000, 3000]
    disk.save(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content(disk)
