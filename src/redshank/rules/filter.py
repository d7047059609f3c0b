"""Which detections are worth tracking at all: score, size and shape, by label. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from redshank.model import Detection


@dataclass(frozen=True, slots=True)
class ObjectFilter:
    """Limits for one label; each includes its own value. The defaults let everything pass."""

    min_score: float = 0.0
    min_area: float = 0.0
    """Share of the picture, 0–1."""
    max_area: float = 1.0
    min_ratio: float = 0.0
    """Width by height, in pixels: a standing person is about 0.4, a car from the side 2."""
    max_ratio: float = float("inf")

    def passes(self, detection: Detection, aspect: float) -> bool:
        """`aspect` is the picture's width by height in pixels; boxes are 0–1 of it."""
        box = detection.box
        if detection.score < self.min_score or not self.min_area <= box.area <= self.max_area:
            return False
        return box.height > 0 and self.min_ratio <= box.width * aspect / box.height <= self.max_ratio
