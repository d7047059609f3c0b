"""What an object looks like, cheaply: colours of its upper and its lower half.

A vector per box, of length one, whose dot product with another is their Bhattacharyya coefficient (A. Bhattacharyya, 1943): 1 for
the same distribution of colours, 0 for none in common. A fixed grid of points is read from the planes as they are decoded, so
the cost does not depend on the size of the picture. Pure, no threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from redshank.model import Box, Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ACROSS = np.linspace(0.25, 0.75, 12)
_DOWN = np.concatenate([np.linspace(0.15, 0.45, 12), np.linspace(0.5, 0.85, 12)])
"""Points of a box: the sides and the ends are mostly background."""
_HALF = np.repeat([0, 1], 12)
_LUMA, _CHROMA = 8, 8
LENGTH = 2 * (_LUMA + 2 * _CHROMA)
"""Of a vector: for each half, one histogram each of Y, U and V."""


def look(frame: Frame, boxes: Sequence[Box]) -> NDArray[np.float32]:
    """(number of boxes, LENGTH), each row of length one. Parts of a box outside the picture repeat its edge."""
    if not boxes:
        return np.zeros((0, LENGTH), dtype=np.float32)
    corners = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes])
    across = np.clip(corners[:, :1] + _ACROSS * (corners[:, 2:3] - corners[:, :1]), 0, 1)
    down = np.clip(corners[:, 1:2] + _DOWN * (corners[:, 3:] - corners[:, 1:2]), 0, 1)
    parts = []
    # Chroma keeps to the middle of its range: its bins are eight levels wide, luma's thirty-two.
    for plane, bins, shift, first in ((frame.y, _LUMA, 5, 0), (frame.u, _CHROMA, 3, 12), (frame.v, _CHROMA, 3, 12)):
        rows = (down * (plane.shape[0] - 1)).astype(np.intp)
        columns = (across * (plane.shape[1] - 1)).astype(np.intp)
        levels = plane[rows[:, :, None], columns[:, None, :]].astype(np.intp) >> shift
        levels = np.clip(levels - first, 0, bins - 1) + bins * _HALF[None, :, None]
        levels += 2 * bins * np.arange(len(boxes))[:, None, None]
        parts.append(np.bincount(levels.ravel(), minlength=2 * bins * len(boxes)).reshape(len(boxes), -1))
    counts = np.concatenate(parts, axis=1)
    unit: NDArray[np.float32] = np.sqrt(counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
    return unit
