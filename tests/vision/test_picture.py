"""Frames to pixels: the crop alone is converted, colours are right, what is private is black, what is drawn stays in its place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from redshank.model import Box, Detection, Frame
from redshank.vision.picture import annotate, bgr, colour, cover, jpeg, still

Pixels = NDArray[np.uint8]


def make_frame(picture: Pixels, full_range: bool = False, matrix: str = "601") -> Frame:
    """A frame of a BGR picture, computed from the standards' formulas rather than by OpenCV."""
    kr, kb = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}[matrix]
    b, g, r = (picture[..., i].astype(np.float64) / 255 for i in range(3))
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    luma = y * 255 if full_range else 16 + y * 219
    chroma = [128 + c * (255 if full_range else 224) for c in (cb, cr)]
    planes = [np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in (luma, *(c[::2, ::2] for c in chroma))]
    return Frame("door", "main", 1, 1, 0, 0, 0, True, planes[0], planes[1], planes[2], full_range)


def blocks(height: int = 96, width: int = 160) -> Pixels:
    """Flat colours in 16-pixel blocks, so that half the chroma loses nothing."""
    small = np.random.default_rng(3).integers(30, 225, (height // 16, width // 16, 3), np.uint8)
    return small.repeat(16, axis=0).repeat(16, axis=1)


@pytest.mark.parametrize("full_range", [False, True])
def test_colours_come_back_in_both_ranges(full_range: bool) -> None:
    picture = blocks()
    seen = bgr(make_frame(picture, full_range))
    assert np.abs(seen.astype(int) - picture).max() <= 4


def test_hd_pictures_for_people_are_read_as_bt_709() -> None:
    small = np.random.default_rng(3).integers(60, 190, (45, 80, 3), np.uint8)
    picture = small.repeat(16, axis=0).repeat(16, axis=1)
    frame = make_frame(picture, matrix="709")
    assert np.abs(still(frame).astype(int) - picture).max() <= 5
    assert np.abs(bgr(frame).astype(int) - picture).max() > 10  # what `still` repairs
    below = make_frame(blocks())
    np.testing.assert_array_equal(still(below), bgr(below))


def test_a_region_is_the_same_pixels_as_cut_from_the_whole() -> None:
    frame = make_frame(blocks())
    part = bgr(frame, Box(0.2, 0.25, 0.6, 0.75))
    np.testing.assert_array_equal(part, bgr(frame)[24:72, 32:96])


UNIT = st.floats(0, 1)


@given(UNIT, UNIT, UNIT, UNIT, st.integers(2, 99), st.integers(2, 99))
def test_any_region_of_any_frame_gives_a_picture(
    a: float, b: float, c: float, d: float, width: int, height: int
) -> None:
    half = ((height + 1) // 2, (width + 1) // 2)
    planes = (np.zeros((height, width), np.uint8), np.zeros(half, np.uint8), np.zeros(half, np.uint8))
    frame = Frame("door", "main", 1, 1, 0, 0, 0, True, *planes)
    region = Box(min(a, b), min(c, d), max(a, b), max(c, d))
    part = bgr(frame, region, max_width=40)
    assert part.ndim == 3
    assert 2 <= part.shape[1] <= 40
    assert part.shape[0] >= 2


def test_a_picture_is_no_wider_than_asked_and_keeps_its_shape() -> None:
    frame = make_frame(blocks(96, 160))
    assert bgr(frame, max_width=80).shape == (48, 80, 3)
    assert bgr(frame, max_width=400).shape == (96, 160, 3)
    assert abs(int(bgr(frame, max_width=80).mean()) - int(bgr(frame).mean())) <= 1


SQUARE = [(0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5)]


@pytest.mark.parametrize("full_range", [False, True])
def test_what_is_private_is_black_and_the_rest_untouched(full_range: bool) -> None:
    frame = make_frame(blocks(), full_range)
    covered = cover(frame, [SQUARE])
    seen, before = bgr(covered), bgr(frame)
    assert seen[24:49, 40:81].max() == 0
    far = np.ones(seen.shape[:2], np.bool_)
    far[20:53, 36:85] = False
    np.testing.assert_array_equal(seen[far], before[far])
    assert not covered.y.flags.writeable
    np.testing.assert_array_equal(bgr(frame), before)  # the frame itself did not change
    assert (covered.seq, covered.full_range) == (frame.seq, full_range)


def test_without_masks_the_frame_is_not_copied() -> None:
    frame = make_frame(blocks())
    assert cover(frame, []) is frame


def test_annotations_change_pixels_only_around_boxes_zones_and_caption() -> None:
    raw = np.full((480, 640, 3), 90, np.uint8)
    drawn = annotate(raw, [Detection("person", 0.9412, Box(0.5, 0.4, 0.6, 0.8))], {}, "Front door")
    assert (raw == 90).all()
    changed = np.argwhere((drawn != raw).any(axis=2))
    box = (changed >= (160, 300)).all(axis=1) & (changed <= (400, 520)).all(axis=1)
    caption = (changed[:, 0] > 450) & (changed[:, 1] < 320)
    assert box.any()
    assert caption.any()
    assert (box | caption).all()
    assert (drawn[250:330, 340:370] == 90).all()  # the person itself stays visible


def test_the_label_says_the_rounded_score() -> None:
    def drawn(score: float) -> Pixels:
        return annotate(np.zeros((480, 640, 3), np.uint8), [Detection("person", score, Box(0.2, 0.3, 0.4, 0.9))])

    np.testing.assert_array_equal(drawn(0.9412), drawn(0.94))
    assert (drawn(0.94) != drawn(0.95)).any()


def test_zones_are_outlined_and_not_filled() -> None:
    raw = np.zeros((480, 640, 3), np.uint8)
    drawn = annotate(raw, [], {"yard": [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]})
    assert drawn[300, 126:131].max(axis=0).tolist() == pytest.approx(colour("yard"), abs=30)
    assert (drawn[150:370, 160:480] == 0).all()


@pytest.mark.parametrize("size", [(48, 64), (180, 320), (1080, 1920)])
def test_text_is_readable_and_inside_at_any_size(size: tuple[int, int]) -> None:
    raw = np.zeros((*size, 3), np.uint8)
    drawn = annotate(
        raw, [Detection("person", 0.5, Box(0.9, 0.0, 1.0, 0.3))], caption="Eingangstür 2026-11-21 05:33:00"
    )
    strip = (drawn[-6:, :20] == 32).all(axis=2)
    assert strip.any()
    rows = np.nonzero((drawn[:, 2] == 32).all(axis=1))[0]
    assert 5 <= len(rows) <= max(20, size[0] // 20)


def test_jpeg_is_a_jpeg_of_the_picture() -> None:
    picture = blocks()
    data = jpeg(picture)
    assert data[:3] == b"\xff\xd8\xff"
    back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert back is not None
    assert np.abs(back.astype(int) - picture).mean() < 4
    assert len(jpeg(picture, 30)) < len(data)
    with pytest.raises(ValueError, match="empty"):
        jpeg(np.zeros((0, 4, 3), np.uint8))
