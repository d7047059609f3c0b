"""Boxes of the ISO base media file format (ISO/IEC 14496-12 §4.2): made, and taken apart without trusting a size. Pure.

`seal` is ours: a `free` box, which every player passes over, with a number and a checksum of the bytes since the seal before.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

from redshank.errors import StoreError

Read = Callable[[int, int], bytes]
"""(offset, size) -> bytes of a file, fewer at its end."""
CHUNK = 1 << 20
HEAD = struct.Struct(">I4s")
_FULL = struct.Struct(">I4sI")
_SEAL = struct.Struct(">I4s8sII")
SEAL_SIZE = _SEAL.size
_MARK = b"redshank"
SEAL_MARK = HEAD.pack(SEAL_SIZE, b"free") + _MARK
"""What every seal begins with."""


def box(kind: bytes, *parts: bytes) -> bytes:
    """`kind`: four letters."""
    return b"".join((HEAD.pack(8 + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box that begins with a version and 24 flags."""
    return b"".join((_FULL.pack(12 + sum(map(len, parts)), kind, version << 24 | flags), *parts))


def seal(number: int, parts: list[bytes]) -> bytes:
    """What proves that `parts`, written before it, are whole."""
    return _SEAL.pack(SEAL_SIZE, b"free", _MARK, number, checksum(parts))


def checksum(parts: list[bytes]) -> int:
    """CRC-32 (ISO 3309, as in zlib) of all of them, one behind the other."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc


def seal_of(data: bytes) -> tuple[int, int] | None:
    """Number and checksum of the seal these bytes begin with; None when they are none."""
    if len(data) < SEAL_SIZE:
        return None
    size, kind, mark, number, crc = _SEAL.unpack_from(data)
    return (number, crc) if (size, kind, mark) == (SEAL_SIZE, b"free", _MARK) else None


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload of each box of a byte string they fill. Raises StoreError when they do not."""
    at = 0
    while at < len(data):
        if len(data) - at < HEAD.size:
            raise StoreError("a box of the file is cut off")
        size, kind = HEAD.unpack_from(data, at)
        if not HEAD.size <= size <= len(data) - at:
            raise StoreError("a box of the file has an impossible size")
        yield kind, data[at + HEAD.size : at + size]
        at += size


def inner(data: bytes, *path: bytes) -> bytes:
    """The payload of the first box at this path. Raises StoreError when there is none."""
    for wanted in path:
        found = next((payload for kind, payload in boxes(data) if kind == wanted), None)
        if found is None:
            raise StoreError(f"the file has no {wanted.decode('ascii', 'replace')} box where one belongs")
        data = found
    return data


# -- in a file


def box_at(read: Read, at: int, end: int, kind: bytes) -> tuple[int, int]:
    """Size and end of the box there, which must be of this kind and lie before `end`. Raises StoreError."""
    size, found = HEAD.unpack(exactly(read, at, HEAD.size))
    if found != kind or not HEAD.size <= size <= end - at:
        raise StoreError(f"no whole {kind.decode()} where one belongs")
    return size, at + size


def exactly(read: Read, at: int, size: int) -> bytes:
    """So many bytes. Raises StoreError when there are fewer."""
    data = read(at, size)
    if len(data) != size:
        raise StoreError("the file ends too early")
    return data


def checksum_of(read: Read, at: int, end: int) -> int:
    """`checksum` of a part of the file. Raises StoreError when it ends before."""
    crc = 0
    while at < end:
        data = exactly(read, at, min(CHUNK, end - at))
        crc = zlib.crc32(data, crc)
        at += len(data)
    return crc
