"""The best picture of each live track, kept as JPEG: what an alert shows when the main stream cannot be cut, and `--snapshots`.

Whole pictures without drawings, privacy masks already applied; boxes are drawn when one is asked for.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from redshank.clock import US_PER_S
from redshank.model import Box, Frame, Track, TrackState
from redshank.stages import Stages
from redshank.vision.picture import bgr, jpeg

MAX_WIDTH = 1920
MAX_BYTES = 24_000_000
MIN_GAP_US = US_PER_S
"""A better still replaces the last one at most once a second: encoding costs more than motion does."""
QUALITY = 90


@dataclass(frozen=True, slots=True)
class Still:
    """One picture of one track."""

    track: str
    time: int
    box: Box
    merit: float
    jpeg: bytes


class BestStills:
    """At most MAX_BYTES; the track touched longest ago goes first. One thread."""

    def __init__(self) -> None:
        self._stills: OrderedDict[str, Still] = OrderedDict()
        self._bytes = 0

    def offer(self, frame: Frame, tracks: Sequence[Track], stages: Stages) -> None:
        """Keep this picture for every track that has not been seen better."""
        better = [track for track in tracks if self._improves(track, frame.time)]
        if not better:
            return
        with stages.measure("still"):
            picture = jpeg(bgr(frame, max_width=MAX_WIDTH), QUALITY)
        for track in better:
            self._keep(Still(track.id, frame.time, track.box, merit(track), picture))

    def get(self, track: str) -> Still | None:
        return self._stills.get(track)

    def _improves(self, track: Track, time: int) -> bool:
        if not track.seen or track.state is TrackState.ENDED:
            return False
        last = self._stills.get(track.id)
        return last is None or (merit(track) > last.merit * 1.1 and not last.time <= time < last.time + MIN_GAP_US)

    def _keep(self, still: Still) -> None:
        self._bytes += len(still.jpeg) - len(self._stills[still.track].jpeg if still.track in self._stills else b"")
        self._stills[still.track] = still
        self._stills.move_to_end(still.track)
        while self._bytes > MAX_BYTES and len(self._stills) > 1:
            self._bytes -= len(self._stills.popitem(last=False)[1].jpeg)


def merit(track: Track) -> float:
    """How good a picture of the track this is: sure of itself, large, and not cut by the picture's edge."""
    box = track.box
    inside = box.x1 > 0.005 and box.x2 < 0.995 and box.y1 > 0.005
    return track.score * math.sqrt(math.sqrt(box.area)) * (1.0 if inside else 0.8)
