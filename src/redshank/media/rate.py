"""Frames and bits per second of the last seconds, measured. Pure; one thread at a time."""

from __future__ import annotations

from collections import deque

from redshank.clock import NS_PER_S

WINDOW_S = 5


class Rate:
    """Counts in whole seconds of arrival, so a packet costs an addition."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque(maxlen=WINDOW_S + 1)
        """[second, frames, bytes], newest last."""

    def add(self, mono_ns: int, is_frame: bool, size: int) -> None:
        second = mono_ns // NS_PER_S
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
        self._seconds[-1][1] += is_frame
        self._seconds[-1][2] += size

    def measured(self, mono_ns: int) -> tuple[float, int]:
        """Frames a second and bits a second over the last whole seconds; zeros when nothing came in them."""
        now = mono_ns // NS_PER_S
        whole = [entry for entry in list(self._seconds) if now - WINDOW_S <= entry[0] < now]
        if not whole:
            return 0.0, 0
        span = now - whole[0][0]
        return round(sum(entry[1] for entry in whole) / span, 2), sum(entry[2] for entry in whole) * 8 // span
