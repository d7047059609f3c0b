"""One writer, many readers: a stream's packets in the capture process, with the last seconds of it kept.

The writer is the stream's reader thread; readers are the event loop (woken through a callable such as a bound
`loop.call_soon_threadsafe`) or threads of their own (`get`). One lock guards all of it and is held for microseconds.

Each reader has its own bounded queue. Overflow rule: a reader whose queue is full loses what it has not taken, then everything up
to the next keyframe; all of it is counted in `dropped`. A slow reader hurts only itself, and what it gets always decodes.
A *sink* (the recorder's) takes each packet as it comes, under the lock, and has a queue and a rule of its own.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from redshank.clock import NS_PER_S, US_PER_S
from redshank.model import Packet, StreamFormat


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a queue or the ring holds at most: seconds between arrivals, and bytes of their data."""

    seconds: float = 10.0
    bytes: int = 16 * 1024 * 1024


RING = Bounds(10.0, 32 * 1024 * 1024)
QUEUE = Bounds(4.0, 8 * 1024 * 1024)


LATE_US = 10 * US_PER_S
"""A packet arrives at most so long after it was taken: a stream that is silent for longer has been given up and connected anew."""


def starts(packet: Packet) -> bool:
    """Whether decoding can begin here."""
    return packet.keyframe and packet.format.kind == "video"


class Sink(Protocol):
    """Takes every packet at once."""

    def offer(self, packet: Packet) -> None:
        """Called on the writer's thread with the fan-out's lock held: takes microseconds, never waits, never calls back."""
        ...


class Reader:
    """One reader's queue. Made by `Fanout.join`; `close` it when done."""

    def __init__(self, fanout: Fanout, name: str, bounds: Bounds, wake: Callable[[], None] | None) -> None:
        self.name = name
        self._fanout = fanout
        self._bounds = bounds
        self._wake = wake
        self._ready = threading.Condition(fanout.lock)
        self._preroll: list[Packet] = []
        """What the ring gave at the start; outside the bounds, since the ring bounds it."""
        self._queue: deque[Packet] = deque()
        self._bytes = 0
        self._synced = False
        self.closed = False
        self.dropped = 0
        """Packets lost to overflow so far, those skipped up to the next keyframe included."""
        self._overflowed = False

    def take(self) -> list[Packet]:
        """Everything that waits, oldest first; never blocks."""
        with self._fanout.lock:
            return self._drain()

    def get(self, timeout_s: float) -> list[Packet]:
        """The same for a thread: waits until there is something, the reader is closed, or time is up."""
        with self._fanout.lock:
            if not (self._preroll or self._queue or self.closed):
                self._ready.wait(timeout_s)
            return self._drain()

    def close(self) -> None:
        """Leave the fan-out. Idempotent; any thread."""
        with self._fanout.lock:
            if self.closed:
                return
            self.closed = True
            self._fanout.left(self)
            self._drain()
            self._ready.notify_all()

    def _drain(self) -> list[Packet]:
        packets = [*self._preroll, *self._queue]
        self._preroll = []
        self._queue.clear()
        self._bytes = 0
        return packets

    def _forget(self) -> int:
        """What waits is not for reading any more; how much it was. Called by the fan-out with its lock held."""
        self._synced = False
        return len(self._drain())

    def _offer(self, packet: Packet) -> None:
        """Called by the fan-out with its lock held."""
        if starts(packet):
            self._synced = True
        if not self._synced:
            self.dropped += self._overflowed
            return
        was_empty = not self._queue
        self._queue.append(packet)
        self._bytes += len(packet.data)
        span_ns = packet.mono_ns - self._queue[0].mono_ns
        if self._bytes > self._bounds.bytes or span_ns > self._bounds.seconds * NS_PER_S:
            self._overflow(packet)
        if was_empty and self._queue:
            self._ready.notify()
            if self._wake is not None:
                self._wake()

    def _overflow(self, newest: Packet) -> None:
        """A keyframe that overflows the queue starts the new one; anything else waits for the next keyframe."""
        keeps = starts(newest)
        self.dropped += len(self._drain()) - keeps
        self._overflowed = True
        self._synced = keeps
        if keeps:
            self._queue.append(newest)
            self._bytes = len(newest.data)


class Fanout:
    """The stream's newest packets and whoever reads them. `offer` belongs to one thread at a time, the rest to any."""

    def __init__(self, ring: Bounds = RING) -> None:
        self.lock = threading.Lock()
        self.readers: set[Reader] = set()
        self.silenced = 0
        """Packets nobody was given because the stream was silent."""
        self._sinks: tuple[Sink, ...] = ()
        self._silent = False
        self._heard = (0, 0)
        """When silence ended: wall and monotonic time."""
        self._ring: deque[Packet] = deque()
        self._ring_bytes = 0
        self._bounds = ring
        self._keyframes: deque[int] = deque()
        """Packets before each keyframe of the ring, counted from the first packet ever kept."""
        self._kept = 0
        self._gone = 0
        self._lost: Counter[str] = Counter()
        """Packets lost by readers that have left, by name."""
        self.formats: tuple[StreamFormat, ...] = ()
        """Of the newest packets: video, then audio if there is one."""

    def offer(self, packet: Packet) -> None:
        """Keep one packet and hand it to every reader; never waits for them."""
        with self.lock:
            if self._silent or self._private(packet):
                self.silenced += 1
                return
            self._keep(packet)
            for sink in self._sinks:
                sink.offer(packet)
            for reader in self.readers:
                reader._offer(packet)

    def resize(self, ring: Bounds) -> None:
        """How much it keeps, from the next packet on."""
        with self.lock:
            self._bounds = ring

    def attach(self, sink: Sink) -> None:
        """Give it every packet from now on. Idempotent."""
        with self.lock:
            if sink not in self._sinks:
                self._sinks = (*self._sinks, sink)

    def detach(self, sink: Sink) -> None:
        """No packet reaches it once this returns. Idempotent."""
        with self.lock:
            self._sinks = tuple(each for each in self._sinks if each is not sink)

    def silence(self, on: bool, now: int = 0, mono_ns: int = 0) -> None:
        """Privacy: while on, what comes is forgotten at once and counted in `silenced`. Once this returns with True, nothing is left in
        the ring or in any reader's queue; afterwards each reader begins with the next keyframe.

        now, mono_ns: of this moment, when it ends: what was taken before but is still on its way is forgotten too.
        """
        with self.lock:
            if on and not self._silent:
                self._clear()
                for reader in self.readers:
                    self.silenced += reader._forget()
            elif self._silent and not on:
                self._heard = now, mono_ns
            self._silent = on

    @property
    def silent(self) -> bool:
        """Whether nobody is given anything."""
        return self._silent

    def _private(self, packet: Packet) -> bool:
        """Whether it shows what was there before silence ended; later than can be, it does not: the clock was set back."""
        now, mono_ns = self._heard
        return packet.time < now and now + (packet.mono_ns - mono_ns) // 1000 - packet.time < LATE_US

    def join(
        self, name: str, bounds: Bounds = QUEUE, wake: Callable[[], None] | None = None, since: int | None = None
    ) -> Reader:
        """A new reader, which begins with the next keyframe to come.

        `since`: begin with the ring's keyframe at or before this time, or its oldest, instead; that is there to `take` at once.
        `wake` is called on the writer's thread when the queue stops being empty; it must not block nor call back into the fan-out.
        """
        reader = Reader(self, name, bounds, wake)
        with self.lock:
            if since is not None:
                reader._preroll = self._since(since)
                reader._synced = bool(reader._preroll)
            self.readers.add(reader)
        return reader

    def since(self, time: int) -> list[Packet]:
        """What the ring holds from the keyframe at or before `time` (the oldest it has, if all are later) to now."""
        with self.lock:
            return self._since(time)

    def dropped(self) -> dict[str, int]:
        """Packets lost so far, by reader's name."""
        with self.lock:
            lost = self._lost.copy()
            for reader in self.readers:
                lost[reader.name] += reader.dropped
            return dict(+lost)

    def left(self, reader: Reader) -> None:
        """Called by a reader that closes, with the lock held."""
        self.readers.discard(reader)
        self._lost[reader.name] += reader.dropped

    def close(self) -> None:
        """End every reader."""
        for reader in list(self.readers):
            reader.close()

    def _since(self, time: int) -> list[Packet]:
        start = self._keyframes[0] if self._keyframes else None
        for index in self._keyframes:
            if self._ring[index - self._gone].time <= time:
                start = index
        if start is None:
            return []
        skip = start - self._gone
        return [packet for i, packet in enumerate(self._ring) if i >= skip]

    def _keep(self, packet: Packet) -> None:
        if not any(packet.format is format for format in self.formats):
            others = [format for format in self.formats if format.kind != packet.format.kind]
            self.formats = tuple(sorted([packet.format, *others], key=lambda format: format.kind, reverse=True))
        if starts(packet):
            self._keyframes.append(self._kept)
        elif not self._keyframes:
            return
        self._ring.append(packet)
        self._kept += 1
        self._ring_bytes += len(packet.data)
        while self._too_much(packet):
            self._forget_gop()
        if self._ring_bytes > self._bounds.bytes:
            # One GOP alone is larger than the ring may be: better nothing to look back at than memory without end.
            self._clear()

    def _too_much(self, newest: Packet) -> bool:
        """Whether the oldest GOP can go: beyond the bytes, or what follows it still covers the seconds asked for."""
        if len(self._keyframes) < 2:
            return False
        second = self._ring[self._keyframes[1] - self._gone]
        return (
            self._ring_bytes > self._bounds.bytes or newest.mono_ns - second.mono_ns >= self._bounds.seconds * NS_PER_S
        )

    def _forget_gop(self) -> None:
        self._keyframes.popleft()
        while self._gone < self._keyframes[0]:
            self._ring_bytes -= len(self._ring.popleft().data)
            self._gone += 1

    def _clear(self) -> None:
        self._gone = self._kept
        self._keyframes.clear()
        self._ring.clear()
        self._ring_bytes = 0
