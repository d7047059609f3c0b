"""A clip played for ever as live packets: the demo's and the tests' camera, and looped files.

`read_clip` reads the file once (demux only) and keeps its packets in memory; `endless` repeats them with timestamps that never go
back; `play` offers them at the pace of a clock. `read_clip` blocks, `play` runs on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from redshank.clock import NS_PER_S, Clock
from redshank.errors import SourceMissing, SourceUnusable
from redshank.media.pyav import format_of
from redshank.media.source import RawPacket
from redshank.model import StreamFormat

MAX_BYTES = 1 << 30
"""Clips are held in memory; a larger one is refused."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A file's packets in decode order, from the first video keyframe, whose dts is 0; audio on the same timeline."""

    formats: tuple[StreamFormat, ...]
    units: tuple[RawPacket, ...]
    length_s: Fraction
    """From one round to the next."""


@dataclass(frozen=True, slots=True)
class Played:
    """One unit of one round."""

    round: int
    index: int
    """Position in `Clip.units`."""
    due_s: Fraction
    """When its dts is due, in seconds from the start of round 0."""
    unit: RawPacket


def read_clip(path: str | Path) -> Clip:
    """Raises SourceMissing or SourceUnusable."""
    if not Path(path).is_file():
        raise SourceMissing(f"no such file: {path}")
    try:
        with av.open(str(path)) as container:
            formats, raw = _demux(container)
    except av.FFmpegError as error:
        raise SourceUnusable(f"{path} cannot be read as a video: {error.strerror or error}") from error
    if not raw:
        raise SourceUnusable(f"{path} has no H.264 or H.265 video that starts with a keyframe")
    return _trimmed(formats, raw)


def _demux(container: av.container.InputContainer) -> tuple[tuple[StreamFormat, ...], list[RawPacket]]:
    streams = [*container.streams.video[:1], *container.streams.audio[:1]]
    if not container.streams.video:
        return (), []
    formats = {stream.index: format_of(stream) for stream in streams}
    units: list[RawPacket] = []
    size = 0
    for packet in container.demux(streams):
        format = formats[packet.stream_index]
        if packet.size == 0 or packet.dts is None or not (units or (packet.is_keyframe and format.kind == "video")):
            continue
        size += packet.size
        if size > MAX_BYTES:
            raise SourceUnusable(
                f"{container.name} is larger than {MAX_BYTES >> 20} MiB: too large to be played in a loop"
            )
        pts = packet.dts if packet.pts is None else packet.pts
        key = packet.is_keyframe or format.kind == "audio"
        units.append(RawPacket(format, pts, packet.dts, packet.duration or 0, key, bytes(packet)))
    return tuple(formats.values()), units


def _trimmed(formats: tuple[StreamFormat, ...], raw: list[RawPacket]) -> Clip:
    """Start at dts 0 and keep only the sound that belongs to the pictures, so that rounds follow without a seam.

    With B-frames the first picture is shown later than its dts. Its sound then ends after the round's last dts, and that end is
    played at the start of the round instead: sound goes round in a circle.
    """
    video = [unit for unit in raw if unit.format.kind == "video"]
    start_s = _dts_s(video[0])
    shown_s = (video[0].pts or 0) * video[0].format.time_base
    step = video[-1].duration or (_last_step(video) if len(video) > 1 else 1)
    length_s = _dts_s(video[-1]) + step * video[-1].format.time_base - start_s
    pictures = [shift(unit, -start_s) for unit in video]
    sound = [unit for unit in raw if unit.format.kind == "audio" and shown_s <= _dts_s(unit) < shown_s + length_s]
    circle = [shift(unit, (_dts_s(unit) - start_s) % length_s - _dts_s(unit)) for unit in sound]
    return Clip(formats, tuple(sorted(pictures + circle, key=_dts_s)), length_s)


def _last_step(units: list[RawPacket]) -> int:
    return (units[-1].dts or 0) - (units[-2].dts or 0)


def _dts_s(unit: RawPacket) -> Fraction:
    return (unit.dts or 0) * unit.format.time_base


def shift(unit: RawPacket, seconds: Fraction) -> RawPacket:
    """The same unit later, to the nearest tick; missing times stay missing."""
    ticks = round(seconds / unit.format.time_base)
    return replace(
        unit,
        pts=None if unit.pts is None else unit.pts + ticks,
        dts=None if unit.dts is None else unit.dts + ticks,
    )


def endless(clip: Clip) -> Iterator[Played]:
    """The clip again and again; dts of each stream never goes back."""
    number = 0
    while True:
        offset_s = number * clip.length_s
        for index, unit in enumerate(clip.units):
            yield Played(number, index, offset_s + _dts_s(unit), shift(unit, offset_s))
        number += 1


async def play(clip: Clip, offer: Callable[[RawPacket], None], clock: Clock) -> None:
    """Offer every unit when it is due, for ever. After a stall of more than a second the timeline goes on from now."""
    start_ns = clock.mono_ns()
    for played in endless(clip):
        wait_s = float(played.due_s) - (clock.mono_ns() - start_ns) / NS_PER_S
        if wait_s > 0:
            await clock.sleep(wait_s)
        elif wait_s < -1:
            start_ns -= round(wait_s * NS_PER_S)
            await asyncio.sleep(0)
        offer(played.unit)
