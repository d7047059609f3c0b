"""The filters against what is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from redshank.vision.kalman import Filters, MotionModel

MODEL = MotionModel()
BOX = np.array([[0.5, 0.5, 0.2, 0.4]])
RIGHT = np.array([[1.0, 0.0, 0.0, 0.0]])


def moved(filters: Filters, seconds: float, steps: int) -> Filters:
    for _ in range(steps):
        filters.predict(seconds / steps)
    return filters


def test_a_long_step_is_the_same_as_many_short_ones() -> None:
    one, many = Filters(MODEL), Filters(MODEL)
    for filters in (one, many):
        filters.add(BOX)
        filters.predict(0.2)
        filters.correct([0], BOX + 0.1 * RIGHT)
    moved(one, 2.0, 1)
    moved(many, 2.0, 40)
    np.testing.assert_allclose(one.at, many.at, atol=5e-3)
    np.testing.assert_allclose(one.speed, many.speed, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("fps", [5, 25])
def test_a_steady_walk_is_learned_and_foreseen(fps: int) -> None:
    filters = Filters(MODEL)
    filters.add(BOX)
    for i in range(1, 3 * fps):
        filters.predict(1 / fps)
        filters.correct([0], BOX + 0.2 * i / fps * RIGHT)
    assert filters.speed[0, 0] == pytest.approx(0.2, rel=0.1)
    here = filters.at[0, 0]
    filters.predict(0.4)
    assert filters.at[0, 0] - here == pytest.approx(0.08, rel=0.15)


def test_an_object_not_seen_comes_to_rest_instead_of_running_away() -> None:
    filters = Filters(MODEL)
    filters.add(BOX)
    filters.speed[0, 0] = 0.2
    moved(filters, 3600.0, 1)
    assert filters.at[0, 0] == pytest.approx(0.5 + 0.2 * MODEL.keeps_s, rel=1e-6)
    assert filters.speed[0, 0] == pytest.approx(0.0, abs=1e-9)
    filters.correct([0], BOX)
    np.testing.assert_allclose(filters.at, BOX, atol=1e-2)


def test_noise_is_smoothed() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, (200, 4))
    filters = Filters(MODEL)
    filters.add(BOX)
    off = []
    for row in noise:
        filters.predict(0.04)
        filters.correct([0], BOX + row)
        off.append(filters.at[0] - BOX[0])
    assert np.std(off[50:]) < 0.7 * np.std(noise)


def test_objects_do_not_touch_one_another() -> None:
    together, alone = Filters(MODEL), Filters(MODEL)
    together.add(np.concatenate([BOX, BOX * 0.5]))
    alone.add(BOX)
    for filters in (together, alone):
        filters.predict(0.1)
        filters.correct([0], BOX * 1.05)
    np.testing.assert_array_equal(together.at[0], alone.at[0])
    together.keep([0])
    np.testing.assert_array_equal(together.at, alone.at)
    assert len(together) == 1


def test_sizes_stay_positive_whatever_shrinks() -> None:
    filters = Filters(MODEL)
    filters.add(BOX)
    filters.speed[0, 2:] = -5.0
    moved(filters, 10.0, 7)
    assert (filters.at[:, 2:] > 0).all()
    assert np.isfinite(filters.at).all()
