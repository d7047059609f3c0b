"""Files whose writer ended in the middle."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from redshank.disk import Disk, Space
from redshank.disk_os import OsDisk
from redshank.errors import StoreError
from redshank.media.adopt import adopt
from redshank.model import Segment
from tests.harness.footage import cached_clip
from tests.media.files import START, Written, packets_of, played, written
from tests.media.test_segment_read import resealed

PART = "yard/main/2026-09-21/14/13.20-5.part"
NAME = "yard/main/2026-09-21/14/13.20-5.mp4"


@dataclass
class Shelf:
    """A disk in memory: names and the files behind them; `calls` that change something, in order. It cannot read byte `bad`."""

    files: dict[str, bytearray] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    bad: int = -1

    def create(self, name: str) -> int:
        raise NotImplementedError

    def append(self, file: int, data: bytes) -> None:
        raise NotImplementedError

    def sync(self, file: int) -> None:
        raise NotImplementedError

    def close(self, file: int) -> None:
        raise NotImplementedError

    def link(self, name: str, new: str) -> None:
        self.calls.append("link")
        if new in self.files:
            raise StoreError("exists")
        self.files[new] = self.files[name]

    def sync_folder(self, name: str) -> None:
        self.calls.append("sync_folder")

    def unlink(self, name: str) -> bool:
        self.calls.append("unlink")
        return self.files.pop(name, None) is not None

    def truncate(self, name: str, size: int) -> None:
        self.calls.append("truncate")
        del self.files[name][size:]

    def read(self, name: str, offset: int, size: int) -> bytes:
        if offset <= self.bad < offset + size:
            raise StoreError(f"cannot read {name}: the device reports an error") from OSError(errno.EIO, "")
        return bytes(self.files[name][offset : offset + size])

    def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None

    def busy(self, name: str) -> bool:
        return False

    def names(self, folder: str = "") -> Iterator[str]:
        return iter(self.files)

    def remove_empty_folders(self, name: str) -> None:
        raise NotImplementedError

    def space(self) -> Space:
        return Space(1, 1)


def recorded() -> Written:
    return written(packets_of(cached_clip(3, audio="aac")), START + 3_000_000)


def adopted(shelf: Shelf) -> Segment:
    disk: Disk = shelf
    row = adopt(disk, PART)
    assert row is not None
    assert row.path == NAME
    assert (row.size, row.sha256) == (len(shelf.files[NAME]), hashlib.sha256(shelf.files[NAME]).hexdigest())
    assert PART in shelf.files, "it goes when the row is committed"
    return row


def test_on_a_real_disk(tmp_path: Path) -> None:
    made = recorded()
    disk = OsDisk(tmp_path)
    file = disk.create(PART)
    disk.append(file, made.data[:-300])
    disk.close(file)
    row = adopt(disk, PART)
    assert row is not None
    assert row.frames == 25
    assert row == adopt(disk, PART)
    assert hashlib.sha256((tmp_path / NAME).read_bytes()).hexdigest() == row.sha256
    assert played((tmp_path / NAME).read_bytes()).numbers == list(range(25))
    disk.shut()


@pytest.mark.parametrize("extra", [b"", b"\0\0\x10\0moof", bytes(5000), b"\xa5" * 700])
def test_what_is_whole_is_kept_and_the_rest_cut(extra: bytes) -> None:
    """rel:T05"""
    made = recorded()
    shelf = Shelf({PART: bytearray(made.data[: made.ends[2]] + extra)})
    row = adopted(shelf)
    assert row.end == made.made[2].end == START + 1_500_000
    assert (row.frames, row.size, row.media_to) == (15, made.ends[2], made.ends[2])
    assert played(bytes(shelf.files[NAME])).numbers == list(range(15))
    assert shelf.calls == ["truncate", "link", "sync_folder"]


def test_a_damaged_tail_is_cut_and_a_right_one_stays() -> None:
    made = recorded()
    row = adopted(Shelf({PART: bytearray(made.data)}))
    assert (row.size, row.end) == (len(made.data), START + 3_000_000)
    row = adopted(Shelf({PART: bytearray(made.data[:-1])}))
    assert (row.size, row.end) == (made.ends[-1], START + 3_000_000)


def test_a_file_that_has_its_name_already_only_needs_its_row() -> None:
    made = recorded()
    file = bytearray(made.data)
    shelf = Shelf({PART: file, NAME: file})
    row = adopted(shelf)
    assert row.frames == 30
    assert shelf.calls == ["sync_folder"]


def test_adopting_twice_gives_the_same_row() -> None:
    made = recorded()
    shelf = Shelf({PART: bytearray(made.data[:-100])})
    assert adopted(shelf) == adopted(shelf)


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_file_in_which_nothing_is_whole_goes(size: int) -> None:
    made = recorded()
    shelf = Shelf({PART: bytearray(made.data[: made.ends[0] + size if size < 0 else size])})
    assert adopt(shelf, PART) is None
    assert shelf.files == {}


def test_a_name_without_a_file_is_nothing() -> None:
    assert adopt(Shelf(), PART) is None


def test_footage_of_a_newer_version_is_not_touched() -> None:
    made = recorded()
    data = resealed(made.data.replace(b'"v":1', b'"v":2', 1))
    shelf = Shelf({PART: bytearray(data)})
    with pytest.raises(StoreError, match="newer version"):
        adopt(shelf, PART)
    assert shelf.files == {PART: data}
    assert shelf.calls == []


def test_a_damaged_file_with_a_name_is_said_and_not_touched() -> None:
    shelf = Shelf({PART: bytearray(b"x"), NAME: bytearray(1000)})
    with pytest.raises(StoreError, match=NAME):
        adopt(shelf, PART)
    assert set(shelf.files) == {PART, NAME}


@pytest.mark.parametrize("where", ["in the head", "in the head of a fragment", "in its data", "in its seal"])
def test_a_file_the_disk_cannot_read_is_neither_deleted_nor_cut(where: str) -> None:
    made = recorded()
    data = bytearray(made.data[: made.ends[3]])
    begin = made.ends[1]
    bad = {"in the head": 100, "in the head of a fragment": begin + 4, "in its data": made.ends[2] - 100}
    shelf = Shelf({PART: bytearray(data)}, bad=bad.get(where, made.ends[2] - 3))
    with pytest.raises(StoreError, match="device reports an error"):
        adopt(shelf, PART)
    assert (shelf.files, shelf.calls) == ({PART: data}, [])
    shelf.bad = -1
    assert adopted(shelf).size == len(data)


@pytest.mark.parametrize("damaged", [20, -1], ids=["head", "first fragment"])
def test_footage_behind_a_damaged_beginning_stays_and_is_told(damaged: int) -> None:
    made = written(packets_of(cached_clip(7)), START + 7_000_000)
    data = bytearray(made.data)
    data[damaged if damaged > 0 else made.ends[0] - 100] ^= 1
    shelf = Shelf({PART: bytearray(data)})
    with pytest.raises(StoreError, match="left as it is"):
        adopt(shelf, PART)
    assert (shelf.files, shelf.calls) == ({PART: data}, [])


def test_a_power_cut_in_the_first_seconds_leaves_nothing_to_be_told() -> None:
    """Nothing of them was said to be safe, so any part may be gone."""
    made = recorded()
    data = bytearray(made.data[: made.ends[3]])
    data[20] ^= 1
    shelf = Shelf({PART: data})
    assert adopt(shelf, PART) is None
    assert shelf.files == {}
