"""How much of a stream is worth decoding: nothing, one picture, or everything.

While nothing moves, one picture in some 270 ms, and each that is larger than usual, is decoded on its own, on top of the last one
that was (LOOK): what comes shows in it. The pictures between are never decoded; keyframes are, every few seconds. When such a look
sees something, everything since the last keyframe is decoded and stays so (AWAKE) until it has been quiet for a while. A stream that
cannot be looked at this way (B-frames, any codec but H.264, very long groups of pictures) is always decoded: recall comes first.
Pure; one thread. Why the sizes alone are not enough, and every figure: docs/design/idle.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import log2

from redshank.clock import US_PER_S
from redshank.model import Packet, StreamFormat
from redshank.vision.bitstream import Counters, H264Headers


class Attention(Enum):
    """SLEEP: keep the packet, decode nothing · LOOK: decode this picture alone and look at it · AWAKE: decode everything, from the last
    keyframe on."""

    SLEEP = "sleep"
    LOOK = "look"
    AWAKE = "awake"


@dataclass(frozen=True, slots=True)
class WakeSettings:
    """How eager to be."""

    look_s: float = 0.27
    """Asleep, look so often: every fourth picture at 15 fps. 0.8 costs half as much, and misses one in ten short visits."""
    surprise: float = 3.0
    """Asleep, look also at a picture so many deviations larger than usual."""
    keyframe_s: float = 3.5
    """Asleep, decode a keyframe at least so often, as far as there are keyframes: the whole truth, which finds the smallest."""
    tail_s: float = 3.0
    """Stay awake so long after the last motion or live track."""
    doubt_s: float = 0.7
    """Stay awake so long after a picture decoded alone was suspect."""
    learn_s: float = 4.0
    """Awake at the start and after a gap: the background is learned."""
    blind_s: float = 60.0
    """Awake so long after a look that gave no picture."""
    longest_gop_s: float = 30.0
    """Longer groups of pictures are decoded throughout: catching up would cost too much."""


class Wake:
    """Decides packet by packet, in decode order. Video packets of one stream only."""

    def __init__(self, settings: WakeSettings | None = None) -> None:
        self._settings = settings or WakeSettings()
        self._format: StreamFormat | None = None
        self._awake_until = 0
        self._last = 0
        self._top = 0
        """Highest pts of the connection."""
        self._keyframe = 0
        self._looked = 0
        self._decoded_keyframe = 0
        self._since = 0
        """Pictures since the keyframe."""
        self._size = self._spread = 0.0
        """Usual size of a predicted picture, and deviation from it: log2 of bytes."""

    def packet(self, packet: Packet) -> Attention:
        """What to do with this packet."""
        self._follow(packet)
        surprise = self._surprise(packet)
        now, settings = packet.time, self._settings
        if now < self._awake_until or now - self._keyframe > self._us(settings.longest_gop_s):
            self._looked = now
            if packet.keyframe:
                self._decoded_keyframe = now
            return Attention.AWAKE
        if packet.keyframe and now - self._decoded_keyframe >= self._us(settings.keyframe_s) - self._us(
            settings.look_s
        ):
            self._looked = self._decoded_keyframe = now
            return Attention.LOOK
        due = now - self._looked >= self._us(settings.look_s) - _EARLY_US
        if packet.keyframe or not (due or surprise > settings.surprise):
            return Attention.SLEEP
        self._looked = now
        return Attention.LOOK

    def moved(self, time: int) -> None:
        """A look found something, or a track is alive. Be awake from now on: catch up at once (`Backlog.rest`), or with the next
        packet."""
        self._awake_until = max(self._awake_until, time + self._us(self._settings.tail_s))

    def suspect(self, time: int) -> None:
        """A picture looked at alone shows something: be awake from now on, but only long enough to see whether it is so."""
        self._awake_until = max(self._awake_until, time + self._us(self._settings.doubt_s))

    def quiet(self, time: int) -> None:
        """A look found nothing."""

    def blind(self, time: int) -> None:
        """A look gave no picture: this stream cannot be looked at picture by picture now."""
        self._awake_until = max(self._awake_until, time + self._us(self._settings.blind_s))

    @property
    def awake(self) -> bool:
        return self._last < self._awake_until

    def _follow(self, packet: Packet) -> None:
        if packet.format is not self._format or not 0 <= packet.time - self._last <= 10 * US_PER_S:
            if packet.format is not self._format:
                self._format, self._top = packet.format, packet.pts
            self._awake_until = packet.time + self._us(self._settings.learn_s)
            self._keyframe = packet.time
        self._last = packet.time
        if packet.keyframe:
            self._keyframe, self._top = packet.time, packet.pts
        elif packet.pts < self._top:
            self.blind(packet.time)  # B-frames
        self._top = max(self._top, packet.pts)

    def _surprise(self, packet: Packet) -> float:
        """How many deviations the picture is larger than usual. Pictures right after a keyframe are never alike and count as usual."""
        self._since = 0 if packet.keyframe else self._since + 1
        if self._since < _SETTLED:
            return 0.0
        size = log2(len(packet.data) + 1)
        if self._spread == 0:
            self._size, self._spread = size, 1.0
        off = size - self._size
        surprise = off / self._spread
        bound = 2 * self._spread
        self._size += min(bound, max(-bound, off)) / 8
        self._spread += (min(1.25 * abs(off), 3 * self._spread) - self._spread) / 64
        self._spread = max(0.02, self._spread)
        return surprise

    @staticmethod
    def _us(seconds: float) -> int:
        return round(seconds * US_PER_S)


_SETTLED = 4
_EARLY_US = 20_000
"""A picture that is due within this time is due."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What to give the decoder now."""

    packets: tuple[Packet, ...] = ()
    """In order; may be empty."""
    fresh: bool = False
    """Forget all earlier pictures first (reset the decoder): the first packet is a keyframe."""
    alone: bool = False
    """The last packet is a picture without its predecessors: look at it with `learn=False`. The others are only its ground."""


class Backlog:
    """The packets since the last keyframe, and which of them the decoder has had.

    Bounded: beyond the limits it starts over at the next keyframe, and `dropped` counts. Use: `keep` each packet, `feed` the decoder
    by what `Wake` said; when a look then finds something, `rest` is what is missing up to now.
    """

    def __init__(self, most_packets: int = 2000, most_bytes: int = 32 * 1024 * 1024) -> None:
        self._limits = most_packets, most_bytes
        self._format: StreamFormat | None = None
        self._headers: H264Headers | None = None
        self._packets: list[Packet] = []
        self._bytes = 0
        self._followed = 0
        """So many of them has the decoder had, all in a row."""
        self._place: Counters | None = None
        """Of the last picture the decoder had out of the row; None while it has had none, or none to build on."""
        self.dropped = 0

    def keep(self, packet: Packet) -> None:
        """Remember the packet."""
        if packet.format is not self._format:
            self._format, self._headers = packet.format, _headers(packet.format)
            self._packets, self._bytes, self._followed, self._place = [], 0, 0, None
        if packet.keyframe:
            if self._followed and self._place is None:
                self._place = self._counters(self._packets[self._followed - 1])
            self._packets, self._bytes, self._followed = [], 0, 0
            self._counters(packet)  # learns the parameter sets
        elif not self._packets:
            self.dropped += 1
            return
        self._packets.append(packet)
        self._bytes += len(packet.data)
        if len(self._packets) > self._limits[0] or self._bytes > self._limits[1]:
            self.dropped += len(self._packets)
            self._packets, self._bytes, self._followed, self._place = [], 0, 0, None

    def feed(self, attention: Attention) -> Feed:
        """What to decode for the packet just kept."""
        if attention is Attention.SLEEP or not self._packets:
            return Feed()
        return self.rest() if attention is Attention.AWAKE else self._single(self._packets[-1])

    def rest(self) -> Feed:
        """Everything since the keyframe that the decoder has not had in its row."""
        fresh = not self._followed or self._place is not None
        missing = self._packets if fresh else self._packets[self._followed :]
        self._followed, self._place = len(self._packets), None
        return Feed(tuple(missing), fresh and bool(missing))

    def _single(self, packet: Packet) -> Feed:
        if packet.keyframe:
            return self.rest()
        ground: tuple[Packet, ...] = ()
        place = self._place
        if place is None and self._followed == 0:
            ground, place = (self._packets[0],), self._counters(self._packets[0])
        elif place is None:
            place = self._counters(self._packets[self._followed - 1])
        if place is None or self._headers is None:
            return Feed()
        following = Counters(place.number + 1, place.order + 2)
        data = self._headers.renumber(packet.data, following)
        if data is None:
            return Feed()
        self._place = following
        return Feed((*ground, replace(packet, data=data)), bool(ground), True)

    def _counters(self, packet: Packet) -> Counters | None:
        return self._headers.read(packet.data) if self._headers is not None else None


def _headers(form: StreamFormat) -> H264Headers | None:
    return H264Headers(form.extradata) if form.codec == "h264" else None
