"""The picture of a message that tries a channel: colour bars, a box with a label, the time. Drawn, not decoded."""

from __future__ import annotations

import numpy as np

from redshank.model import Box, Detection
from redshank.vision.picture import annotate, jpeg

WIDTH, HEIGHT = 1280, 720


def draw(caption: str) -> bytes:
    """JPEG, WIDTH x HEIGHT."""
    bars = np.array([(b, g, r) for g in (0, 180) for r in (0, 180) for b in (0, 180)], np.uint8)[::-1]
    card = np.repeat(np.repeat(bars[None], WIDTH // len(bars), axis=1), HEIGHT, axis=0)
    found = [Detection("person", 0.873, Box(0.35, 0.3, 0.55, 0.9))]
    return jpeg(annotate(card, found, caption=caption))
