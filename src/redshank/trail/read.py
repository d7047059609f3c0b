"""Trail files, read: `<root>/<camera>/<UTC day>.trail`, blocks one after the other. Blocks the caller; any thread.

A file is gone through by the lengths of its blocks and only those of the range are unpacked. What a power cut tore off, or a
disk damaged, is passed over: the next block that is whole goes on. Reading never changes a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

import numpy as np

from redshank.clock import US_PER_S, rfc3339
from redshank.errors import StoreError
from redshank.trail.pack import BLOCK_US, HEAD, MAGIC, POINT, SUM, Block, Look, Point, unpack, whole

ENDING = ".trail"
DAY_US = 24 * 3600 * US_PER_S
REACH_US = BLOCK_US + 2 * US_PER_S
"""A block that begins earlier does not reach a time."""
ENDED = 3
"""Its number as a state: where an object was predicted last is not where it stood."""
_POINT = np.dtype([("look", "u1"), ("track", "u1"), ("state", "u1"), ("score", "u1"), ("box", "<u2", 4)])
assert _POINT.itemsize == POINT.size


def path_of(root: Path, camera: str, time: int) -> Path:
    return root / camera / f"{rfc3339(time)[:10]}{ENDING}"


def records(data: bytes) -> Iterator[tuple[int, int]]:
    """(from, to) of the bodies that lie whole and unharmed in a file's bytes."""
    at = 0
    while (at := data.find(MAGIC, at)) >= 0:
        body = at + HEAD.size
        if body > len(data):
            return
        end = body + HEAD.unpack_from(data, at)[1]
        whole_one = end + SUM.size <= len(data) and SUM.unpack_from(data, end)[0] == crc32(data[body:end])
        if whole_one:
            yield body, end
        at = end + SUM.size if whole_one else at + 1


def blocks(root: Path, camera: str, start: int, end: int) -> Iterator[Block]:
    """Those that may hold looks of [start, end), as they were written. Reads a day at a time. Raises StoreError."""
    for day in range(max(0, start - REACH_US) // DAY_US, end // DAY_US + 1):
        data = _bytes(path_of(root, camera, day * DAY_US))
        for first, last in records(data):
            base = int.from_bytes(data[first : first + 8], "little")
            if start - REACH_US < base < end:
                block = unpack(data[first:last])
                if block is not None:
                    yield block


def looks(found: Iterable[Block], start: int, end: int) -> list[Look]:
    """Those of [start, end), oldest first, each with every track that was there."""
    every = (one for block in found for one in whole(block.decoded()))
    return sorted((one for one in every if start <= one.time < end), key=lambda one: one.time)


def path(found: Iterable[Block], track: str, start: int, end: int) -> list[tuple[int, Point]]:
    """Where one track was: (time, point), oldest first, thinned while it stood still."""
    every = (
        (one.time, point)
        for block in found
        if any(id == track for id, _label in block.tracks)
        for one in block.decoded()
        for point in one.points
    )
    mine = (one for one in every if one[1].track == track and start <= one[0] < end)
    return sorted(mine, key=lambda one: one[0])


def cells(found: Iterable[Block], label: str, grid: tuple[int, int]) -> list[int]:
    """How often an object stood where, by its foot-point: counts of (columns × rows) cells, row by row. `label`: only those; empty:
    all. An object that stands still counts once per block."""
    columns, rows = grid
    counts = np.zeros(columns * rows, np.int64)
    for block in found:
        at = np.frombuffer(block.points, _POINT)
        at = at[at["state"] & 3 != ENDED]
        if label:
            wanted = [number for number, (_id, named) in enumerate(block.tracks) if named == label]
            at = at[np.isin(at["track"], wanted)]
        box = at["box"].astype(np.int64)
        x = (box[:, 0] + box[:, 2]) * columns // (2 * 65536)
        y = box[:, 3] * rows // 65536
        counts += np.bincount(y * columns + x, minlength=columns * rows)
    return [int(one) for one in counts]


def _bytes(path: Path) -> bytes:
    """Empty when there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
