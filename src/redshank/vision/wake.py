"""How much of a stream is worth decoding: nothing, one picture, or everything.

While nothing moves, the headers of the compressed pictures say enough: how many bits each took and at which quantiser
(`vision.bitstream`). Their product by the classic rate model, bits x 2^(QP/6), rises when something moves, on variable *and* on
constant bitrate. A picture that is out of line is decoded alone, on top of the last keyframe (LOOK); when motion is seen in it,
everything since the keyframe is decoded and stays so (AWAKE) until it has been quiet for a while. Recall comes first: a stream whose
headers cannot be read, or with B-frames, is always decoded. Pure; one thread. Figures: docs/design/idle.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from math import log2
from statistics import median

from redshank.clock import US_PER_S
from redshank.model import Packet, StreamFormat
from redshank.vision.bitstream import Coded, H264Headers


class Attention(Enum):
    """SLEEP: keep the packet, decode nothing · LOOK: decode this picture alone and look at it · AWAKE: decode everything, from the last
    keyframe on."""

    SLEEP = "sleep"
    LOOK = "look"
    AWAKE = "awake"


@dataclass(frozen=True, slots=True)
class WakeSettings:
    """How eager to be."""

    tail_s: float = 3.0
    """Stay awake so long after the last motion or live track."""
    learn_s: float = 4.0
    """Awake at the start and after a gap: the background and the sizes are learned."""
    keyframe_s: float = 3.5
    """While asleep, look at a keyframe at least so often (as far as there are keyframes)."""
    suspicion: float = 2.5
    """Robust standard scores above which a picture is out of line."""
    longest_gop_s: float = 30.0
    """Longer groups of pictures are decoded throughout: catching up would cost too much."""


class Wake:
    """Decides packet by packet, in decode order. Video packets of one stream only."""

    def __init__(self, settings: WakeSettings | None = None) -> None:
        self._settings = settings or WakeSettings()
        self._format: StreamFormat | None = None
        self._headers: H264Headers | None = None
        self._awake_until = 0
        self._last = 0
        self._keyframe = 0
        self._looked = 0
        self._since = 0
        """Pictures since the keyframe."""
        self._norms: dict[int, _Norm] = {}
        self._recent: deque[float] = deque(maxlen=3)
        self._readable = True

    def packet(self, packet: Packet) -> Attention:
        """What to do with this packet. Also learns from it."""
        if packet.format is not self._format:
            self._begin(packet)
        elif not 0 <= packet.time - self._last <= 10 * US_PER_S:
            self._awake_until = packet.time + self._us(self._settings.learn_s)
        self._last = packet.time
        if packet.keyframe:
            self._keyframe, self._since = packet.time, 0
        else:
            self._since += 1
        strange = self._strange(packet)
        if not self._readable:
            self._awake_until = packet.time + self._us(_BLIND_S)
        if packet.time < self._awake_until or self._too_long(packet):
            return Attention.AWAKE
        if packet.keyframe and packet.time - self._looked >= self._us(self._settings.keyframe_s):
            self._looked = packet.time
            return Attention.LOOK
        return Attention.LOOK if strange else Attention.SLEEP

    def moved(self, time: int) -> None:
        """A look found something, or a track is alive: be awake from the next packet on."""
        self._awake_until = max(self._awake_until, time + self._us(self._settings.tail_s))

    def quiet(self, time: int) -> None:
        """A look found nothing."""

    @property
    def awake(self) -> bool:
        return self._last < self._awake_until

    def _begin(self, packet: Packet) -> None:
        self._format = packet.format
        self._headers = H264Headers(packet.format.extradata) if packet.format.codec == "h264" else None
        self._readable = self._headers is not None
        self._norms.clear()
        self._recent.clear()
        self._awake_until = packet.time + self._us(self._settings.learn_s)

    def _too_long(self, packet: Packet) -> bool:
        return packet.time - self._keyframe > self._us(self._settings.longest_gop_s)

    def _strange(self, packet: Packet) -> bool:
        """Whether the picture cost more than pictures at its place usually do."""
        if self._headers is None:
            return False
        coded = self._headers.read(packet.data)
        self._readable = coded is not None and coded.kind != "B" and coded.movable
        if coded is None or coded.kind == "I":
            return False
        norm = self._norms.setdefault(min(self._since, _SETTLED), _Norm())
        score = norm.score(log2(coded.bits) + coded.qp / 6)
        self._recent.append(score)
        return max(score, sum(self._recent) / 3**0.5) > self._settings.suspicion

    @staticmethod
    def _us(seconds: float) -> int:
        return round(seconds * US_PER_S)


_BLIND_S = 60.0
"""Decode for so long after a picture whose headers say nothing useful (unknown codec, B-frames, damage)."""
_SETTLED = 4
"""From this place after the keyframe on, predicted pictures are alike."""


class _Norm:
    """What is usual: median and deviation of the last pictures."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=90)
        self._stale = 0
        self._middle = self._spread = 0.0

    def score(self, value: float) -> float:
        """How many deviations above the usual; 0 while too little is known."""
        known = len(self._values)
        if known >= 8 and self._stale <= 0:
            self._middle = median(self._values)
            self._spread = max(0.02, 1.4826 * median(abs(v - self._middle) for v in self._values))
            self._stale = 5
        self._stale -= 1
        self._values.append(value)
        return (value - self._middle) / self._spread if known >= 8 else 0.0


@dataclass(frozen=True, slots=True)
class Feed:
    """What to give the decoder now."""

    packets: tuple[Packet, ...]
    """In order; may be empty."""
    fresh: bool
    """Forget all earlier pictures first (flush the decoder): the first packet is a keyframe."""
    whole: bool
    """True: ordinary pictures in a row. False: the last is a single picture on top of the keyframe; look with `learn=False` unless it
    is the keyframe itself."""


class Backlog:
    """The packets since the last keyframe, and which of them the decoder has had. Bounded: beyond the limits it starts over at the next
    keyframe, and `dropped` counts."""

    def __init__(self, most_packets: int = 900, most_bytes: int = 16 * 1024 * 1024) -> None:
        self._limits = most_packets, most_bytes
        self._packets: list[Packet] = []
        self._bytes = 0
        self._fed = 0
        """How many of them the decoder has had in a row."""
        self._alone = 0
        """How many it has had out of the row since."""
        self._headers = H264Headers()
        self._format: StreamFormat | None = None
        self._base: Coded | None = None
        """Of the last picture that was decoded in the row."""
        self.dropped = 0

    def take(self, packet: Packet, attention: Attention) -> Feed:
        """Keep the packet and say what to decode."""
        self._keep(packet)
        if attention is Attention.SLEEP or not self._packets:
            return Feed((), False, True)
        if attention is Attention.AWAKE:
            fresh = self._fed == 0 or self._alone > 0
            feed = Feed(tuple(self._packets if fresh else self._packets[self._fed :]), fresh, True)
            self._fed, self._alone = len(self._packets), 0
            return feed
        return self._single(packet)

    def _keep(self, packet: Packet) -> None:
        if packet.format is not self._format:
            self._format, self._headers = packet.format, H264Headers(packet.format.extradata)
            self._packets = []
        if packet.keyframe:
            self._packets, self._bytes, self._fed, self._alone = [], 0, 0, 0
            self._headers.read(packet.data)  # remembers the parameter sets
        elif not self._packets:
            self.dropped += 1
            return
        self._packets.append(packet)
        self._bytes += len(packet.data)
        if len(self._packets) > self._limits[0] or self._bytes > self._limits[1]:
            self.dropped += len(self._packets)
            self._packets = []

    def _single(self, packet: Packet) -> Feed:
        fresh = not self._fed
        if packet.keyframe:
            self._fed = 1
            return Feed((packet,), True, True)
        before = self._packets[: 1 if fresh else 0]
        self._fed = max(1, self._fed)
        if self._alone == 0:
            self._base = self._headers.read(self._packets[self._fed - 1].data)
        if self._base is None:
            return Feed(tuple(before), fresh, True)
        self._alone += 1
        number, order = self._base.number + self._alone, self._base.order + 2 * self._alone
        alone = replace(packet, data=self._headers.renumber(packet.data, number, order))
        return Feed((*before, alone), fresh, False)
