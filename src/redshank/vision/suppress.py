"""Suppression of overlapping boxes, class by class. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_CANDIDATES = 512
"""Only the best of a picture are compared: the work stays bounded however wrong a model is."""


def suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.intp], max_iou: float
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indexes to keep, best first.

    Boxes x1, y1, x2, y2 in any unit, (n, 4). Of two boxes of one class that overlap by more than `max_iou` the better stays.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    if order.size < 2:
        return order
    rivals = (overlaps(boxes[order]) > max_iou) & (classes[order, None] == classes[order])
    alive = np.ones(order.size, np.bool_)
    for index in range(order.size - 1):
        if alive[index]:
            alive[index + 1 :] &= ~rivals[index, index + 1 :]
    return order[alive]


def overlaps(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each with each, (n, n)."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    whole = area[:, None] + area[None, :] - shared
    iou: NDArray[np.float32] = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return iou
