"""A ZIP file as Redshank writes one: nothing compressed, entries back to back, ZIP64 only where a number needs it.

Written in the form of the ZIP specification (PKWARE APPNOTE 6.3.10), so every program unpacks it. Read strictly: what `entries`
accepts is byte for byte what `header` and `directory` would write again for the same entries. So no byte of a bundle is outside what
is checked: no second entry of a name, no hidden file between two entries, no comment, no path, nothing that grows when it is
unpacked. Pure but for reading.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from redshank.errors import StoreError

Read = Callable[[int, int], bytes]
"""(offset, size) to bytes; fewer at the end."""

BIG = 0xFFFFFFFF
"""From here a size or an offset stands in a ZIP64 field."""
MANY = 0xFFFF
MAX_ENTRIES = 10_000
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,126}", re.ASCII)
"""Plain file names: no folder, nothing a shell or another file system would take for something else."""

_END = struct.Struct("<IHHHHIIH")
_END_64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR = struct.Struct("<IIQI")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3 << 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in the archive."""

    name: str
    size: int
    crc: int
    """CRC-32 of its bytes."""
    offset: int
    """Of its header."""
    stamp: int
    """Date and time in MS-DOS form, date in the upper 16 bits."""

    @property
    def data(self) -> int:
        """Where its bytes begin."""
        return self.offset + len(header(self))

    @property
    def end(self) -> int:
        return self.data + self.size


def stamp(time: datetime) -> int:
    """MS-DOS date and time: two seconds fine, 1980 to 2107."""
    date = (min(127, max(0, time.year - 1980)) << 9) | (time.month << 5) | time.day
    return date << 16 | (time.hour << 11) | (time.minute << 5) | time.second // 2


def header(entry: Entry) -> bytes:
    """What stands before the bytes of an entry. Its length does not depend on the CRC, which may be filled in later."""
    big = entry.size >= BIG
    extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if big else b""
    size = BIG if big else entry.size
    name = entry.name.encode()
    fixed = _LOCAL.pack(
        0x04034B50,
        _needs(entry),
        0,
        0,
        entry.stamp & MANY,
        entry.stamp >> 16,
        entry.crc,
        size,
        size,
        len(name),
        len(extra),
    )
    return fixed + name + extra


def directory(found: Sequence[Entry]) -> bytes:
    """What stands behind the last entry."""
    at = found[-1].end if found else 0
    central = b"".join(_central(entry) for entry in found)
    count, size = len(found), len(central)
    tail = b""
    if count >= MANY or at >= BIG or size >= BIG:
        tail = _END_64.pack(0x06064B50, 44, 45 | _UNIX, 45, 0, 0, count, count, size, at)
        tail += _LOCATOR.pack(0x07064B50, 0, at + size, 1)
    short = min(count, MANY)
    return central + tail + _END.pack(0x06054B50, 0, 0, short, short, min(size, BIG), min(at, BIG), 0)


def entries(read: Read, size: int) -> list[Entry]:
    """What is in an archive of `size` bytes. Raises StoreError when it is not exactly as this module writes it."""
    at, count = _end(read, size)
    if not 0 < count <= MAX_ENTRIES or size - at > MAX_ENTRIES * 512:
        raise StoreError("its table of contents is damaged")
    tail = read(at, size - at)
    try:
        found = _parsed(tail, count)
    except (struct.error, UnicodeDecodeError, IndexError):
        raise StoreError("its table of contents is damaged") from None
    offset = 0
    for entry in found:
        if NAME.fullmatch(entry.name) is None:
            raise StoreError(f"it holds a file with a name we never give: {entry.name!r:.80}")
        if entry.offset != offset or read(offset, len(header(entry))) != header(entry):
            raise StoreError(f"the entry of {entry.name} was altered")
        offset = entry.end
    if len({entry.name for entry in found}) < len(found):
        raise StoreError("it holds two files of the same name")
    if offset != at or directory(found) != tail:
        raise StoreError(
            "its table of contents was altered, or it was packed by another program (then check the unpacked folder)"
        )
    return found


def _needs(entry: Entry) -> int:
    return 45 if entry.size >= BIG or entry.offset >= BIG else 20


def _central(entry: Entry) -> bytes:
    wide = [entry.size, entry.size] if entry.size >= BIG else []
    wide += [entry.offset] if entry.offset >= BIG else []
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    size, name = min(entry.size, BIG), entry.name.encode()
    fixed = _CENTRAL.pack(
        *(0x02014B50, _needs(entry) | _UNIX, _needs(entry), 0, 0, entry.stamp & MANY, entry.stamp >> 16, entry.crc),
        *(size, size, len(name), len(extra), 0, 0, 0, _PLAIN_FILE, min(entry.offset, BIG)),
    )
    return fixed + name + extra


def _end(read: Read, size: int) -> tuple[int, int]:
    """(where the table of contents begins, how many entries it has), as the last bytes say."""
    last = read(max(0, size - _END.size), _END.size)
    if len(last) < _END.size or last[:4] != b"PK\x05\x06":
        raise StoreError("it is no ZIP file of ours, or its end is missing")
    *_, count, _count, _size, at, _comment = _END.unpack(last)
    if at == BIG or count == MANY:
        wide = read(size - _END.size - _LOCATOR.size - _END_64.size, _END_64.size)
        if len(wide) < _END_64.size or wide[:4] != b"PK\x06\x06":
            raise StoreError("its end is damaged")
        *_, count, _count, _size, at = _END_64.unpack(wide)
    if at > size:
        raise StoreError("its end is damaged")
    return int(at), int(count)


def _parsed(table: bytes, count: int) -> list[Entry]:
    found, at = [], 0
    for _ in range(count):
        fields = _CENTRAL.unpack_from(table, at)
        name_size, extra_size, size, offset = fields[10], fields[11], fields[8], fields[16]
        name = table[at + _CENTRAL.size :][:name_size].decode("ascii")
        extra = table[at + _CENTRAL.size + name_size :][:extra_size]
        wide = list(struct.unpack(f"<{len(extra[4:]) // 8}Q", extra[4 : 4 + len(extra[4:]) // 8 * 8]))
        if size == BIG:
            size = wide[0]
        if offset == BIG:
            offset = wide[-1]
        found.append(Entry(name, size, fields[7], offset, fields[6] << 16 | fields[5]))
        at += _CENTRAL.size + name_size + extra_size
    return found
