"""Crops around motion, and one answer from many."""

from __future__ import annotations

import pytest

from redshank.model import Box, Detection
from redshank.vision.crops import FULL, MAX_CROPS, PictureSize, merge, plan

HD = PictureSize(1280, 720, 416, 416)


def holds(crop: Box, region: Box) -> bool:
    return crop.x1 <= region.x1 and crop.y1 <= region.y1 and crop.x2 >= region.x2 and crop.y2 >= region.y2


def test_nothing_moves_nothing_is_looked_at() -> None:
    assert plan([], HD) == ()


def test_a_small_region_gets_a_crop_at_the_streams_own_resolution() -> None:
    region = Box(0.9, 0.9, 0.95, 0.98)
    (crop,) = plan([region], HD)
    assert holds(crop, region)
    assert crop.width * 1280 == pytest.approx(416)
    assert crop.height * 720 == pytest.approx(416)


def test_far_corners_get_a_crop_each() -> None:
    regions = [Box(0.02, 0.1, 0.05, 0.2), Box(0.95, 0.8, 0.98, 0.9)]
    crops = plan(regions, PictureSize(2560, 1440, 416, 416))
    assert len(crops) == 2
    assert all(any(holds(c, r) for c in crops) for r in regions)


def test_neighbours_share_a_crop() -> None:
    assert len(plan([Box(0.4, 0.4, 0.45, 0.5), Box(0.46, 0.4, 0.5, 0.5)], HD)) == 1


def test_many_regions_never_cost_more_than_the_bound() -> None:
    regions = [Box(x / 10, y / 10, x / 10 + 0.02, y / 10 + 0.02) for x in range(10) for y in range(10)]
    assert plan(regions, PictureSize(3840, 2160, 416, 416)) == (FULL,)
    assert len(plan(regions[:5], PictureSize(3840, 2160, 416, 416))) <= MAX_CROPS


def test_motion_everywhere_is_one_look_at_everything() -> None:
    assert plan([Box(0.0, 0.0, 1.0, 0.95)], HD) == (FULL,)


def test_a_stream_smaller_than_the_model_is_looked_at_whole() -> None:
    assert plan([Box(0.5, 0.5, 0.6, 0.6)], PictureSize(320, 240, 416, 416)) == (FULL,)


def test_boxes_come_back_in_the_whole_picture() -> None:
    (found,) = merge([Box(0.5, 0.0, 1.0, 0.5)], [[Detection("person", 0.9, Box(0.2, 0.2, 0.4, 0.6))]])
    assert found.box == Box(0.6, 0.1, 0.7, 0.3)


def test_an_object_seen_in_two_crops_counts_once() -> None:
    crops = [Box(0.0, 0.0, 0.5, 1.0), Box(0.25, 0.0, 0.75, 1.0)]
    answers = [[Detection("person", 0.8, Box(0.6, 0.2, 0.9, 0.8))], [Detection("person", 0.9, Box(0.1, 0.2, 0.4, 0.8))]]
    assert [d.score for d in merge(crops, answers)] == [0.9]


def test_half_a_person_at_a_crops_edge_yields_to_the_whole_one_even_with_a_better_score() -> None:
    crops = [Box(0.0, 0.0, 0.5, 1.0), FULL]
    answers = [
        [Detection("person", 0.95, Box(0.8, 0.2, 1.0, 0.8))],
        [Detection("person", 0.6, Box(0.4, 0.2, 0.6, 0.8))],
    ]
    assert [d.score for d in merge(crops, answers)] == [0.6]


def test_half_a_person_at_the_pictures_own_edge_is_kept() -> None:
    assert len(merge([FULL], [[Detection("person", 0.9, Box(0.9, 0.2, 1.0, 0.8))]])) == 1
