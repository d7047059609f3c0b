"""A camera that sends, but always the same picture: packets flow, nothing is seen (rel:T17).

Keyframes are compared, because each is encoded anew from what the sensor gives. Of a living camera no two are alike: noise changes some
of the pixels in every picture that is not all clipped to black or white. Of a frozen one most pixels are equal to the last keyframe's,
at once with constant quality, within half a minute when a rate control still moves. So the picture is frozen when for 30 s nothing
changed strongly anywhere, and for 12 s in two of four comparisons even the part that changed most had 70 % equal pixels.

A picture without any noise that stands still (a test card, a rendered scene) cannot be told from this, and counts as frozen. A clock
drawn into the picture that still ticks is a strong change: not frozen. Pure; one thread; time is the picture's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from redshank.clock import US_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FrozenSettings:
    """Measured on x264 at constant quality, average and constant bitrate: docs/design/frozen.md."""

    still_s: float = 30.0
    """Nothing changed strongly for so long."""
    equal_s: float = 12.0
    """Pictures were equal, with few exceptions, for so long."""
    equal: float = 0.7
    """Share of equal pixels in the part of the picture with the fewest. Alive, with noise of 0.3 grey levels or more: up to 0.54."""
    strong: int = 48
    """Grey levels by which one pixel changes when something happened. Coding and noise of 4 grey levels: up to 30."""
    apart_s: float = 1.0
    """Pictures closer than this to the last are not looked at."""
    hole_s: float = 60.0
    """After so long without a picture all is forgotten."""


WIDTH = 320
"""Pixels compared across, at most; the others are skipped."""
ACROSS, DOWN = 16, 9
"""Parts of the picture."""
LAST, ENOUGH, KEPT = 4, 2, 8
"""Frozen from ENOUGH of the LAST comparisons on; until a strong change, or none of KEPT was equal."""


class Frozen:
    """Feed it the luma of keyframes, or of pictures that are each encoded on their own."""

    def __init__(self, settings: FrozenSettings | None = None) -> None:
        self._settings = settings or FrozenSettings()
        self._picture: NDArray[np.uint8] | None = None
        self._time = 0
        self._since = 0
        """Of the picture before which something last changed strongly."""
        self._equal: deque[bool] = deque(maxlen=KEPT)
        """The last comparisons."""
        self._equal_since: int | None = None
        self.frozen = False

    def look(self, time: int, luma: NDArray[np.uint8]) -> bool:
        """Whether it is frozen now. `time` in microseconds, `luma` (height, width); it is copied, in part."""
        passed_s = (time - self._time) / US_PER_S
        if self._picture is not None and 0 <= passed_s < self._settings.apart_s:
            return self.frozen
        step = max(1, luma.shape[1] // WIDTH)
        before, now, then = self._picture, luma[::step, ::step].copy(), self._time
        self._picture, self._time = now, time
        if before is None or before.shape != now.shape or not 0 <= passed_s <= self._settings.hole_s:
            return self._begin(time)
        if int(np.max(np.maximum(now, before) - np.minimum(now, before))) >= self._settings.strong:
            return self._begin(time)
        self._equal.append(_least_equal(now == before) >= self._settings.equal)
        recent = list(self._equal)[-LAST:]
        if not any(recent):
            self._equal_since = None
        elif self._equal_since is None:
            self._equal_since = then
        if self.frozen:
            self.frozen = any(self._equal)
        else:
            self.frozen = sum(recent) >= ENOUGH and self._long_enough(time)
        return self.frozen

    def _long_enough(self, time: int) -> bool:
        equal_s = 0.0 if self._equal_since is None else (time - self._equal_since) / US_PER_S
        return equal_s >= self._settings.equal_s and (time - self._since) / US_PER_S >= self._settings.still_s

    def _begin(self, time: int) -> bool:
        self._since, self._equal_since, self.frozen = time, None, False
        self._equal.clear()
        return False


def _least_equal(same: NDArray[np.bool_]) -> float:
    """Share of True in the part of the picture with the fewest; what remains at the right and bottom edge is left out."""
    height, width = same.shape[0] // DOWN, same.shape[1] // ACROSS
    if not height or not width:
        return float(same.mean())
    parts = same[: height * DOWN, : width * ACROSS].reshape(DOWN, height, ACROSS, width)
    return float(parts.mean(axis=(1, 3)).min())
