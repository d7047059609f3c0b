"""The idle part of a camera's analysis, as the benchmarks drive it: demux, wake, decode, motion. No detector, no rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av

from redshank.clock import US_PER_S
from redshank.media.decode import Decoder
from redshank.model import Frame, Packet, StreamFormat
from redshank.vision.motion import Motion, MotionDetector, MotionSettings
from redshank.vision.wake import Attention, Backlog, Feed, Wake, WakeSettings

LOOK_US = US_PER_S // 5
"""Between looks while awake."""
CATCH_UP_US = US_PER_S
"""So much of what a waking decoder catches up with is looked at."""


@dataclass(slots=True)
class Tally:
    """What a run did."""

    packets: int = 0
    decoded: int = 0
    looks: int = 0
    alone: int = 0
    """Pictures decoded out of the row."""
    awake: int = 0
    """Packets that came while awake."""


@dataclass(slots=True)
class Watch:
    """One camera without its detector."""

    wake: Wake = field(default_factory=lambda: Wake(WakeSettings()))
    motion: MotionDetector = field(default_factory=lambda: MotionDetector(MotionSettings()))
    backlog: Backlog = field(default_factory=Backlog)
    decoder: Decoder = field(default_factory=Decoder)
    tally: Tally = field(default_factory=Tally)
    next_look: int = 0

    def feed(self, packet: Packet) -> tuple[Attention, list[tuple[Frame, Motion]]]:
        """What was done with the packet and seen."""
        attention = self.wake.packet(packet)
        self.tally.packets += 1
        self.tally.awake += attention is Attention.AWAKE
        self.backlog.keep(packet)
        if attention is Attention.SLEEP:
            return attention, []
        feed = self.backlog.feed(attention)
        frames = self._decode(feed)
        if attention is Attention.AWAKE:
            return attention, self._look_at(frames, packet.time)
        if not frames:
            self.wake.blind(packet.time)
            return attention, []
        seen = [self._look(frames[-1], learn=not feed.alone)]
        self.tally.alone += feed.alone
        if self.wake.awake:
            seen += self._look_at(self._decode(self.backlog.rest()), packet.time)
        return (Attention.AWAKE if self.wake.awake else attention), seen

    def _decode(self, feed: Feed) -> list[Frame]:
        if feed.fresh:
            self.decoder.reset()
        self.tally.decoded += len(feed.packets)
        return [frame for packet in feed.packets for frame in self.decoder.decode(packet)]

    def _look_at(self, frames: list[Frame], now: int) -> list[tuple[Frame, Motion]]:
        return [self._look(frame) for frame in frames if self._due(frame, now)]

    def _look(self, frame: Frame, *, learn: bool = True) -> tuple[Frame, Motion]:
        motion = self.motion.look(frame, learn=learn)
        self.tally.looks += 1
        if motion.anything:
            (self.wake.moved if learn else self.wake.suspect)(frame.time)
        else:
            self.wake.quiet(frame.time)
        return frame, motion

    def _due(self, frame: Frame, now: int) -> bool:
        if frame.time < max(self.next_look, now - CATCH_UP_US):
            return False
        self.next_look = frame.time + LOOK_US - LOOK_US // 8
        return True


def demux(clip: Path) -> Iterator[Packet]:
    """Video packets of a file, stamped with their own time."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        base = stream.time_base
        assert base is not None
        form = StreamFormat("video", context.name, base, context.extradata or b"", context.width, context.height)
        scale = base.numerator * US_PER_S / base.denominator
        for number, unit in enumerate(container.demux(stream)):
            if unit.size and unit.pts is not None and unit.dts is not None:
                time = int(unit.pts * scale)
                data = bytes(unit)
                yield Packet("c", "main", 0, number, form, time, 0, unit.pts, unit.dts, 1, bool(unit.is_keyframe), data)


def run(packets: Iterable[Packet]) -> Tally:
    """Everything, for its cost."""
    watch = Watch()
    for packet in packets:
        watch.feed(packet)
    return watch.tally
