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

_FIT = 0.5
"""Overlap from which a box counts as found where it was expected."""
_MOST_SHIFTS = 150
_MOST_SHIFT = 0.5


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


def unlike(a: list[Floats | None], b: list[Floats | None]) -> Floats:
    """One minus the likeness of every vector of `a` with every one of `b`, all of length one: (n, m), NaN where one is None."""
    length = next((len(look) for look in (*a, *b) if look is not None), 0)
    unknown = np.full(length, np.nan)
    stacked_a, stacked_b = (np.array([unknown if look is None else look for look in looks]) for looks in (a, b))
    change: Floats = 1.0 - stacked_a @ stacked_b.T if length else np.full((len(a), len(b)), np.nan)
    return change


def assign(gain: Floats, least: float) -> Pairs:
    """Pairs (row, column) with the greatest sum of gains, each gain at least `least`; a row or column may stay alone."""
    if not gain.size or gain.max() < least:
        return []
    cost = np.where(gain >= least, 1.0 - gain, 2.0)
    _, columns, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1.0 - least + 1e-9)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0 and gain[row, column] >= least]


def duplicates(among: Floats, kinds: NDArray[np.int64], limit: float) -> NDArray[np.bool_]:
    """True for each box that overlaps a better one (they come best first) of its kind by more than `limit`; `among`: the overlaps
    of all boxes with one another, (n, n)."""
    same = (among > limit) & (kinds[:, None] == kinds[None, :])
    worse = np.zeros(len(kinds), dtype=bool)
    if np.count_nonzero(same) == len(kinds):
        return worse
    for i in np.flatnonzero(np.triu(same, 1).any(axis=1)):
        if not worse[i]:
            worse[i + 1 :] |= same[i, i + 1 :]
    return worse


def camera_shift(expected: Floats, found: Floats) -> Floats:
    """(2,): how far everything has jumped to the right and down since the look before, which means that the camera did.

    Zero unless the objects are *not* where they are expected, at least three of them are when all are moved by one and the
    same step, and that explains the picture much better. So it never speaks on a camera that stands still.
    """
    nothing = np.zeros(2)
    if len(expected) < 3 or len(found) < 3:
        return nothing
    unmoved = overlaps(expected, found).max(axis=1).mean()
    if unmoved >= _FIT:
        return nothing
    ratio = (expected[:, None, 2:] - expected[:, None, :2]) / (found[None, :, 2:] - found[None, :, :2])
    a, b = np.nonzero((np.abs(np.log(ratio)) < 0.4).all(axis=2))
    steps = (found[b, :2] + found[b, 2:] - expected[a, :2] - expected[a, 2:]) / 2
    steps = steps[np.abs(steps).max(axis=1) < _MOST_SHIFT][:_MOST_SHIFTS] if len(steps) else steps
    if not len(steps):
        return nothing
    moved = (expected[None] + np.tile(steps, 2)[:, None]).reshape(-1, 4)
    fit = overlaps(moved, found).max(axis=1).reshape(len(steps), -1)
    best = int(fit.mean(axis=1).argmax())
    if fit[best].mean() < unmoved + 0.2 or np.count_nonzero(fit[best] >= _FIT) < 3:
        return nothing
    step: Floats = steps[best]
    return step


def centred(corners: Floats) -> Floats:
    """(n, 4) centre x, centre y, width, height of boxes given by their corners."""
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)


def cornered(boxes: Floats) -> Floats:
    """The inverse of `centred`."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
