"""Stand-ins for the seams, edited by the test instead of patched: a source, a detector, a channel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from redshank.alert.base import Message
from redshank.errors import RedshankError
from redshank.media.source import RawPacket
from redshank.model import Detection, StreamFormat

VIDEO = StreamFormat("video", "h264", Fraction(1, 90_000), width=640, height=360, declared_fps=10)
AUDIO = StreamFormat("audio", "aac", Fraction(1, 48_000), b"\x11\x90", sample_rate=48_000, channels=2)


def video_packets(
    count: int, fps: int = 10, gop: int = 10, format: StreamFormat = VIDEO, start: int = 0
) -> list[RawPacket]:
    """`count` packets without B-frames, a keyframe every `gop`; the data is the packet's number as text. Edit at will."""
    step = round(1 / (fps * format.time_base))
    return [
        RawPacket(format, start + n * step, start + n * step, step, n % gop == 0, f"packet {n}".encode())
        for n in range(count)
    ]


def audio_packets(count: int, format: StreamFormat = AUDIO, start: int = 0) -> list[RawPacket]:
    """`count` packets of 1024 samples."""
    return [RawPacket(format, start + n * 1024, start + n * 1024, 1024, True, b"sound") for n in range(count)]


def edited(packets: Sequence[RawPacket], changes: Mapping[int, Callable[[RawPacket], RawPacket]]) -> list[RawPacket]:
    """A copy with the packets at those places changed: `edited(packets, {3: without_dts})`."""
    return [changes[n](packet) if n in changes else packet for n, packet in enumerate(packets)]


def without_dts(packet: RawPacket) -> RawPacket:
    return replace(packet, dts=None)


def later(seconds: float) -> Callable[[RawPacket], RawPacket]:
    """Both timestamps moved on by so much (back when negative)."""

    def move(packet: RawPacket) -> RawPacket:
        ticks = round(seconds / packet.format.time_base)
        pts, dts = packet.pts, packet.dts
        return replace(packet, pts=None if pts is None else pts + ticks, dts=None if dts is None else dts + ticks)

    return move


Step = RawPacket | RedshankError | Callable[[], None]
"""A packet to yield, an error to raise, or something to do (advance a fake clock, wait for an event) before going on."""


class ScriptedSource:
    """A Source that plays a script in the thread that reads it, and then ends. `hang()` in the script waits for `close`."""

    def __init__(self, script: Iterable[Step], formats: Sequence[StreamFormat] = (VIDEO,)) -> None:
        self.formats: Sequence[StreamFormat] = tuple(formats)
        self.closed = threading.Event()
        self._script = list(script)

    def hang(self) -> None:
        """A step: block until closed, as a camera does that stops sending."""
        assert self.closed.wait(30), "the source was never closed"

    def add(self, *steps: Step) -> None:
        """More at the end; before reading starts, or from a step."""
        self._script.extend(steps)

    def packets(self) -> Iterator[RawPacket]:
        for step in self._script:
            if self.closed.is_set():
                return
            if isinstance(step, RawPacket):
                yield step
            elif isinstance(step, RedshankError):
                raise step
            else:
                step()

    def close(self) -> None:
        self.closed.set()


class ScriptedOpener:
    """An Opener: each call gives the next of `results`, raising errors; the last one is repeated. Counts its calls."""

    def __init__(self, *results: ScriptedSource | RedshankError | Callable[[], ScriptedSource]) -> None:
        self._results = list(results)
        self.timeouts: list[float] = []
        """`timeout_s` of every call."""

    @property
    def calls(self) -> int:
        return len(self.timeouts)

    def __call__(self, timeout_s: float) -> ScriptedSource:
        result = self._results[min(len(self.timeouts), len(self._results) - 1)]
        self.timeouts.append(timeout_s)
        if isinstance(result, RedshankError):
            raise result
        return result if isinstance(result, ScriptedSource) else result()


Answers = Mapping[int, Sequence[Detection]] | Callable[[NDArray[np.uint8]], Sequence[Detection]]
"""Detections by the number of the picture (from 0, in the order they are asked for), or a function of the picture."""


@dataclass
class ScriptedDetector:
    """A Detector that answers from a table or a function, and remembers the shapes it was asked about."""

    answers: Answers = field(default_factory=dict)
    labels: tuple[str, ...] = ("person", "car")
    model_id: str = "scripted@000000000000"
    input_size: tuple[int, int] = (416, 416)
    max_batch: int = 1
    before: Callable[[], None] | None = None
    """Done before each call: hang, advance a clock, raise ModelError."""
    asked: list[tuple[int, ...]] = field(default_factory=list)
    closed: bool = False

    def detect(self, pictures: Sequence[NDArray[np.uint8]], min_score: float) -> list[list[Detection]]:
        assert len(pictures) <= self.max_batch
        if self.before is not None:
            self.before()
        return [self._answer(picture, min_score) for picture in pictures]

    def _answer(self, picture: NDArray[np.uint8], min_score: float) -> list[Detection]:
        number = len(self.asked)
        self.asked.append(picture.shape)
        found = self.answers(picture) if callable(self.answers) else self.answers.get(number, ())
        return sorted((one for one in found if one.score >= min_score), key=lambda one: -one.score)

    def close(self) -> None:
        self.closed = True


@dataclass
class ListChannel:
    """A Channel that keeps what it is sent; `failures` are raised first, one a call."""

    name: str = "list"
    can_update: bool = True
    failures: list[RedshankError] = field(default_factory=list)
    sent: list[tuple[Message, str]] = field(default_factory=list)
    """Each delivered message with `previous`."""
    tried: int = 0
    closed: bool = False

    async def send(self, message: Message, previous: str) -> str:
        self.tried += 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((message, previous))
        return previous or f"ref-{len(self.sent)}"

    async def close(self) -> None:
        self.closed = True
