"""One stream on its way to browsers: packets brought into WebRTC's form once, and a queue for each session's sound and pictures.

H.264 by RFC 6184 (Annex B to the packetizer, parameter sets with each keyframe), Opus by RFC 7587. Event loop only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from redshank.clock import Clock
from redshank.media.codec_config import SETS, SUPERFLUOUS, VIDEO_SCALE, units
from redshank.media.decode import padded
from redshank.media.nal import START_CODE
from redshank.media.opus import RATE, Opus
from redshank.media.rtp import length_size, nal_type, parameter_sets
from redshank.model import StreamFormat

BASES = {"video": Fraction(1, VIDEO_SCALE), "audio": Fraction(1, RATE)}
GOP_BYTES = 8 << 20
"""Of a longer GOP nothing is kept: who comes waits for the next keyframe."""
QUEUE_BYTES = 4 << 20
"""Of one session's packets that wait. Overflow rule: all that wait are dropped, then everything up to the next keyframe; counted."""
BURST_BYTES_PER_S = 6_000_000
"""How fast the newest GOP is sent at the start: faster, and the browser's socket loses some of it."""
CATCH_UP = VIDEO_SCALE // 1000
"""Ticks between two pictures of it: the browser shows them at once instead of playing them."""
NEW_S = Fraction(1, 25)
"""So far behind the last one a packet is put when the camera's clock has gone back."""


@dataclass(frozen=True, slots=True)
class Item:
    """One packet as it goes out. at: ticks of its kind's clock (RFC 6184 §8.2.1: 90,000, RFC 7587 §4.1: 48,000)."""

    at: int
    keyframe: bool
    data: bytes
    hurried: bool = False
    """Of the past: only so that the next ones decode."""


class Track(MediaStreamTrack):
    """One session's sound or pictures; aiortc takes packets out."""

    def __init__(self, kind: str, clock: Clock) -> None:
        super().__init__()
        self.kind = kind
        self._clock = clock
        self._line: deque[Item] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self._synced = kind == "audio"
        self._last: int | None = None
        self._offset = 0
        self.dropped = 0

    def offer(self, item: Item) -> None:
        if item.keyframe:
            self._synced = True
        if not self._synced:
            self.dropped += 1
            return
        self._line.append(item)
        self._bytes += len(item.data)
        if self._bytes > QUEUE_BYTES and not item.hurried:
            self.forget()
        self._came.set()

    def forget(self) -> None:
        self.dropped += len(self._line)
        self._line.clear()
        self._bytes = 0
        self._synced = self.kind == "audio"

    def stop(self) -> None:
        super().stop()
        self._came.set()

    async def recv(self) -> Any:
        """The next packet. Raises MediaStreamError once the track is stopped."""
        while not self._line and self.readyState == "live":
            self._came.clear()
            await self._came.wait()
        if self.readyState != "live":
            raise MediaStreamError("the session has ended")
        item = self._line.popleft()
        self._bytes -= len(item.data)
        if item.hurried:
            await self._clock.sleep(len(item.data) / BURST_BYTES_PER_S)
        packet = padded(item.data)
        packet.pts, packet.time_base = self._steady(item.at), BASES[self.kind]
        return packet

    def _steady(self, at: int) -> int:
        """Always later than the last one."""
        if self._last is not None and at + self._offset <= self._last:
            self._offset = self._last + round(NEW_S / BASES[self.kind]) - at
        self._last = at + self._offset
        return self._last


class Feed:
    """One stream of the hub's, and who watches it."""

    def __init__(self) -> None:
        self._video: StreamFormat | None = None
        self._opus: Opus | None = None
        self._gop: list[Item] = []
        self._bytes = 0
        self.tracks: dict[str, list[Track]] = {"video": [], "audio": []}

    def format(self, form: StreamFormat) -> None:
        """Raises SourceUnusable for sound that has no way into Opus; there is none then."""
        if form.kind == "video":
            self._video = form
        else:
            self._opus = Opus(form)

    def packet(self, kind: str, at: int, keyframe: bool, data: bytes) -> None:
        for item in self._items(kind, at, keyframe, data):
            if kind == "video":
                self._remember(item)
            for track in self.tracks[kind]:
                track.offer(item)

    def _items(self, kind: str, at: int, keyframe: bool, data: bytes) -> Iterator[Item]:
        if kind == "video" and self._video is not None:
            yield Item(at, keyframe, annexb(self._video, data, keyframe))
        elif kind == "audio" and self._opus is not None:
            for time, sound in self._opus.take(data, at * RATE // VIDEO_SCALE):
                yield Item(time, False, sound)

    def _remember(self, item: Item) -> None:
        if item.keyframe:
            self._gop, self._bytes = [], 0
        elif not self._gop:
            return
        self._gop.append(item)
        self._bytes += len(item.data)
        if self._bytes > GOP_BYTES:
            self._gop = []

    def join(self, tracks: Sequence[Track]) -> None:
        """From the newest keyframe on; what is past is shown in a moment."""
        for track in tracks:
            if track.kind == "video":
                last = len(self._gop) - 1
                for number, item in enumerate(self._gop):
                    track.offer(replace(item, at=self._gop[-1].at - (last - number) * CATCH_UP, hurried=True))
            self.tracks[track.kind].append(track)

    def leave(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            if track in self.tracks[track.kind]:
                self.tracks[track.kind].remove(track)

    def forget(self) -> None:
        self._gop = []
        for tracks in self.tracks.values():
            for track in tracks:
                track.forget()


def annexb(form: StreamFormat, data: bytes, keyframe: bool) -> bytes:
    """As WebRTC's packetizer takes it; a keyframe brings its parameter sets along."""
    nals = [unit for unit in units(data, length_size(form)) if nal_type(unit, "h264") not in SUPERFLUOUS["h264"]]
    if keyframe and not any(nal_type(unit, "h264") in SETS["h264"] for unit in nals):
        nals = [*parameter_sets(form), *nals]
    return b"".join(START_CODE + unit for unit in nals)
