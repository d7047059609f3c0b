"""Pictures into the model's input and boxes back; suppression of overlaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from redshank.vision.letterbox import GREY, Letterbox, fit
from redshank.vision.suppress import MAX_CANDIDATES, suppress

SIDES = st.integers(1, 4000)


@given(SIDES, SIDES, st.sampled_from([0, 32]))
def test_corners_of_any_picture_come_back_as_zero_and_one(width: int, height: int, stride: int) -> None:
    where = fit(width, height, 416, 416, stride)
    assert where.width <= 416
    assert where.height <= 416
    assert max(where.inner_width, where.inner_height) == 416
    right, bottom = where.left + where.inner_width, where.top + where.inner_height
    assert where.left >= 0
    assert right <= where.width
    assert bottom <= where.height
    if stride:
        assert where.width % stride == where.height % stride == 0
    box = np.array([[where.left, where.top, right, bottom]], np.float32)
    np.testing.assert_allclose(where.unit(box), [[0, 0, 1, 1]])


def test_the_picture_lies_in_the_middle_of_grey() -> None:
    pixels, where = Letterbox(64, 64).place(np.full((32, 64, 3), 200, np.uint8))
    assert pixels.shape == (64, 64, 3)
    assert (where.left, where.top) == (0, 16)
    assert (pixels[:16] == GREY).all()
    assert (pixels[48:] == GREY).all()
    assert (pixels[16:48] == 200).all()


def test_one_buffer_serves_pictures_of_every_shape() -> None:
    letterbox = Letterbox(64, 64, 32)
    letterbox.place(np.full((64, 64, 3), 9, np.uint8))
    pixels, where = letterbox.place(np.full((10, 64, 3), 200, np.uint8))
    assert pixels.shape == (32, 64, 3)
    assert (pixels[: where.top] == GREY).all()


def boxes(*rows: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_of_two_overlapping_boxes_of_a_class_the_better_stays() -> None:
    given_boxes = boxes((0, 0, 10, 10), (1, 0, 11, 10), (30, 0, 40, 10))
    keep = suppress(given_boxes, np.array([0.5, 0.9, 0.1], np.float32), np.array([0, 0, 0]), 0.5)
    assert keep.tolist() == [1, 2]


def test_another_class_in_the_same_place_stays() -> None:
    given_boxes = boxes((0, 0, 10, 10), (0, 0, 10, 10))
    keep = suppress(given_boxes, np.array([0.5, 0.9], np.float32), np.array([0, 1]), 0.5)
    assert keep.tolist() == [1, 0]


def test_a_suppressed_box_suppresses_nobody() -> None:
    # b overlaps a and c; a and c do not overlap enough: c stays although b, which would remove it, is better than c.
    chain = boxes((0, 0, 10, 10), (3, 0, 13, 10), (6, 0, 16, 10))
    keep = suppress(chain, np.array([0.9, 0.8, 0.7], np.float32), np.array([0, 0, 0]), 0.5)
    assert keep.tolist() == [0, 2]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one_box_pass(count: int) -> None:
    keep = suppress(boxes(*[(0, 0, 1, 1)] * count), np.ones(count, np.float32), np.zeros(count, np.intp), 0.5)
    assert keep.tolist() == list(range(count))


def test_the_work_is_bounded_however_many_boxes_come() -> None:
    count = 5000
    corner = np.arange(count, dtype=np.float32)[:, None] * 10
    many = np.concatenate([corner, corner, corner + 1, corner + 1], axis=1)
    assert (
        len(suppress(many, np.linspace(0, 1, count, dtype=np.float32), np.zeros(count, np.intp), 0.5)) == MAX_CANDIDATES
    )


def test_boxes_without_area_do_no_harm() -> None:
    keep = suppress(boxes((5, 5, 5, 5), (5, 5, 5, 5)), np.array([0.4, 0.6], np.float32), np.array([0, 0]), 0.5)
    assert keep.tolist() == [1, 0]
