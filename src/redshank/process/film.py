"""Films: the studio's jobs that go on. Packets of a live stream in, pictures out, until nobody watches any more.

    shots   JPEGs, masked, with boxes when wanted, so many a second at most
    relay   H.264, masked, no higher than 720 lines

Notes to it: `packet` (`format` with the first and whenever it changes), `change` (masks, fps), `end`. From it: `shot`, `coded`,
`taken` (how many bytes it has looked at; the hub waits while too many are under way, which bounds what waits here), `ended`.

Threads: the event loop, and the pool for what decodes, one packet of a film at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Protocol

from redshank.clock import US_PER_S
from redshank.geometry import Polygon
from redshank.media.decode import Decoder
from redshank.media.relay import Relay
from redshank.model import Box, Detection, Packet, StreamFormat
from redshank.pipe import Note
from redshank.vision.picture import annotate, cover, jpeg, still

QUALITY = 75
EARLY = 0.1
"""Part of the time between two shots by which one may come early: cameras are not that regular."""


class Maker(Protocol):
    """One kind of film."""

    def change(self, header: Mapping[str, Any]) -> None: ...

    def make(self, packet: Packet) -> Iterator[Note]: ...


class Shots:
    """JPEGs."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._decoder = Decoder()
        self._last = 0
        self._masks: tuple[Polygon, ...] = ()
        self._boxes: tuple[Detection, ...] = ()
        self._width, self._every_us = 0, 0
        self.change(header)

    def change(self, header: Mapping[str, Any]) -> None:
        self._masks, self._boxes = masks_of(header), boxes_of(header)
        self._width, self._every_us = int(header["width"]), round(US_PER_S / header["fps"] * (1 - EARLY))

    def make(self, packet: Packet) -> Iterator[Note]:
        for frame in self._decoder.decode(packet):
            if abs(frame.time - self._last) >= self._every_us:
                self._last = frame.time
                pixels = still(cover(frame, self._masks), max_width=self._width)
                drawn = annotate(pixels, self._boxes) if self._boxes else pixels
                yield Note("shot", {"time": frame.time}, jpeg(drawn, QUALITY))


class Coded:
    """H.264."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._relay = Relay()
        self._masks = masks_of(header)

    def change(self, header: Mapping[str, Any]) -> None:
        self._masks = masks_of(header)

    def make(self, packet: Packet) -> Iterator[Note]:
        masks = self._masks
        for unit in self._relay.take(packet, (lambda frame: cover(frame, masks)) if masks else None):
            form = [unit.format.extradata.hex(), unit.format.width, unit.format.height] if unit.keyframe else None
            header = {"pts": unit.pts, "time": unit.time, "keyframe": unit.keyframe, "format": form}
            yield Note("coded", header, unit.data)


MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Maker]] = {"shots": Shots, "relay": Coded}


class Film:
    """What has come for one of them and waits: bounded by the hub, which waits for `taken`."""

    def __init__(self) -> None:
        self._format: StreamFormat | None = None
        self._waiting: deque[Note] = deque()
        self._came = asyncio.Event()

    def on_note(self, note: Note) -> None:
        self._waiting.append(note)
        self._came.set()

    async def next(self) -> Note:
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
        return self._waiting.popleft()

    def work(self, maker: Maker, note: Note) -> list[Note]:
        """What one note makes; blocks. Raises what FFmpeg and OpenCV do."""
        if note.kind == "change":
            maker.change(note.header)
            return []
        return [*maker.make(self._packet(note)), Note("taken", {"bytes": len(note.body)})]

    def _packet(self, note: Note) -> Packet:
        h = note.header
        if told := h.get("format"):
            codec, extradata, width, height, base = told
            self._format = StreamFormat("video", codec, Fraction(*base), bytes.fromhex(extradata), width, height)
        if self._format is None:
            raise ValueError("a packet without a format")
        return Packet("", "", 0, 0, self._format, h["time"], 0, h["pts"], h["dts"], 0, bool(h["keyframe"]), note.body)


def masks_of(header: Mapping[str, Any]) -> tuple[Polygon, ...]:
    return tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in header["masks"])


def boxes_of(header: Mapping[str, Any]) -> tuple[Detection, ...]:
    """What is to be drawn: 0–1 of the picture."""
    return tuple(
        Detection(str(label), float(score), Box(*map(float, box))) for label, score, *box in header.get("boxes", ())
    )
