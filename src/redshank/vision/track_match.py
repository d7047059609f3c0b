"""Which detection belongs to which object: overlap, likeness and one assignment. Pure functions on arrays, no threads.

Boxes here are arrays (n, 4) of left, top, right, bottom, all in one unit. The assignment is lap's Jonker-Volgenant solver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lap
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Pairs = list[tuple[int, int]]


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of `a` (n, 4) with every one of `b` (m, 4): (n, m), 0–1."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    side = np.maximum(high - low, 0.0)
    shared = side[..., 0] * side[..., 1]
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    ratio: Floats = shared / np.maximum(area_a[:, None] + area_b[None, :] - shared, 1e-12)
    return ratio


def assign(gain: Floats, least: float) -> Pairs:
    """Pairs (row, column) with the greatest sum of gains, each gain at least `least`; a row or column may stay alone."""
    if not gain.size or gain.max() < least:
        return []
    cost = np.where(gain >= least, 1.0 - gain, 2.0)
    _, columns, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1.0 - least + 1e-9)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0 and gain[row, column] >= least]


def duplicates(boxes: Floats, kinds: NDArray[np.int64], limit: float) -> NDArray[np.bool_]:
    """True for each box that overlaps a better one (they come best first) of its kind by more than `limit`."""
    same = (overlaps(boxes, boxes) > limit) & (kinds[:, None] == kinds[None, :])
    worse = np.zeros(len(boxes), dtype=bool)
    for i in np.flatnonzero(np.triu(same, 1).any(axis=1)):
        if not worse[i]:
            worse[i + 1 :] |= same[i, i + 1 :]
    return worse
