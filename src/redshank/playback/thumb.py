"""Small pictures of what an alert or event was about: what part of the picture they show. Pure."""

from __future__ import annotations

from redshank.model import Box

SHAPE = 4 / 3
WIDTH = 320
"""Pixels."""
MOST_BYTES = 20_000
AROUND = 1.6
"""So much of the picture is shown, by the size of the object …"""
LEAST = 0.3
"""… but no less than this share of its height."""
WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def region(box: Box | None, aspect: float) -> Box:
    """Around the box, 4:3 in pixels and inside the picture where it fits. `aspect`: width by height of the picture in pixels."""
    box = box or WHOLE
    height = min(1.0, max(LEAST, box.height * AROUND, box.width * AROUND * aspect / SHAPE))
    width = height * SHAPE / aspect
    if width > 1:
        height, width = height / width, 1.0
    left = _inside((box.x1 + box.x2 - width) / 2, width)
    top = _inside((box.y1 + box.y2 - height) / 2, height)
    return Box(left, top, left + width, top + height)


def _inside(low: float, size: float) -> float:
    return min(max(low, 0.0), 1.0 - size)
