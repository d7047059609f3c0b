"""Where a stream has no footage, and why: told to the hub as `gap` notes. One thread: the volume's writer.

A gap is told when it is over, or with an open end once it is worth telling; then again with its end. What lies between the start of
the process and its first footage is told only when it takes long: until then the hub knows better (it started us).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redshank.clock import NS_PER_S, US_PER_S
from redshank.model import GapReason

SILENT_NS = 6 * NS_PER_S
"""After so long without a packet a stream counts as offline. Longer than a hole: what a slow network delivers late is whole."""
TELL_NS = NS_PER_S
LEAST_US = US_PER_S // 20
"""Shorter than this is no gap."""


@dataclass(slots=True)
class _Hole:
    start: int
    reason: str
    """Empty: not ours to tell."""
    tell_ns: int
    """Monotonic time at which its beginning alone is told …"""
    later: str
    """… with this reason."""
    told: bool = False


class Gaps:
    """`tell(start, end, reason)`: UTC µs; end None while it goes on."""

    def __init__(self, tell: Callable[[int, int | None, str], None]) -> None:
        self._tell = tell
        self._hole: _Hole | None = None

    @property
    def since(self) -> int | None:
        """Where the present one begins."""
        return self._hole.start if self._hole is not None else None

    @property
    def untold(self) -> bool:
        """Whether the beginning of the present one has still to be told."""
        return self._hole is not None and not self._hole.told

    def begin(self, time: int, now_ns: int, reason: str) -> None:
        """The recorder starts, and this is why nothing is kept."""
        self._hole = self._waiting(time, now_ns, "", reason)

    def miss(self, start: int, now_ns: int, reason: str) -> None:
        """There is no footage from here on. Nothing, when that is known."""
        if self._hole is None:
            self._hole = _Hole(start, reason, now_ns + TELL_NS, reason)

    def turn(self, time: int, now_ns: int, reason: str) -> None:
        """From now on there is another reason for having nothing, if there is nothing."""
        hole = self._hole
        if hole is not None and hole.later != reason:
            self.found(time)
            self._hole = self._waiting(time, now_ns, hole.reason, reason)

    def found(self, start: int) -> None:
        """There is footage again."""
        hole, self._hole = self._hole, None
        if hole is not None and hole.reason and (hole.told or start - hole.start >= LEAST_US):
            self._tell(hole.start, max(start, hole.start), hole.reason)

    def due(self, now_ns: int) -> None:
        """Tell the beginning when it is time."""
        hole = self._hole
        if hole is not None and not hole.told and now_ns >= hole.tell_ns:
            hole.told, hole.reason = True, hole.later
            self._tell(hole.start, None, hole.reason)

    @staticmethod
    def _waiting(time: int, now_ns: int, reason: str, later: str) -> _Hole:
        """A camera may take a moment until its first keyframe: that alone does not make it offline."""
        if later == GapReason.OFFLINE:
            return _Hole(time, reason, now_ns + SILENT_NS, later)
        return _Hole(time, later, now_ns, later)
