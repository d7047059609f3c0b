"""What waits to be written to one volume: packets of all its streams, bounded together in bytes.

Each stream has a queue of runs: a keyframe and what needs it. Readers' threads put packets in (`Queue.offer`, under their fan-out's
lock: microseconds, never waits), the volume's writer takes them out. One lock guards all.

Overflow rule: the oldest run of the volume that nobody asked to protect goes whole, then the oldest protected one. A run that was
partly taken loses its rest. Where packets went, the writer finds a `Lost` in their place: it must end its file there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from redshank.media.fanout import starts
from redshank.model import Packet

PROTECTED = 64
"""Spans remembered per camera; then the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands where packets were. Times: UTC µs of the first and the last of them."""

    packets: int
    bytes: int
    start: int
    end: int
    reason: str
    """`Spool.reason` when they went: a GapReason."""


Item = Packet | Lost


@dataclass(slots=True)
class _Run:
    packets: deque[Packet] = field(default_factory=deque)
    bytes: int = 0
    lost: Lost | None = None
    """What is missing before its first packet."""
    end: int = 0
    """Latest time in it."""

    def add(self, packet: Packet) -> None:
        self.packets.append(packet)
        self.bytes += len(packet.data)
        self.end = max(self.end, packet.time)


class Queue:
    """One stream's packets. Made by `Spool.sink`; attach it to the stream's fan-out."""

    def __init__(self, spool: Spool, camera: str, stream: str) -> None:
        self.camera = camera
        self.stream = stream
        self.open = True
        """False: what is offered is not wanted (mode off, private)."""
        self.sound = True
        """False: only pictures are wanted."""
        self.dropped = 0
        """Packets lost to overflow so far."""
        self.dropped_bytes = 0
        self._spool = spool
        self._runs: deque[_Run] = deque()
        self._lost: Lost | None = None
        """What is missing after the newest packet."""
        self._skipping = False
        """The newest run was dropped while it grew: the rest of it goes too."""

    def offer(self, packet: Packet) -> None:
        """Called by one thread at a time."""
        if not self.open or not (self.sound or packet.format.kind == "video"):
            return
        with self._spool.lock:
            begins = starts(packet)
            self._skipping = self._skipping and not begins
            if self._skipping:
                self._lost = _joined(self._lost, self._counted((packet,)))
                return
            self._append(packet, begins)
            self._spool.waiting += len(packet.data)
            self._spool.fit()

    def take(self, limit: int) -> list[Item]:
        """The oldest packets, up to `limit` bytes and at least one; empty when nothing waits."""
        taken: list[Item] = []
        with self._spool.lock:
            while self._runs and limit > 0:
                run = self._runs[0]
                if run.lost is not None:
                    taken.append(run.lost)
                    run.lost = None
                packet = run.packets.popleft()
                run.bytes -= len(packet.data)
                limit -= len(packet.data)
                taken.append(packet)
                self._spool.waiting -= len(packet.data)
                if not run.packets:
                    self._runs.popleft()
            if not self._runs and self._lost is not None:
                taken.append(self._lost)
                self._lost = None
        return taken

    def put_back(self, items: Iterable[Item]) -> None:
        """What was taken and could not be written goes to the front again, oldest first."""
        with self._spool.lock:
            later, self._runs = self._runs, deque()
            after, self._lost = self._lost, None
            for item in items:
                if isinstance(item, Lost):
                    self._lost = _joined(self._lost, item)
                else:
                    self._append(item, starts(item))
                    self._spool.waiting += len(item.data)
            if later:
                self._rejoin(later)
            self._lost = _joined(self._lost, after)
            self._spool.fit()

    def _rejoin(self, later: deque[_Run]) -> None:
        """What stayed behind follows what came back; the rest of a run joins its beginning again."""
        first = later[0]
        first.lost, self._lost = _joined(self._lost, first.lost), None
        if self._runs and first.lost is None and not starts(first.packets[0]):
            for packet in later.popleft().packets:
                self._runs[-1].add(packet)
        self._runs += later

    def oldest_ns(self) -> int | None:
        """Monotonic arrival of what has waited longest."""
        with self._spool.lock:
            return self._runs[0].packets[0].mono_ns if self._runs else None

    def _append(self, packet: Packet, begins: bool) -> None:
        if begins or not self._runs or self._lost is not None:
            self._runs.append(_Run(lost=self._lost))
            self._lost = None
        self._runs[-1].add(packet)

    @property
    def waits(self) -> bool:
        """Whether anything does."""
        return bool(self._runs)

    def droppable(self, spans: Iterable[tuple[int, int]]) -> _Run | None:
        """The oldest run that overlaps none of the spans. The spool's lock is held."""
        for run in self._runs:
            if not any(since <= run.end and run.packets[0].time <= until for since, until in spans):
                return run
        return None

    def drop(self, run: _Run) -> None:
        """The spool's lock is held."""
        place = self._runs.index(run)
        del self._runs[place]
        self._spool.waiting -= run.bytes
        lost = _joined(run.lost, self._counted(run.packets))
        if place < len(self._runs):
            self._runs[place].lost = _joined(lost, self._runs[place].lost)
        else:
            self._lost = _joined(lost, self._lost)
            self._skipping = True

    def _counted(self, packets: Collection[Packet]) -> Lost:
        size = sum(len(packet.data) for packet in packets)
        self.dropped += len(packets)
        self.dropped_bytes += size
        times = [packet.time for packet in packets]
        return Lost(len(packets), size, min(times), max(times), self._spool.reason)


class Spool:
    """All that waits for one volume."""

    def __init__(self, max_bytes: int) -> None:
        self.lock = threading.Lock()
        self.max_bytes = max_bytes
        self.waiting = 0
        """Bytes in it now."""
        self.reason = "slow_disk"
        """Why packets go when there are too many; the writer says disk_full or disk_error while that is so."""
        self._queues: dict[tuple[str, str], Queue] = {}
        self._parting: list[Queue] = []
        """Of streams that are recorded no more, until they are empty."""
        self._protected: dict[str, deque[tuple[int, int]]] = {}

    def sink(self, camera: str, stream: str) -> Queue:
        """The stream's queue, made when it is not there."""
        with self.lock:
            return self._queues.setdefault((camera, stream), Queue(self, camera, stream))

    def part(self, camera: str, stream: str) -> None:
        """Nothing more comes into this queue; the stream's next one is new."""
        with self.lock:
            self._parting = [queue for queue in self._parting if queue.waits]
            if (queue := self._queues.pop((camera, stream), None)) is not None:
                self._parting.append(queue)

    def protect(self, camera: str, since: int, until: int) -> None:
        """Footage of this span (UTC µs) goes last."""
        with self.lock:
            spans = self._protected.setdefault(camera, deque(maxlen=PROTECTED))
            if spans and spans[-1][0] <= until and since <= spans[-1][1]:
                before = spans.pop()
                since, until = min(since, before[0]), max(until, before[1])
            spans.append((since, until))

    def oldest_ns(self) -> int | None:
        """Monotonic arrival of the packet that has waited longest."""
        waiting = [
            since for queue in [*self._queues.values(), *self._parting] if (since := queue.oldest_ns()) is not None
        ]
        return min(waiting, default=None)

    def dropped(self) -> dict[tuple[str, str], int]:
        """Packets lost so far, by (camera, stream)."""
        return {key: queue.dropped for key, queue in list(self._queues.items())}

    def fit(self) -> None:
        """Drop until the bound holds. The lock is held."""
        while self.waiting > self.max_bytes:
            queue, run = self._oldest(protected=False) or self._oldest(protected=True) or (None, None)
            if queue is None or run is None:
                return
            queue.drop(run)

    def _oldest(self, protected: bool) -> tuple[Queue, _Run] | None:
        found: tuple[Queue, _Run] | None = None
        for queue in (*self._queues.values(), *self._parting):
            spans = () if protected else self._protected.get(queue.camera, ())
            run = queue.droppable(spans)
            if run is not None and (found is None or run.packets[0].mono_ns < found[1].packets[0].mono_ns):
                found = queue, run
        return found


def _joined(first: Lost | None, second: Lost | None) -> Lost | None:
    if first is None or second is None:
        return first or second
    return Lost(
        first.packets + second.packets,
        first.bytes + second.bytes,
        min(first.start, second.start),
        max(first.end, second.end),
        first.reason,
    )
