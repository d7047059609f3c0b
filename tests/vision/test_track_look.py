"""Appearance, on painted pictures."""

from __future__ import annotations

import numpy as np
import pytest

from redshank.model import Box, Frame
from redshank.vision.track_look import LENGTH, look

LEFT, RIGHT = Box(0.05, 0.1, 0.25, 0.9), Box(0.7, 0.1, 0.9, 0.9)


def frame(width: int = 320, height: int = 180, light: float = 1.0) -> Frame:
    """Left half dark and bluish, right half bright and reddish, and some noise."""
    noise = np.random.default_rng(1).integers(-3, 4, (height, width))
    y = (np.where(np.arange(width) < width // 2, 70, 170)[None] * light + noise).astype(np.uint8)
    u = np.repeat(np.where(np.arange(width // 2) < width // 4, 150, 110)[None], height // 2, axis=0).astype(np.uint8)
    return Frame("c", "main", 1, 0, 0, 0, 0, True, y, u, (255 - u).astype(np.uint8))


def test_the_same_is_like_and_another_colour_is_not() -> None:
    a, b, c = look(frame(), [LEFT, Box(0.1, 0.1, 0.3, 0.9), RIGHT])
    assert a @ b > 0.95
    assert a @ c < 0.1


def test_rows_have_length_one_also_at_the_edge_and_outside_of_the_picture() -> None:
    rows = look(frame(), [LEFT, Box(-0.5, -0.5, 0.1, 1.5), Box(1.2, 1.2, 1.5, 1.5)])
    assert rows.shape == (3, LENGTH)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    assert look(frame(), []).shape == (0, LENGTH)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_the_size_of_the_picture_does_not_matter(scale: int) -> None:
    here = look(frame(), [LEFT])[0]
    assert here @ look(frame(320 * scale, 180 * scale), [LEFT])[0] > 0.95
