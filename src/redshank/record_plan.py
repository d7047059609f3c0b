"""What of one stream is kept, and what waits to know. Pure; `Plan.keep` belongs to any thread, the rest to the volume's writer.

Kept are spans of wall time: one without end in mode continuous, one around each `keep` in the modes motion and alert. Packets that no
file has taken are held in runs, each a keyframe and what needs it, for as long as the fan-out's ring would hold them (they are the same
objects). A run that touches a span is kept whole: a clip begins at the keyframe at or before the time asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from redshank.clock import NS_PER_S, US_PER_S
from redshank.media.fanout import RING, starts
from redshank.model import GapReason, Packet
from redshank.record_settings import Mode

SPANS = 64
"""Remembered at most; then the two oldest become one: more is kept, never less."""
FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Change:
    """Another mode, from this time on."""

    time: int
    mono_ns: int
    """The same moment: packets that arrived before it are kept as before."""
    mode: Mode
    private: bool = False
    reason: str = ""
    """Why nothing is kept (a GapReason), where it is neither privacy nor the mode."""

    @property
    def on(self) -> bool:
        return self.mode != "off" and not self.private

    @property
    def gap(self) -> str:
        """Why there is no footage while nothing happens; offline in mode continuous."""
        if self.reason in set(GapReason) and not self.on:
            return self.reason
        if self.private:
            return GapReason.PRIVATE
        return {"off": GapReason.OFF, "continuous": GapReason.OFFLINE}.get(self.mode, GapReason.IDLE)


@dataclass(frozen=True, slots=True)
class Keep:
    """Somebody wants this footage. UTC µs."""

    since: int
    until: int
    important: bool
    """Wanted in mode alert too."""

    def touches(self, other: Keep) -> bool:
        return self.important == other.important and self.since <= other.until and other.since <= self.until


class Plan:
    """The spans."""

    def __init__(self, pre_s: float, post_s: float) -> None:
        self.now = Change(0, 0, "off")
        self._pre = round(pre_s * US_PER_S)
        self._post = round(post_s * US_PER_S)
        self._lock = threading.Lock()
        self._spans: list[Keep] = []
        """Those of one importance do not touch."""

    def change(self, change: Change) -> None:
        before, self.now = self.now, change
        with self._lock:
            if not change.on:  # what is asked for afterwards may have come before this was reached
                self._spans = [each for each in self._spans if each.until > change.time + self._post]
            elif before.on and before.mode == "continuous" != change.mode:
                self._put(Keep(0, change.time, True))

    def roll(self, pre_s: float, post_s: float) -> None:
        """From the next `keep` on. Any thread."""
        self._pre, self._post = round(pre_s * US_PER_S), round(post_s * US_PER_S)

    def keep(self, wanted: Keep) -> None:
        """However long the writer hangs meanwhile, nothing that was asked for is forgotten."""
        with self._lock:
            self._put(Keep(wanted.since - self._pre, wanted.until + self._post, wanted.important))

    def _put(self, span: Keep) -> None:
        near = [each for each in self._spans if each.touches(span)]
        self._spans = [each for each in self._spans if each not in near] + [_joined(span, *near)]
        if len(self._spans) > SPANS:
            most = 2 * sum(each.important for each in self._spans) > SPANS
            oldest = [each for each in self._spans if each.important == most][:2]
            self._spans = [_joined(*oldest), *(each for each in self._spans if each not in oldest)]

    def wants(self, start: int, end: int) -> bool:
        """Whether a moment of it is kept."""
        if not self.now.on:
            return False
        if self.now.mode == "continuous":
            return True
        every = self.now.mode != "alert"
        with self._lock:
            return any(k.since <= end and start < k.until for k in self._spans if every or k.important)


def _joined(*spans: Keep) -> Keep:
    return Keep(min(s.since for s in spans), max(s.until for s in spans), spans[0].important)


@dataclass(slots=True)
class Run:
    """A keyframe and what needs it."""

    broken: str
    """Why it does not continue the one before (a GapReason); empty when it does."""
    packets: list[Packet] = field(default_factory=list)
    bytes: int = 0
    end: int = 0
    """Its last moment: what follows at once begins a microsecond later."""

    @property
    def start(self) -> int:
        return self.packets[0].time


class Held:
    """Runs that no file has taken, oldest first. Its first packet is a keyframe."""

    def __init__(self, seconds: float) -> None:
        self.runs: list[Run] = []
        self._ns = round(seconds * NS_PER_S)

    def hold(self, seconds: float) -> None:
        """From now on. Any thread."""
        self._ns = round(seconds * NS_PER_S)

    def add(self, packet: Packet, broken: str) -> None:
        if starts(packet):
            if self.runs and not broken:
                self.runs[-1].end = packet.time - 1
            self.runs.append(Run(broken))
        if not self.runs:
            return  # the rest of a run too large to be held
        run = self.runs[-1]
        run.packets.append(packet)
        run.bytes += len(packet.data)
        run.end = max(run.end, packet.time)

    def packets(self) -> Iterator[Packet]:
        return (packet for run in self.runs for packet in run.packets)

    def trim(self, newest_ns: int) -> None:
        """Let go of what the ring would let go of. `newest_ns`: arrival of the stream's newest packet."""
        while self.runs:
            too_large = sum(run.bytes for run in self.runs) > RING.bytes
            too_old = len(self.runs) > 1 and newest_ns - self.runs[1].packets[0].mono_ns >= self._ns
            if not (too_large or too_old):
                return
            del self.runs[0]

    def clear(self) -> None:
        self.runs = []
