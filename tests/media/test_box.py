"""Boxes made and taken apart."""

from __future__ import annotations

import pytest

from redshank.errors import StoreError
from redshank.media.box import box, box_at, boxes, checksum_of, exactly, full_box, inner, seal, seal_of


def test_a_box_is_its_size_its_kind_and_what_is_in_it() -> None:
    assert box(b"free", b"ab", b"c") == b"\0\0\0\x0bfreeabc"
    assert full_box(b"trun", 1, 0xF01, b"x") == b"\0\0\0\x0dtrun\x01\0\x0f\x01x"


def test_boxes_come_apart_as_they_were_put_together() -> None:
    data = box(b"moov", box(b"trak", box(b"mdia", b"1")), box(b"trak", b"")) + box(b"mdat")
    assert [(kind, len(payload)) for kind, payload in boxes(data)] == [(b"moov", 25), (b"mdat", 0)]
    assert inner(data, b"moov", b"trak", b"mdia") == b"1"


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0\x07free", b"\0\0\0\x09free", b"\xff\xff\xff\xfffree1234", bytes(8)])
def test_an_impossible_size_is_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="box of the file"):
        list(boxes(data))


def test_a_box_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreError, match="no elst box"):
        inner(box(b"edts"), b"edts", b"elst")


def test_a_seal_proves_its_number_and_the_bytes_before() -> None:
    made = seal(7, [b"12345", b"6789"])
    assert seal_of(made) == (7, 0xCBF43926)
    assert seal_of(made[:-1]) is None
    assert seal_of(b"\0" + made[1:]) == (7, 0xCBF43926)
    assert seal_of(made.replace(b"redshank", b"redshanK")) is None
    assert seal_of(made.replace(b"free", b"skip")) is None


def test_in_a_file_only_what_is_there_counts() -> None:
    data = box(b"free", b"1234") + b"123456789"

    def read(at: int, size: int) -> bytes:
        return data[at : at + size]

    assert box_at(read, 0, len(data), b"free") == (12, 12)
    assert checksum_of(read, 12, 21) == 0xCBF43926
    with pytest.raises(StoreError, match="no whole free"):
        box_at(read, 0, 11, b"free")
    with pytest.raises(StoreError, match="no whole moov"):
        box_at(read, 0, 12, b"moov")
    with pytest.raises(StoreError, match="ends too early"):
        exactly(read, 20, 2)
    with pytest.raises(StoreError, match="ends too early"):
        checksum_of(read, 12, 22)
