"""What every `Disk` promises: one suite for the real one and for those of the crash tests; then what only the real one has."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from redshank.disk import Disk
from redshank.disk_os import OsDisk
from redshank.errors import StoreError
from tests.harness.crash_disk import CrashDisk, FaultDisk

NAME = "hall/main/2026-11-21/08/00.30-17.part"
DONE = NAME.replace(".part", ".mp4")


@pytest.fixture(params=["os", "crash", "fault"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param == "crash":
        yield CrashDisk()
        return
    os_disk = OsDisk(tmp_path)
    yield os_disk if request.param == "os" else FaultDisk(os_disk)
    os_disk.shut()


def written(disk: Disk, name: str, data: bytes) -> None:
    file = disk.create(name)
    disk.append(file, data)
    disk.sync(file)
    disk.close(file)


def test_what_is_appended_is_read_back_in_order(disk: Disk) -> None:
    file = disk.create(NAME)
    for part in (b"one", b"", b"two" * 100_000, b"three"):
        disk.append(file, part)
    disk.sync(file)
    assert disk.size(NAME) == 300_008
    assert disk.read(NAME, 0, 6) == b"onetwo"
    assert disk.read(NAME, 300_003, 100) == b"three"
    assert disk.read(NAME, 400_000, 5) == b""
    disk.close(file)


def test_a_name_is_given_once(disk: Disk) -> None:
    written(disk, NAME, b"first")
    with pytest.raises(StoreError, match="exists already"):
        disk.create(NAME)
    assert disk.read(NAME, 0, 100) == b"first"


def test_a_file_that_is_not_there_is_said_so_in_the_way_of_each_call(disk: Disk) -> None:
    assert disk.size(NAME) is None
    assert not disk.busy(NAME)
    assert not disk.unlink(NAME)
    with pytest.raises(FileNotFoundError):
        disk.read(NAME, 0, 1)
    with pytest.raises(StoreError, match=r"00\.30-17"):
        disk.truncate(NAME, 0)
    with pytest.raises(StoreError, match=r"00\.30-17"):
        disk.link(NAME, DONE)
    disk.remove_empty_folders(NAME)
    assert list(disk.names()) == []
    assert list(disk.names("hall/main")) == []


def test_a_finished_file_has_both_names_until_one_is_taken_away(disk: Disk) -> None:
    written(disk, NAME, b"footage")
    disk.link(NAME, DONE)
    disk.sync_folder(DONE)
    assert (disk.read(NAME, 0, 9), disk.read(DONE, 0, 9)) == (b"footage", b"footage")
    assert disk.unlink(NAME)
    assert disk.size(NAME) is None
    assert disk.read(DONE, 0, 9) == b"footage"


def test_a_link_never_replaces(disk: Disk) -> None:
    written(disk, NAME, b"new")
    written(disk, DONE, b"old")
    with pytest.raises(StoreError, match="exists already"):
        disk.link(NAME, DONE)
    assert disk.read(DONE, 0, 9) == b"old"


def test_a_link_that_is_there_already_is_as_good_as_made(disk: Disk) -> None:
    """rel:T06: it was made, and then an error was said; whoever tries again must not fail for ever."""
    written(disk, NAME, b"footage")
    disk.link(NAME, DONE)
    disk.link(NAME, DONE)
    assert disk.read(DONE, 0, 9) == b"footage"


def test_a_file_is_busy_for_as_long_as_it_is_open(disk: Disk) -> None:
    file = disk.create(NAME)
    assert disk.busy(NAME)
    with pytest.raises(StoreError):
        disk.truncate(NAME, 0)
    disk.close(file)
    assert not disk.busy(NAME)


def test_a_file_is_cut(disk: Disk) -> None:
    written(disk, NAME, b"whole|half")
    disk.truncate(NAME, 5)
    assert disk.read(NAME, 0, 99) == b"whole"


def test_names_come_newest_folder_first(disk: Disk) -> None:
    names = [
        f"hall/main/2026-11-{day}/{hour}/00.0{n}-1.mp4" for day in (20, 21) for hour in ("09", "10") for n in (1, 2)
    ]
    for name in names:
        written(disk, name, b"x")
    assert list(disk.names()) == names[::-1]
    assert list(disk.names("hall/main/2026-11-20")) == names[3::-1]


def test_only_empty_folders_are_removed(disk: Disk) -> None:
    other = "hall/main/2026-11-21/09/00.00-18.mp4"
    written(disk, NAME, b"x")
    written(disk, other, b"y")
    disk.unlink(NAME)
    disk.remove_empty_folders(NAME)
    assert list(disk.names()) == [other]
    disk.unlink(other)
    disk.remove_empty_folders(other)
    written(disk, NAME, b"again")
    assert list(disk.names()) == [NAME]


def test_a_file_deleted_while_it_is_written_is_not_called_safe(disk: Disk) -> None:
    """rel:T50, F16: found at the next sync, not when the segment closes."""
    file = disk.create(NAME)
    disk.append(file, b"footage")
    disk.unlink(NAME)
    with pytest.raises(StoreError, match="not there any more"):
        disk.sync(file)
    disk.close(file)
    disk.close(file)


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../b", "a//b", "./a", "a/", "a\0b"])
def test_no_name_leads_outside(disk: Disk, name: str) -> None:
    for call in (disk.create, disk.size, disk.unlink, disk.busy, disk.sync_folder):
        with pytest.raises(StoreError, match="not a name below"):
            call(name)


def test_there_is_room(disk: Disk) -> None:
    space = disk.space()
    assert 0 < space.free <= space.total
    assert not space.read_only


@pytest.fixture
def real(tmp_path: Path) -> Iterator[OsDisk]:
    root = tmp_path / "volume"
    root.mkdir(mode=0o700)
    disk = OsDisk(root)
    yield disk
    disk.shut()


def test_only_we_can_read_what_is_written(real: OsDisk) -> None:
    written(real, NAME, b"footage")
    path = real.root / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in list(path.parents)[:5]} == {0o700}


def test_links_planted_in_the_volume_lead_nowhere(real: OsDisk, tmp_path: Path) -> None:
    """rel:T49."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "family.mp4").write_bytes(b"not ours")
    (real.root / "cam").symlink_to(outside)
    (real.root / "gone.mp4").symlink_to(outside / "family.mp4")
    for name in ("cam/family.mp4", "gone.mp4"):
        assert real.size(name) is None
        for call in (lambda n: real.read(n, 0, 9), lambda n: real.truncate(n, 0), real.create):
            with pytest.raises(StoreError):
                call(name)
    with pytest.raises(StoreError, match="is a link"):
        real.unlink("cam/family.mp4")
    assert not real.unlink("gone.mp4")
    real.remove_empty_folders("cam/family.mp4")
    assert list(real.names()) == []
    assert (outside / "family.mp4").read_bytes() == b"not ours"
    assert sorted(path.name for path in real.root.iterdir()) == ["cam", "gone.mp4"]


def test_foreign_things_are_neither_listed_nor_opened(real: OsDisk) -> None:
    """rel:T49. A pipe would block whoever opens it."""
    os.mkfifo(real.root / "pipe.part")
    (real.root / "folder.part").mkdir()
    assert list(real.names()) == []
    assert real.size("pipe.part") is None
    assert not real.unlink("folder.part")
    with pytest.raises(StoreError, match="not a plain file"):
        real.read("pipe.part", 0, 1)


@contextmanager
def powerless() -> Iterator[None]:
    """As a user who may not read everything; where the tests run as one already, nothing changes."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_folders_of_the_system_and_of_others_do_not_keep_ours_from_being_listed(
    real: OsDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """`lost+found` lies in the root of every ext4 and is for root alone."""
    written(real, NAME, b"x")
    written(real, "lost+found/#12/08/00.30-18.part", b"x")
    written(real, "theirs/2026/file", b"x")
    for folder in ("hall", "hall/main", "hall/main/2026-11-21", "hall/main/2026-11-21/08"):
        (real.root / folder).chmod(0o755)
    for folder in ("lost+found", "theirs"):
        (real.root / folder).chmod(0)
    real.root.chmod(0o755)
    with powerless():
        assert list(real.names()) == list(real.names()) == [NAME]
    assert [record.message for record in caplog.records if "passed over" in record.message] == [
        f"cannot list {real.root}/theirs: we may not read or write there; see to its owner and mode; it is passed over"
    ]
    (real.root / "theirs").chmod(0o700)


def test_another_process_sees_that_a_file_is_written(real: OsDisk) -> None:
    other = OsDisk(real.root)
    file = real.create(NAME)
    assert other.busy(NAME)
    real.close(file)
    assert not other.busy(NAME)
    other.shut()


def test_folders_swept_away_while_files_are_made_are_made_again(real: OsDisk) -> None:
    """rel F16: the sweep of empty folders races with the next file."""
    stop = threading.Event()

    def sweep() -> None:
        while not stop.wait(0.0002):
            real.remove_empty_folders(NAME)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(150):
            written(real, NAME, b"x")
            assert real.unlink(NAME)
    finally:
        stop.set()
        sweeper.join()


def test_a_moved_path_changes_nothing_until_we_are_told(real: OsDisk, tmp_path: Path) -> None:
    """rel:T11: as when the disk is unmounted and the mount point stands there empty."""
    written(real, NAME, b"footage")
    real.root.rename(tmp_path / "elsewhere")
    real.root.mkdir()
    written(real, DONE, b"more")
    assert list(real.root.iterdir()) == []
    assert (tmp_path / "elsewhere" / DONE).read_bytes() == b"more"
    real.move()
    assert list(real.names()) == []


def test_a_deleted_root_is_trouble_and_not_an_empty_volume(real: OsDisk) -> None:
    real.root.rmdir()
    for call in (
        lambda: real.size(NAME),
        lambda: real.read(NAME, 0, 1),
        lambda: list(real.names()),
        lambda: real.create(NAME),
    ):
        with pytest.raises(StoreError, match="deleted while"):
            call()


def test_nothing_is_written_while_there_is_trouble(real: OsDisk) -> None:
    file = real.create(NAME)
    real.append(file, b"footage")
    real.trouble = "the disk is not the one we know"
    for call in (
        lambda: real.append(file, b"x"), lambda: real.sync(file), lambda: real.create(DONE), lambda: real.link(NAME, DONE),
        lambda: real.unlink(NAME), lambda: real.truncate(NAME, 0), lambda: real.sync_folder(NAME),
    ):  # fmt: skip
        with pytest.raises(StoreError, match="not the one we know"):
            call()
    assert real.read(NAME, 0, 99) == b"footage"
    real.close(file)


def test_no_descriptor_stays_open(real: OsDisk) -> None:
    before = len(os.listdir("/proc/self/fd"))
    written(real, NAME, b"x")
    real.link(NAME, DONE)
    real.sync_folder(DONE)
    with pytest.raises(StoreError):
        real.create(NAME)
    real.link(NAME, DONE)
    with pytest.raises(StoreError):
        real.link("none", DONE)
    list(real.names())
    real.unlink(NAME)
    real.remove_empty_folders(NAME)
    real.move()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_root_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not there"):
        OsDisk(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a folder"):
        OsDisk(tmp_path / "file")
