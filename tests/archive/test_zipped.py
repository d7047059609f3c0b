"""ZIP files as we write them, read by us and by Python's own module."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from redshank.archive import zipped
from redshank.archive.zipped import Entry
from redshank.errors import StoreError
from tests.archive.bundles import FILES, STAMP, packed

GB = 1 << 30


def reading(data: bytes) -> zipped.Read:
    return lambda offset, size: data[max(0, offset) : max(0, offset) + size]


def test_what_we_pack_another_program_unpacks() -> None:
    with zipfile.ZipFile(io.BytesIO(packed(FILES))) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == FILES
        assert other.infolist()[0].date_time == (2026, 11, 21, 8, 3, 12)


def test_what_we_pack_we_read() -> None:
    data = packed(FILES)
    assert [(e.name, e.size) for e in zipped.entries(reading(data), len(data))] == [
        (n, len(d)) for n, d in FILES.items()
    ]


def test_large_files_and_places_are_zip64(tmp_path: Path) -> None:
    """A sparse file of 14 GB: both ways of being large (size, place), read by us and by Python."""
    found, at = [], 0
    for name, size in (("a.mp4", 5 * GB), ("b.mp4", 100), ("c.mp4", 9 * GB)):
        found.append(Entry(name, size, 7, at, STAMP))
        at = found[-1].end
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for entry in found:
            file.seek(entry.offset)
            file.write(zipped.header(entry))
        file.seek(at)
        file.write(zipped.directory(found))
    with path.open("rb") as packed_file:

        def read(offset: int, size: int) -> bytes:
            packed_file.seek(offset)
            return packed_file.read(size)

        assert zipped.entries(read, path.stat().st_size) == found
    with zipfile.ZipFile(path) as other:
        assert [(i.filename, i.file_size, i.header_offset) for i in other.infolist()] == [
            (e.name, e.size, e.offset) for e in found
        ]
        with other.open("c.mp4") as member:
            assert member.read(4) == bytes(4)


@pytest.mark.parametrize(
    "name", ["../up.mp4", "/etc/passwd", "a/b.mp4", "..", ".hidden", "a\\b", "a b", "nul\0", "", "x" * 200]
)
def test_a_name_that_is_no_plain_file_is_refused(name: str) -> None:
    data = packed({"ok.mp4": b"1", name: b"2"})
    with pytest.raises(StoreError):
        zipped.entries(reading(data), len(data))


def test_a_name_that_comes_twice_is_refused() -> None:
    first, second = packed({"a.mp4": b"1", "b.mp4": b"2"}), b"b.mp4"
    with pytest.raises(StoreError):
        zipped.entries(reading(first.replace(second, b"a.mp4")), len(first))


def test_compressed_entries_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as other:
        other.writestr("bomb.mp4", bytes(10_000_000))
    with pytest.raises(StoreError):
        zipped.entries(reading(out.getvalue()), len(out.getvalue()))


def test_no_cut_makes_another_archive_of_it() -> None:
    data = packed(FILES)
    for size in range(len(data)):
        with pytest.raises(StoreError):
            zipped.entries(reading(data[:size]), size)
