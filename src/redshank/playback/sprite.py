"""Small pictures for a timeline: one sheet an hour, a picture a minute, made of keyframes when somebody looks. Blocks.

What stands on a sheet follows from the rows alone, and so does its name: when footage comes or goes, or a mask changes, another sheet
is asked for and the old one is forgotten. An hour without footage costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redshank.blobs.base import Blobs
from redshank.clock import US_PER_S, rfc3339
from redshank.errors import StoreError
from redshank.geometry import Polygon
from redshank.media.segment import VIDEO
from redshank.model import Segment
from redshank.playback.coded import coded
from redshank.playback.footage import Footage
from redshank.playback.fragment import HEAD, Damaged, runs
from redshank.playback.movie import head_of
from redshank.playback.plan import keyframes

HOUR_US = 3600 * US_PER_S
TILE_US = 60 * US_PER_S
COLUMNS, ROWS = 10, 6
WIDTH = 160
FIRST_BYTES = 64 * 1024
MOST_BYTES = 24 * 1024 * 1024
"""Of one sheet's keyframes; what is beyond stays black."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet."""

    number: int
    time: int
    """Wall time of the picture."""
    segment: Segment
    offset: int
    """Of its keyframe's fragment."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One hour of a camera."""

    camera: str
    start: int
    height: int
    """Of a tile, pixels."""
    tiles: tuple[Tile, ...]
    masks: tuple[Polygon, ...] = ()

    @property
    def folder(self) -> str:
        """Of the blobs of this hour: everything below is about it."""
        day, hour = rfc3339(self.start)[:10], rfc3339(self.start)[11:13]
        return f"sprites/{self.camera}/{day}/{hour}"

    @property
    def name(self) -> str:
        """Of the blob; different for a different sheet."""
        shown = [(tile.number, tile.segment.seq, tile.segment.stream, tile.offset) for tile in self.tiles]
        return f"{self.folder}/{hashlib.sha256(repr((shown, self.masks)).encode()).hexdigest()[:24]}.jpg"

    def json(self) -> dict[str, Any]:
        """What is where; times of tiles that are missing are null."""
        times = {tile.number: tile.time for tile in self.tiles}
        tiles = [
            {
                "x": number % COLUMNS * WIDTH,
                "y": number // COLUMNS * self.height,
                "from": rfc3339(self.start + number * TILE_US),
                "time": rfc3339(times[number]) if number in times else None,
            }
            for number in range(COLUMNS * ROWS)
        ]
        return {
            "camera": self.camera,
            "start": rfc3339(self.start),
            "width": WIDTH,
            "height": self.height,
            "columns": COLUMNS,
            "rows": ROWS,
            "version": self.name.rpartition("/")[2].removesuffix(".jpg"),
            "missing": [number for number in range(COLUMNS * ROWS) if number not in times],
            "tiles": tiles,
        }


def sheet(camera: str, start: int, segments: Sequence[Segment], masks: tuple[Polygon, ...] = ()) -> Sheet:
    """The hour from `start` on: of each minute the first keyframe. `segments`: small stream first, where both have a minute."""
    tiles: dict[int, Tile] = {}
    for segment in segments:
        for time, offset in keyframes(segment):
            number = (time - start) // TILE_US
            known = tiles.get(number)
            sooner = known is None or (known.segment.stream == segment.stream and time < known.time)
            if 0 <= number < COLUMNS * ROWS and sooner:
                tiles[number] = Tile(number, time, segment, offset)
    first = next((tile.segment for _number, tile in sorted(tiles.items())), None)
    height = max(2, round(WIDTH * first.height / first.width / 2) * 2) if first and first.width else WIDTH * 9 // 16
    return Sheet(camera, start, height, tuple(tile for _number, tile in sorted(tiles.items())), masks)


def request(wanted: Sheet, footage: Footage) -> tuple[dict[str, Any], bytes]:
    """The studio's job: every tile's coded picture. What cannot be read is left out (and told to `footage.lost`)."""
    tiles: list[dict[str, Any]] = []
    parts: list[bytes] = []
    total = 0
    for tile in wanted.tiles:
        try:
            head = head_of(tile.segment, footage)
            one = coded(_first_picture(tile, footage), head.formats[VIDEO], most=1)
        except StoreError:
            continue
        if not one.samples or total + len(one.data) > MOST_BYTES:
            continue
        tiles.append({"number": tile.number, "bytes": len(one.data), **one.header()})
        parts.append(one.data)
        total += len(one.data)
    size = {"width": WIDTH, "height": wanted.height, "columns": COLUMNS, "rows": ROWS}
    return {**size, "tiles": tiles, "masks": wanted.masks}, b"".join(parts)


def _first_picture(tile: Tile, footage: Footage) -> bytes:
    """The keyframe's fragment as far as its first picture, its data made to look whole."""
    segment, left = tile.segment, tile.segment.media_to - tile.offset
    block = footage.read(segment, tile.offset, min(FIRST_BYTES, left))
    first = next((run.samples[0] for run in runs(block) if run.track == VIDEO), None)
    if first is None:
        raise Damaged("a keyframe is missing")
    needed = first.data_at + first.size
    if needed > left:
        raise footage.damage(segment, f"bytes from {tile.offset} on are damaged")
    if needed > len(block):
        block = footage.read(segment, tile.offset, needed)
    moof = HEAD.unpack_from(block)[0]
    return block[:moof] + HEAD.pack(needed - moof, b"mdat") + block[moof + HEAD.size : needed]


def keep(blobs: Blobs, wanted: Sheet, picture: bytes) -> None:
    """Store a sheet and forget older ones of its hour. Raises StoreError."""
    for name in list(_of_hour(blobs, wanted.folder)):
        if name != wanted.name:
            blobs.delete(name)
    blobs.put(wanted.name, picture, replace=True)


def forget(blobs: Blobs, segments: Iterable[Segment]) -> int:
    """For retention: footage that is deleted is not to be seen on a sheet either. How many sheets went."""
    hours = {(one.camera, at) for one in segments for at in range(one.start // HOUR_US, (one.end - 1) // HOUR_US + 1)}
    names = [name for camera, hour in hours for name in _of_hour(blobs, Sheet(camera, hour * HOUR_US, 0, ()).folder)]
    return sum(blobs.delete(name) for name in names)


def _of_hour(blobs: Blobs, folder: str) -> Iterator[str]:
    return blobs.names(f"{folder}/")
