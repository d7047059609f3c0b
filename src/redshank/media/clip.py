"""A file to be analysed, not played: its packets with their own times, as fast as they are read, and the numbers of its frames.

    clip = open_clip(Path("clip.mp4"))
    for packet in clip.packets(): …

A picture is a clip of one packet. Only the picture track is read. One thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import av
from av.container import InputContainer

from redshank.clock import NS_PER_S, US_PER_S
from redshank.errors import SourceUnusable
from redshank.media.picture import MAX_PIXELS, picture_kind, picture_packet
from redshank.media.pyav import AvSource, open_file
from redshank.media.source import RawPacket
from redshank.model import Packet, StreamFormat

EPOCHS_1904_AND_1970 = 86_400 * US_PER_S
"""Recorders without a clock write the first day of their calendar."""
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Clip:
    """A checked file. Times of its packets are `start` plus how far into the clip they are shown."""

    path: Path
    camera: str
    """The file's name without suffix; what its packets carry."""
    format: StreamFormat
    is_picture: bool
    start: int
    """UTC µs: what was asked for, else when the container says it was made, else 0."""
    made: int | None
    """What the container says; None when it says nothing believable."""
    duration_s: float
    """0 when the container does not say."""

    @property
    def width(self) -> int:
        return self.format.width

    @property
    def height(self) -> int:
        return self.format.height

    @property
    def fps(self) -> float:
        """What the container claims; 0 when nothing."""
        return self.format.declared_fps

    def packets(self) -> Iterator[Packet]:
        """In decode order. Raises SourceError where the file breaks off."""
        if self.is_picture:
            yield self._packet(0, _picture_raw(self.path), 0)
            return
        source = open_file(self.path, audio=False)
        first: int | None = None
        for seq, raw in enumerate(_timed(source)):
            pts, dts = raw.pts or 0, raw.dts or 0
            if first is None:
                # The first picture shown is the origin; reordered streams decode it with a dts before it.
                first = pts
            yield self._packet(seq, RawPacket(self.format, pts, dts, raw.duration, raw.keyframe, raw.data), first)

    def frame_number(self, pts: int) -> int:
        """Place in order of presentation, from 1, of the frame with this pts (or the next one). The first call reads the file."""
        return min(bisect_left(self._shown, pts), max(0, len(self._shown) - 1)) + 1

    @cached_property
    def frames(self) -> int:
        """How many pictures the file holds. Reads the whole file once."""
        return len(self._shown)

    @cached_property
    def _shown(self) -> list[int]:
        if self.is_picture:
            return [0]
        return sorted(raw.pts or 0 for raw in _timed(open_file(self.path, audio=False)))

    def _packet(self, seq: int, raw: RawPacket, first: int) -> Packet:
        pts, dts = raw.pts or 0, raw.dts or 0
        since_us = (pts - first) * US_PER_S * raw.format.time_base
        mono_ns = round((dts - first) * NS_PER_S * raw.format.time_base)
        format = self.format
        time = self.start + round(since_us)
        return Packet(
            self.camera, "main", 0, seq, format, time, mono_ns, pts, dts, raw.duration, raw.keyframe, raw.data
        )


def open_clip(path: Path, start: int | None = None) -> Clip:
    """Look at a video or a picture without decoding it; `start`: UTC µs of its first picture.

    Raises SourceMissing or SourceUnusable, one line that names the file.
    """
    if path.is_file() and picture_kind(_head(path)) is not None:
        packet = picture_packet(path)
        return Clip(path, path.stem, packet.format, True, start or 0, None, 0.0)
    source = open_file(path, audio=False)
    try:
        format = source.formats[0]
        if not format.width or not format.height:
            raise SourceUnusable(f"{path} is not a video that can be read (no picture size)")
        if format.width * format.height > MAX_PIXELS:
            raise SourceUnusable(
                f"{path} has pictures of {format.width} x {format.height} pixels; above 50 megapixels is refused"
            )
        made, duration_s = _described(source.container)
    finally:
        source.close()
    return Clip(path, path.stem, format, False, start if start is not None else made or 0, made, duration_s)


def _described(container: InputContainer) -> tuple[int | None, float]:
    """When the container says it was made, UTC µs, and its length in seconds."""
    duration_s = container.duration / av.time_base if container.duration else 0.0
    try:
        made = datetime.fromisoformat(container.metadata.get("creation_time", ""))
    except ValueError:
        return None, duration_s
    made_us = round((made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp() * US_PER_S)
    return (made_us if made_us > EPOCHS_1904_AND_1970 else None), duration_s


def _timed(source: AvSource) -> Iterator[RawPacket]:
    """Packets that all have pts and dts: what the container lacks is counted on."""
    format = source.formats[0]
    usual = max(1, round(1 / ((format.declared_fps or 25) * format.time_base)))
    following = 0
    for raw in source.packets():
        dts = raw.dts if raw.dts is not None else raw.pts if raw.pts is not None else following
        pts = raw.pts if raw.pts is not None else dts
        duration = raw.duration or usual
        following = dts + duration
        yield RawPacket(format, pts, dts, duration, raw.keyframe, raw.data)


def _picture_raw(path: Path) -> RawPacket:
    packet = picture_packet(path)
    return RawPacket(packet.format, 0, 0, 0, True, packet.data)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read: {error.strerror}") from error
