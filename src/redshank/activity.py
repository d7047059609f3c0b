"""What analysis saw lately of each camera, for the recorder: how much moved in a span, and since when something is worth keeping.

Pure: times come with the observations.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from functools import partial

from redshank.clock import US_PER_S
from redshank.model import Observation, TrackState

REMEMBERED_US = 15 * 60 * US_PER_S
MOST = 40_000
"""Remembered of one camera: 15 min at 40 a second."""
SLACK_US = 5 * US_PER_S
"""A quiet camera is looked at about once per GOP: nothing seen for longer than this means that nobody looked."""


@dataclass(slots=True)
class Activity:
    """Of one camera. Observations come in order of time, more or less: one a good deal earlier than the last means that the clock was
    set back, and what was seen under the old one says nothing any more."""

    _seen: deque[tuple[int, float]] = field(default_factory=partial(deque, maxlen=MOST))

    def hear(self, seen: Observation) -> None:
        if self._seen and seen.time < self._seen[-1][0] - SLACK_US:
            self._seen.clear()
        self._seen.append((seen.time, 1.0 if followed(seen) and not seen.motion else seen.motion))
        while self._seen[0][0] < seen.time - REMEMBERED_US:
            self._seen.popleft()

    def motion(self, start: int, end: int) -> float | None:
        """Most motion in [start, end), 0–1; None when nobody looked at some part of it."""
        seen = list(self._seen)
        first = max(0, bisect_left(seen, (start, 0.0)) - 1)
        before = start - SLACK_US
        most = 0.0
        for time, motion in seen[first:]:
            if time - before > 2 * SLACK_US:
                return None
            before = max(before, time)
            if start <= time < end:
                most = max(most, motion)
            if time >= end:
                return most
        return most if before >= end - SLACK_US else None


def followed(seen: Observation) -> bool:
    """Whether an object is in the picture that is neither parked nor only suspected."""
    return any(track.state is TrackState.ACTIVE for track in seen.tracks)
