"""Filters by score, size and shape."""

from __future__ import annotations

import pytest

from redshank.model import Box, Detection
from redshank.rules.filter import ObjectFilter

PERSON = Detection("person", 0.5, Box(0.1, 0.1, 0.2, 0.5))
"""In a 16:9 picture: area 0.04, ratio 0.444."""


@pytest.mark.parametrize(
    ("limits", "passes"),
    [
        (ObjectFilter(), True),
        (ObjectFilter(min_score=0.5), True),
        (ObjectFilter(min_score=0.51), False),
        (ObjectFilter(min_area=0.039, max_area=0.041), True),
        (ObjectFilter(min_area=0.041), False),
        (ObjectFilter(max_area=0.039), False),
        (ObjectFilter(min_ratio=0.44, max_ratio=0.45), True),
        (ObjectFilter(min_ratio=0.45), False),
        (ObjectFilter(max_ratio=0.44), False),
    ],
)
def test_a_detection_passes_within_every_limit(limits: ObjectFilter, passes: bool) -> None:
    assert limits.passes(PERSON, 16 / 9) is passes


def test_a_box_without_height_never_passes() -> None:
    assert not ObjectFilter().passes(Detection("person", 0.9, Box(0.1, 0.1, 0.2, 0.1)), 1.0)
