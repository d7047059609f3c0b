"""For tests: a whole stream reader on a real source, and what comes out behind the fan-out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from redshank.clock import SystemClock
from redshank.media.connect import opener
from redshank.media.decode import Decoder
from redshank.media.fanout import Bounds, Fanout
from redshank.media.reader import StreamReader, StreamSettings, Stuck
from redshank.media.settings import SourceSettings
from redshank.model import CameraState, CameraStatus, Frame, Packet
from redshank.targets import Targets
from tests.harness.footage import read_number

LIMIT_S = 20.0


class Watch:
    """Collects packets on the test's thread while a reader runs; ticks it as the capture process would."""

    def __init__(self, settings: SourceSettings, ports: Sequence[int], stream: StreamSettings) -> None:
        self.clock = SystemClock()
        self.packets: list[Packet] = []
        self.states: list[CameraState] = []
        self.fanout = Fanout()
        self._queue = self.fanout.join("test", Bounds(seconds=1e6, bytes=1 << 30))
        targets = Targets([f"127.0.0.1:{port}" for port in ports])
        source = opener(settings, targets)
        self.stuck = Stuck(lambda: None)
        self.reader = StreamReader(stream, source, self.fanout, self.clock, self.states.append, self.stuck)

    def until(self, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        """Collect until it is true."""
        end_ns = self.clock.mono_ns() + int(limit_s * 1e9)
        while not condition():
            assert self.clock.mono_ns() < end_ns, [(s.status, s.reason) for s in self.states][-5:]
            self.turn()

    def turn(self) -> None:
        """Take what is there, and be the monitor."""
        self.packets += self._queue.get(0.05)
        self.reader.tick()

    def until_packets(self, count: int, limit_s: float = LIMIT_S) -> None:
        """So many more pictures than now."""
        wanted = len(self.video) + count
        self.until(lambda: len(self.video) >= wanted, limit_s)

    def until_status(self, status: CameraStatus, limit_s: float = LIMIT_S) -> CameraState:
        self.until(lambda: self.reader.state.status is status, limit_s)
        return self.reader.state

    @property
    def video(self) -> list[Packet]:
        return [packet for packet in self.packets if packet.format.kind == "video"]

    def frames(self) -> list[Frame]:
        decoder = Decoder()
        return [frame for packet in self.packets for frame in decoder.decode(packet)] + decoder.flush()

    def numbers(self) -> list[int | None]:
        """What the decoded pictures show."""
        return [read_number(frame.y) for frame in self.frames()]


@contextmanager
def watching(
    url: str | SourceSettings, ports: Sequence[int] = (), stream: StreamSettings = StreamSettings("yard", "main", 1)
) -> Iterator[Watch]:
    watch = Watch(SourceSettings(url) if isinstance(url, str) else url, ports, stream)
    watch.reader.start()
    try:
        yield watch
    finally:
        watch.reader.stop(10)
